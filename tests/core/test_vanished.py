"""Items that are listed and gone when their stat is looked at, as a file can be."""

import pytest

from persidict.core import LocalDict


class Gone:
    """The stat of an item that somebody deleted after it was listed."""

    @property
    def etag(self):
        raise KeyError

    timestamp = etag


class Vanishing(LocalDict):
    """A dict that lists keys which aren't there any more."""

    gone = ()

    def _scan(self, prefix):
        yield from super()._scan(prefix)
        for name in self.gone:
            yield self._complete(name), Gone()


@pytest.fixture(name="source")
def source_fixture():
    d = Vanishing()
    d.update(a=1, b=2)
    d.gone = ("v",)
    return d


def test_times_are_those_of_what_is_still_there(source):
    assert {key for key, _ in source.keys_and_timestamps()} == {("a",), ("b",)}
    assert source.newest_keys() == [("b",), ("a",)]


def test_copies_leave_it_out(source):
    target = LocalDict()
    target["v"] = "kept"
    assert source.copy_to(target).copied == 2
    assert dict(target.items()) == {("a",): 1, ("b",): 2, ("v",): "kept"}


def test_it_is_absent_in_a_target(source):
    other = LocalDict()
    other["v"] = 3
    assert sum(other.copy_to(source)) == 1
    assert source["v"] == 3


def test_it_is_absent_among_items_that_are_read_one_by_one(source):
    """A damaged item makes a copy read the rest of its batch alone."""

    class Damaged(Vanishing):
        def _load(self, key, known):
            if key == ("b",):
                raise TypeError("damaged")
            return super()._load(key, known)

    damaged = Damaged(backend=source.backend)
    damaged.gone = ("v",)
    target = LocalDict()
    with pytest.raises(TypeError, match="damaged"):
        damaged.copy_to(target)
    assert dict(target.items()) == {("a",): 1}
