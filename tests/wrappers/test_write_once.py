import builtins
import random
import sys

import pytest

from persidict.core import (
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_HAS_CHANGED,
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    LocalDict,
    MutationPolicyError,
)
from persidict.wrappers import WriteOnceDict
from tests.wrappers.wrapper_doubles import taken, watched


@pytest.fixture(name="calls")
def calls_fixture():
    return []


@pytest.fixture(name="make")
def make_fixture(calls):
    wrapped = watched(calls, append_only=True)
    return lambda p=None: WriteOnceDict(wrapped_dict=wrapped, p_consistency_checks=p)


def counters(d):
    return (
        d.consistency_checks_attempted,
        d.consistency_checks_passed,
        d.consistency_checks_failed,
    )


def test_first_value_wins(make):
    d = make()
    d["a"] = 1
    d["a"] = 2
    d.update(a=3, b=4)
    d.set_many([("b", 5), ("c", 6), ("c", KEEP_CURRENT)])
    assert d == {"a": 1, "b": 4, "c": 6}
    assert (d.setdefault("a", 7), d.setdefault("d", 8)) == (1, 8)
    assert counters(d) == (0, 0, 0)


def test_repeated_write_of_the_same_value_passes_the_check(make):
    d = make(1)
    for _ in range(3):
        d["a"] = [1, {"x": (2.5, float("nan"))}]
    assert counters(d) == (2, 2, 0)


@pytest.mark.parametrize("other", [2, 1.0, True, "1", None, [1]])
def test_another_value_fails_it(make, other):
    d = make(1)
    d["a"] = 1
    for change in (lambda: d.__setitem__("a", other), lambda: d.update(a=other)):
        with pytest.raises(MutationPolicyError) as caught:
            change()
        assert caught.value.policy == "write-once"
    assert d["a"] == 1
    assert counters(d) == (2, 0, 2)


def test_values_without_a_plain_equality(make):
    class Vector:
        """Like an array: `==` gives no bool."""

        def __init__(self, *parts):
            self.parts = parts

        def __eq__(self, other):
            return Answers()

        __hash__ = None

    class Answers:
        def __bool__(self):
            raise ValueError("ambiguous")

    d = make(1)
    d["a"] = Vector(1, 2)
    d["a"] = Vector(1, 2)
    with pytest.raises(MutationPolicyError):
        d["a"] = Vector(1, 3)
    assert counters(d) == (2, 1, 1)


def test_order_in_a_dict_does_not_matter(make):
    d = make(1)
    d["a"] = {"x": 1, "y": 2}
    d["a"] = {"y": 2, "x": 1}
    assert counters(d) == (1, 1, 0)


@pytest.mark.parametrize(("p", "read"), [(0, []), (1, ["ask", "transfer"])])
def test_requests_of_a_repeated_write(make, calls, p, read):
    d = make(p)
    d["a"] = 1
    assert taken(calls) == ["store"]
    state = random.getstate()
    d["a"] = 1
    assert taken(calls) == ["store", *read]
    assert random.getstate() == state


def test_probability_is_one_draw_from_random(make, calls, monkeypatch):
    draws = iter([0.2, 0.3, 0.29])
    d = make(0.3)
    d["a"] = 1
    monkeypatch.setattr(random, "random", lambda: next(draws))
    taken(calls)
    for expected in (["store", "ask", "transfer"], ["store"], ["store", "ask", "transfer"]):
        d["a"] = 1
        assert taken(calls) == expected
    assert counters(d) == (2, 2, 0)
    assert list(draws) == []


def test_share_of_checks_repeats_with_the_seed(make):
    attempts = []
    for _ in range(2):
        random.seed(5)
        d = make(0.5)
        for _ in range(200):
            d["a"] = 1
        attempts.append(d.consistency_checks_attempted)
    assert attempts[0] == attempts[1]
    assert 50 < attempts[0] < 150


def test_probability_can_be_set(make):
    d = make()
    assert d.p_consistency_checks == 0
    d.p_consistency_checks = 0.5
    d.p_consistency_checks = KEEP_CURRENT
    assert d.p_consistency_checks == 0.5
    d.p_consistency_checks = None
    assert d.p_consistency_checks == 0
    d.p_consistency_checks = True
    assert d.p_consistency_checks == 1
    for wrong, error in ((2, ValueError), (-0.1, ValueError), (float("nan"), ValueError)):
        with pytest.raises(error, match="p_consistency_checks"):
            d.p_consistency_checks = wrong
    for wrong in ("0.5", [], DELETE_CURRENT):
        with pytest.raises(TypeError, match="p_consistency_checks"):
            d.p_consistency_checks = wrong
    with pytest.raises(TypeError, match="p_consistency_checks"):
        make(KEEP_CURRENT)
    assert d.p_consistency_checks == 1


def test_counters_can_not_be_set(make):
    with pytest.raises(AttributeError):
        make().consistency_checks_passed = 5


def test_write_once_refusals(make):
    d = make()
    d["a"] = 1
    condition = {"condition": ANY_ETAG, "expected_etag": ITEM_NOT_AVAILABLE}
    for change in (
        lambda: d.set_item_if("a", value=1, **condition),
        lambda: d.set_item_if("new", value=1, **condition),
        lambda: d.set_item_if("a", value=KEEP_CURRENT, **condition),
        lambda: d.__delitem__("a"),
        lambda: d.__delitem__("no"),
        lambda: d.transform_item("a", transformer=lambda _: 2),
        lambda: d.transform_item("new", transformer=lambda _: 2),
    ):
        with pytest.raises(MutationPolicyError) as caught:
            change()
        assert caught.value.policy == "write-once"
    with pytest.raises(ValueError, match="/"):
        d.set_item_if("a/b", value=1, **condition)
    assert d == {"a": 1}


def test_append_only_refusals(make):
    d = make()
    d["a"] = 1
    for change in (
        lambda: d.discard("a"),
        lambda: d.pop("a"),
        d.popitem,
        d.clear,
        lambda: d.discard_many(["a"]),
        lambda: d.__setitem__("a", DELETE_CURRENT),
        lambda: d.discard_if("a", condition=ANY_ETAG, expected_etag="1"),
        lambda: d.transform_item("a", transformer=lambda _: DELETE_CURRENT),
    ):
        with pytest.raises(MutationPolicyError) as caught:
            change()
        assert caught.value.policy == "append-only"
    assert d == {"a": 1}


def test_jokers_and_reading(make):
    d = make()
    d["a"] = 1
    d["a"] = KEEP_CURRENT
    found = d.transform_item("a", transformer=lambda _: KEEP_CURRENT)
    assert (found.new_value, found.resulting_etag) == (1, d.etag("a"))
    with pytest.raises(TypeError):
        d.transform_item("a", transformer=5)


def test_discard_if(make):
    d = make()
    d["a"] = 1
    absent = (ITEM_NOT_AVAILABLE,) * 3
    outcomes = {
        ("no", ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE): (True, *absent),
        ("no", ANY_ETAG, "1"): (True, *absent),
        ("no", ETAG_HAS_CHANGED, "1"): (True, *absent),
        ("no", ETAG_IS_THE_SAME, "1"): (False, *absent),
        ("no", ETAG_HAS_CHANGED, ITEM_NOT_AVAILABLE): (False, *absent),
    }
    for (key, condition, expected), outcome in outcomes.items():
        assert d.discard_if(key, condition=condition, expected_etag=expected) == outcome
    mismatch = d.discard_if("a", condition=ETAG_IS_THE_SAME, expected_etag="other")
    assert (mismatch.condition_was_satisfied, mismatch.value_was_mutated) == (False, False)


def test_other_attributes_reach_the_wrapped_dict():
    class Tagged(LocalDict):
        tag = "mine"

        @property
        def depth(self):
            return len(self._prefix)

    d = WriteOnceDict(wrapped_dict=Tagged(append_only=True))
    assert (d.tag, d.depth, d.get_subdict("x").depth) == ("mine", 0, 1)
    assert d.prune_interval == 64
    for missing in ("nothing", "_nothing"):
        with pytest.raises(AttributeError, match=missing):
            getattr(d, missing)


def test_item_removed_behind_the_policy(make):
    d = make(1)
    d["a"] = 1
    wrapped = d.wrapped_dict
    load = wrapped._load

    def gone_meanwhile(key, known):
        del wrapped._load
        wrapped._items.clear()
        return load(key, known)

    wrapped._load = gone_meanwhile
    d["a"] = 2
    assert d["a"] == 2


def test_subdicts_and_copies_count_for_themselves(make):
    d = make(1)
    d["x", "a"] = 1
    d["x", "a"] = 1
    below = d.get_subdict("x")
    assert (below.p_consistency_checks, counters(below)) == (1, (0, 0, 0))
    below["a"] = 1
    assert (counters(d), counters(below)) == ((1, 1, 0), (1, 1, 0))
    again = WriteOnceDict(**below.get_params())
    assert again == below
    assert list(again.get_params()) == ["p_consistency_checks", "wrapped_dict"]
    with pytest.raises(MutationPolicyError):
        again["a"] = 2


def test_construction():
    with pytest.raises(TypeError, match="wrapped_dict"):
        WriteOnceDict(wrapped_dict={})
    with pytest.raises(ValueError, match="append-only"):
        WriteOnceDict(wrapped_dict=LocalDict())
    strict = WriteOnceDict(wrapped_dict=LocalDict(append_only=True, base_class_for_values=str))
    with pytest.raises(TypeError, match="str"):
        strict["a"] = 1


def test_default_store_that_is_not_installed(monkeypatch):
    real = builtins.__import__

    def without_files(name, *args, **kwargs):
        if name == "persidict.file":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "persidict.file", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_files)
    with pytest.raises(ImportError, match="pip install persidict-file") as caught:
        WriteOnceDict()
    assert caught.value.name == "persidict.file"


def test_error_inside_the_default_store_shows_itself(monkeypatch):
    real = builtins.__import__

    def broken_inside(name, *args, **kwargs):
        if name == "persidict.file":
            raise ModuleNotFoundError("No module named 'lz4'", name="lz4")
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "persidict.file", raising=False)
    monkeypatch.setattr(builtins, "__import__", broken_inside)
    with pytest.raises(ModuleNotFoundError, match="lz4"):
        WriteOnceDict()
