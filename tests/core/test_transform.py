"""`transform_item` with a default, and what `str` shows."""

import pytest

from persidict.core import DELETE_CURRENT, ITEM_NOT_AVAILABLE, KEEP_CURRENT, LocalDict


def test_a_default_counts():
    d = LocalDict()
    for expected in (1, 2, 3):
        counted = d.transform_item("hits", transformer=lambda n: n + 1, default=0)
        assert counted.new_value == expected


@pytest.mark.parametrize("default", [None, False, "text"])
def test_any_value_can_be_the_default(default):
    seen = []
    LocalDict().transform_item("a", transformer=seen.append, default=default)
    assert seen == [default]


@pytest.mark.parametrize("joker", [KEEP_CURRENT, DELETE_CURRENT])
def test_a_transformer_that_writes_nothing_leaves_the_item_absent(joker):
    d = LocalDict()
    outcome = d.transform_item("a", transformer=lambda _: joker, default=5)
    assert outcome == (ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)
    assert "a" not in d
    with pytest.raises(TypeError, match="joker"):
        d.transform_item("a", transformer=lambda _: 1, default=joker)


def test_each_attempt_gets_the_default_as_it_was_given():
    d, default, attempts = LocalDict(), [], []

    def append(values):
        attempts.append(list(values))
        values.append(1)
        if len(attempts) == 1:
            d["a"] = 5
            del d["a"]
            d["a"] = 6
            d.discard("a")
            d.setdefault("a", [7])
        return values

    assert d.transform_item("a", transformer=append, default=default).new_value == [7, 1]
    assert (attempts, default) == ([[], [7]], [])


def test_str_reads_no_item():
    class Unread(LocalDict):
        def _load(self, key, known):
            raise AssertionError("a value is read")

        def _scan(self, prefix):
            raise AssertionError("the store is listed")

    d = Unread()
    d["a"] = 1
    assert str(d) == f"{d}" == repr(d)
