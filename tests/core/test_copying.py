"""Copying: what happens to each item, for all times, and whoever else is writing."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persidict.core import (
    ITEM_NOT_AVAILABLE,
    ConcurrencyConflictError,
    EmptyDict,
    LocalBackend,
    LocalDict,
    MutationPolicyError,
)

NOTHING = {"copied": 0, "unchanged": 0, "newer": 0, "conflict": 0, "deleted": 0}


class Timed(LocalDict):
    """A dict in which items are written when it is said, and reads are counted."""

    loads = 0

    def _load(self, key, known):
        self.loads += 1
        return super()._load(key, known)

    def put(self, key, value, written):
        self[key] = value
        item = self._items[self._complete(key)]
        stat = item.stat._replace(timestamp=float(written))
        self._items[self._complete(key)] = item._replace(stat=stat)


def counts(**others):
    return tuple({**NOTHING, **others}.values())


def contents(d):
    return {"/".join(key): value for key, value in d.items()}


ITEMS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d/e", "d/f"]),
    st.tuples(st.integers(0, 2), st.sampled_from([100, 100.25, 100.5, 101, 101.25, 103, 110.5])),
)


def judged(ours, theirs, *, compare):
    """The outcome for one item and what is there afterwards, from the rules as documented."""
    if theirs is None:
        return "copied", ours[0]
    (value, written), (other, later) = ours, theirs
    surely = later - (written + 1 if written == int(written) else written)
    if surely >= 2 and not compare:
        return "unchanged", other
    if value == other:
        return "unchanged", other
    if surely > 0:
        return "newer", other
    return "copied", value


@given(ITEMS, ITEMS, st.booleans(), st.booleans(), st.booleans())
def test_every_item_against_a_model(ours, theirs, sync, dry_run, compare):
    source, target = Timed(), Timed()
    for d, items in ((source, ours), (target, theirs)):
        for key, (value, written) in items.items():
            d.put(key.split("/"), value, written)
    expected = {key: judged(ours[key], theirs.get(key), compare=compare) for key in ours}
    after = {key: value for key, (value, _) in theirs.items()}
    before = dict(after)
    after.update({key: value for key, (_, value) in expected.items()})
    outcomes = {key: outcome for key, (outcome, _) in expected.items()}
    if sync:
        for key in theirs.keys() - ours.keys():
            outcomes[key] = "deleted"
            del after[key]
    seen = {}
    copy = source.sync_to if sync else source.copy_to
    found = copy(
        target,
        progress=lambda key, outcome: seen.setdefault("/".join(key), outcome),
        dry_run=dry_run,
        compare=compare,
    )
    assert seen == outcomes
    assert found == counts(**{name: [*outcomes.values()].count(name) for name in NOTHING})
    assert contents(target) == (before if dry_run else after)


def test_what_was_copied_is_not_read_again():
    source, target = Timed(), Timed()
    for number in range(1000):
        source.put(f"k{number}", number, written=time.time() - 60)
    done = []

    def stop(key, outcome):
        done.append(key)
        if len(done) == 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        source.copy_to(target, progress=stop)
    assert len(target) == 300
    source.loads = target.loads = 0
    assert source.copy_to(target) == counts(copied=700, unchanged=300)
    assert (source.loads, target.loads) == (700, 0)
    source.loads = 0
    assert source.copy_to(target) == counts(unchanged=1000)
    assert (source.loads, target.loads) == (0, 0)
    assert source == target


def test_a_dry_run_reads_nothing_where_times_are_clear():
    source, target = Timed(), Timed()
    source.put("new", 1, 100)
    source.put("old", 1, 100)
    target.put("old", 2, 150)
    assert source.copy_to(target, dry_run=True) == counts(copied=1, unchanged=1)
    assert (source.loads, target.loads) == (0, 0)


def test_equal_items_are_not_written_again():
    source, target = Timed(), Timed()
    source.put("a", [1, 2.0], 100)
    target.put("a", [1, 2.0], 50)
    etag = target.etag("a")
    assert source.copy_to(target) == counts(unchanged=1)
    assert target.etag("a") == etag
    assert target.copy_to(source) == counts(unchanged=1)


@pytest.mark.parametrize(
    ("before", "after"), [([1], [True]), ({"a": 1}, {"a": 1.0}), (0.0, -0.0), ({1}, {True})]
)
def test_a_change_of_types_is_a_change(before, after):
    source, target = Timed(), Timed()
    target.put("a", before, 50)
    source.put("a", after, 100)
    assert source.copy_to(target) == counts(copied=1)
    assert repr(target["a"]) == repr(after)
    assert source.copy_to(target) == counts(unchanged=1)


def test_what_no_pickle_holds_is_compared_by_itself():
    class Unpicklable:
        def __init__(self, content):
            self.content = content

        def __eq__(self, other):
            return self.content == other.content

        __hash__ = None

        def __reduce_ex__(self, protocol):
            raise TypeError("not me")

        def __deepcopy__(self, memo):
            return Unpicklable(self.content)

    source, target = Timed(), Timed()
    for content, outcome in ((1, counts(unchanged=1)), (2, counts(copied=1))):
        target.put("a", Unpicklable(1), 50)
        source.put("a", Unpicklable(content), 100)
        assert source.copy_to(target) == outcome


@pytest.mark.parametrize("existing", [False, True])
def test_a_write_meanwhile_is_a_conflict(existing):
    source, target = Timed(), Timed()
    source.put("first", 1, 100)
    source.put("second", 1, 100)
    if existing:
        target.put("second", 0, 50)

    def somebody_else(key, outcome):
        if key == "first":
            target["second"] = "theirs"

    assert source.copy_to(target, progress=somebody_else) == counts(copied=1, conflict=1)
    assert target["second"] == "theirs"


def test_a_write_before_the_comparison_is_a_conflict():
    source, target = Timed(), Timed()
    for d, value in ((source, 1), (target, 0)):
        d.put("first", value, 100)
        d.put("second", value, 100)

    def somebody_else(key, outcome):
        if key == "first":
            target["second"] = 1

    assert source.copy_to(target, progress=somebody_else) == counts(copied=1, conflict=1)


def test_deletion_minds_what_happens_meanwhile():
    source, target = Timed(), Timed()
    source.put("kept", 1, 100)
    for key in ("back", "changed", "gone", "left"):
        target.put(key, 1, 50)

    def somebody_else(key, outcome):
        if key == "kept":
            source["back"] = 2
            target["changed"] = 2
            del target["gone"]

    found = source.sync_to(target, progress=somebody_else)
    assert found == counts(copied=1, conflict=3, deleted=1)
    assert contents(target) == {"kept": 1, "back": 1, "changed": 2}


class Fragile(Timed):
    """A dict with items that can't be read."""

    def _load(self, key, known):
        if key[-1].startswith("bad"):
            raise TypeError(f"{key} is damaged")
        return super()._load(key, known)


def test_all_but_the_damaged_items_are_copied():
    source, target = Fragile(), Timed()
    for key in ("a", "bad1", "b", "bad2", "c"):
        source.put(key, key, 100)
    target.put("extra", 1, 50)
    with pytest.raises(TypeError, match="bad1") as caught:
        source.sync_to(target)
    assert "2 items could not be copied" in caught.value.__notes__[0]
    assert "bad1, bad2" in caught.value.__notes__[0]
    assert contents(target) == {"a": "a", "b": "b", "c": "c", "extra": 1}


def test_a_damaged_item_of_the_target_is_replaced():
    source, target = Timed(), Fragile()
    source.put("bad", 1, 100)
    target.put("bad", 2, 100)
    assert source.copy_to(target) == counts(copied=1)


def test_values_that_the_target_refuses():
    source, target = LocalDict(), LocalDict(base_class_for_values=str)
    source.update(a="text", b=5)
    with pytest.raises(TypeError, match="instances of str"):
        source.copy_to(target)
    assert contents(target) == {"a": "text"}


def test_append_only_targets():
    source, target = Timed(), Timed(append_only=True)
    source.put("same", 1, 100)
    source.put("other", 1, 100)
    source.put("new", 1, 100)
    target.put("same", 1, 50)
    target.put("other", 2, 50)
    for dry_run in (True, False):
        with pytest.raises(MutationPolicyError) as caught:
            source.copy_to(target, dry_run=dry_run)
        assert "1 items could not be copied" in caught.value.__notes__[0]
    assert contents(target) == {"same": 1, "other": 2, "new": 1}
    with pytest.raises(MutationPolicyError):
        LocalDict().sync_to(target)


def test_subdicts_and_formats():
    source = LocalDict(serialization_format="json")
    target = LocalDict()
    source.update({("a", "x"): 1, ("a", "y", "z"): 2, ("b", "x"): 3})
    assert source.get_subdict("a").copy_to(target.get_subdict(["far", "below"])).copied == 2
    assert contents(target) == {"far/below/x": 1, "far/below/y/z": 2}


def test_nothing_into_nothing():
    assert LocalDict().copy_to(LocalDict()) == counts()
    assert EmptyDict().sync_to(LocalDict()) == counts()
    source = LocalDict()
    source["a"] = 1
    assert source.copy_to(EmptyDict()) == counts(copied=1)


def test_a_store_is_not_copied_into_itself():
    backend = LocalBackend()
    d = LocalDict(backend=backend)
    d["a", "b"] = 1
    with pytest.raises(ValueError, match="same store"):
        d.copy_to(LocalDict(backend=backend))
    for one, other in ((d, d.get_subdict("a")), (d.get_subdict("a"), d)):
        with pytest.raises(ValueError, match="overlap"):
            one.copy_to(other)
        with pytest.raises(ValueError, match="overlap"):
            one.sync_to(other)
    assert d.get_subdict("a").copy_to(d.get_subdict("b")).copied == 1
    assert d.copy_to(LocalDict(backend=backend, serialization_format="json")).copied == 2


def test_arguments_are_checked_first():
    d = LocalDict()
    d["a"] = 1
    for target in ({}, None, "data"):
        with pytest.raises(TypeError, match="must be a PersiDict"):
            d.copy_to(target)
        with pytest.raises(TypeError, match="must be a PersiDict"):
            d.sync_to(target)
    with pytest.raises(TypeError, match="progress"):
        d.copy_to(LocalDict(), progress=5)


def test_errors_of_the_callback_come_through():
    source = LocalDict()
    source["a"] = 1
    for error in (TypeError, ConcurrencyConflictError):

        def fail(key, outcome, error=error):
            raise error("of", "callback")

        with pytest.raises(error, match="callback"):
            source.copy_to(LocalDict(), progress=fail)


class BreakingBulk(LocalDict):
    """A dict whose bulk insertion writes everything, but fails before it reports the second."""

    def _insert_many(self, items):
        for number, (key, value) in enumerate(list(items)):
            self._store(key, value, ITEM_NOT_AVAILABLE)
            if number < 1:
                yield True
        raise TypeError("a value can't be stored")


def test_items_that_a_failing_bulk_has_written_are_copied():
    source, target = LocalDict(), BreakingBulk()
    source.update({"a": 1, "b": 2, "c": 3})
    assert source.copy_to(target) == counts(copied=3)
    assert contents(target) == contents(source)


class Slow(Timed):
    """A target whose writes take their time: others write meanwhile, and its clock goes on."""

    def __init__(self, *meanwhile, **params):
        super().__init__(**params)
        self.meanwhile = list(meanwhile)

    def _store(self, key, value, expected):
        if self.meanwhile and (act := self.meanwhile.pop(0)) is not None:
            act()
        stat = super()._store(key, value, expected)
        item = self._items[key]
        self._items[key] = item._replace(stat=stat._replace(timestamp=1000.0))
        return stat


@pytest.mark.parametrize("sync", [False, True])
@pytest.mark.parametrize("there", [None, "older"])
@pytest.mark.parametrize("others", [0, 500], ids=["looks", "lists"])
def test_a_change_during_a_write_is_copied_at_once(sync, there, others):
    source = Timed()
    source.put("a", "old", 100)
    for number in range(others):
        source.put(("other", f"{number}"), number, 10)

    def change(value):
        return lambda: source.put("a", value, 200)

    target = Slow()
    if there is not None:
        Timed.put(target, "a", there, 50)
    for number in range(others):
        Timed.put(target, ("other", f"{number}"), number, 900)
    target.meanwhile = [change("new"), change("newer"), None, change("newest")]
    done = source.sync_to(target) if sync else source.copy_to(target)
    assert (done.copied, done.unchanged) == (1, others)
    assert target["a"] == source["a"] == "newer"


def test_what_others_write_to_the_target_meanwhile_stays():
    source = Timed()
    source.put("a", "old", 100)
    target = Slow()
    target.put("a", "older", 50)
    seen = []

    def progress(key, outcome):
        source.put("a", "new", 200)
        target.put("a", "theirs", 300)
        seen.append((key, outcome))

    assert source.copy_to(target, progress=progress).copied == 1
    assert target["a"] == "theirs"
    assert seen == [(("a",), "copied")]


def test_an_item_that_never_rests_does_not_stop_a_copy():
    source = Timed()
    source.put("a", 0, 100)
    target = Slow(*[lambda number=number: source.put("a", number, 100) for number in range(1, 99)])
    assert source.copy_to(target).copied == 1
    assert target["a"] > 10
