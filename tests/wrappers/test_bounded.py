"""`BoundedDict`: what is deleted, and when."""

import random
import sys

import pytest

from persidict.core import LocalDict
from persidict.wrappers import BoundedDict
from tests.support.crashes import fork, killed
from tests.wrappers.wrapper_doubles import Watched


class Clock:
    now = 1000.0

    def __call__(self):
        self.now += 1
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Each look at the time is a second later than the one before."""
    monkeypatch.setattr("time.time", Clock())


def names(d):
    return "".join(sorted(key[0] for key in d))


def test_the_least_recently_used_item_goes():
    d = BoundedDict(LocalDict(), max_items=3)
    for name in "abc":
        d[name] = name
    assert d["a"] == "a"
    d["d"] = 1
    assert names(d) == "acd"
    assert d.get("c") == "c"
    assert "a" in d, "looking whether it is there is no use"
    d["e"] = 1
    assert names(d) == "cde"


def test_rewriting_is_a_use_and_no_new_item():
    d = BoundedDict(LocalDict(), max_items=2)
    d.update(a=1, b=2)
    d["a"] = 3
    assert names(d) == "ab"
    d["c"] = 4
    assert names(d) == "ac"


def test_many_items_at_once():
    d = BoundedDict(LocalDict(), max_items=4)
    d.update({f"k{n}": n for n in range(10)})
    assert len(d) == 4
    assert sorted(d.values()) == [6, 7, 8, 9]
    assert dict(d.get_many(["k6", "k7"])) == {("k6",): 6, ("k7",): 7}
    d["new"] = 1
    assert ("k8",) not in d


def test_items_that_were_there_before_count():
    main = LocalDict()
    main.update(a=1, b=2, c=3)
    d = BoundedDict(main, max_items=2)
    d["d"] = 4
    assert names(d) == "cd"


def test_bytes(tmp_path):
    pytest.importorskip("persidict.file")
    from persidict.file import FileDirDict

    main = FileDirDict(
        base_dir=tmp_path, serialization_format="txt", base_class_for_values=str, durable=False
    )
    d = BoundedDict(main, max_bytes=100)
    d["a"], d["b"] = "x" * 40, "x" * 50
    assert names(d) == "ab"
    d["c"] = "x" * 20
    assert sum(map(len, d.values())) <= 100
    assert "c" in d
    d["large"] = "x" * 101
    assert "large" not in d


def test_what_somebody_wrote_meanwhile_stays():
    class Busy(Watched):
        rewritten = False

        def _erase(self, key, expected):
            if not self.rewritten:
                self.rewritten = True
                super()._store(key, "somebody else's", self._stat(key).etag)
            super()._erase(key, expected)

    d = BoundedDict(Busy(), max_items=1)
    d["a"] = 1
    d["b"] = 2
    assert d.wrapped_dict["a"] == "somebody else's"


def test_sub_dicts_share_the_bound():
    d = BoundedDict(LocalDict(), max_items=2)
    d["a", "x"] = 1
    d.get_subdict("a")["y"] = 2
    d.get_subdict("b")["z"] = 3
    assert len(d) == 2
    assert d.get_subdict("b")["z"] == 3


def test_a_sub_dict_can_be_bounded():
    main = LocalDict()
    main["other"] = 0
    d = BoundedDict(main.get_subdict("here"), max_items=1)
    d["a"] = 1
    d["b"] = 2
    assert set(main) == {("other",), ("here", "b")}
    assert d.get_params() == {
        "max_bytes": None,
        "max_items": 1,
        "wrapped_dict": main.get_subdict("here"),
    }


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "give max_items, max_bytes or both"),
        ({"max_items": 0}, ValueError, "max_items must be positive"),
        ({"max_items": "1"}, TypeError, "max_items must be an int"),
        ({"max_bytes": 1}, ValueError, "stores bytes, such as a FileDirDict, not a LocalDict"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        BoundedDict(LocalDict(), **arguments)


def test_wrong_dicts():
    with pytest.raises(TypeError, match="wrapped_dict must be a PersiDict"):
        BoundedDict({}, max_items=1)
    with pytest.raises(ValueError, match="append-only"):
        BoundedDict(LocalDict(append_only=True), max_items=1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_processes_share_a_bound(tmp_path):
    file = pytest.importorskip("persidict.file")
    store = file.FileDirDict(tmp_path, durable=False)

    def work(seed):
        dice = random.Random(seed)
        d = BoundedDict(store, max_items=80)
        for step in range(100):
            key = f"k{dice.randrange(400)}"
            if dice.random() < 0.6:
                d[key] = step
            else:
                d.get(key)

    for child in [fork(lambda seed=seed: work(seed)) for seed in range(8)]:
        assert not killed(child)
    assert 0 < len(store) <= 80 + 8 * 10
