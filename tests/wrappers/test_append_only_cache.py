import pytest

from persidict.core import (
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    VALUE_NOT_RETRIEVED,
    LocalDict,
    MutationPolicyError,
)
from persidict.wrappers import AppendOnlyDictCached
from tests.wrappers.wrapper_doubles import broken, taken, watched


@pytest.fixture(name="calls")
def calls_fixture():
    return []


@pytest.fixture(name="parts")
def parts_fixture(calls):
    return {
        "main_dict": watched(calls, append_only=True),
        "data_cache": watched([], append_only=True),
    }


@pytest.fixture(name="d")
def d_fixture(parts):
    return AppendOnlyDictCached(**parts)


def test_cached_values_are_trusted_without_a_request(d, calls):
    d["a"] = 1
    taken(calls)
    assert (d["a"], d.get("a"), "a" in d, dict(d.get_many(["a"]))) == (1, 1, True, {("a",): 1})
    assert taken(calls) == []


def test_first_read_fills_the_cache(d, parts, calls):
    parts["main_dict"]["a"] = 1
    taken(calls)
    assert (d["a"], d["a"]) == (1, 1)
    assert taken(calls) == ["ask", "transfer"]
    assert parts["data_cache"]["a"] == 1


def test_length_and_iteration_ask_main(d, parts, calls):
    d.update(a=1, b=2)
    parts["main_dict"]["c"] = 3
    assert sorted(d.values()) == [1, 2, 3]
    taken(calls)
    assert (len(d), len({*d}), sum(d.values())) == (3, 3, 6)
    assert taken(calls) == ["scan"] * 3


def test_etags_and_timestamps_are_those_of_main(d, parts, calls):
    d["a"] = 1
    main = parts["main_dict"]
    assert (d.etag("a"), d.timestamp("a")) == (main.etag("a"), main.timestamp("a"))
    taken(calls)
    found = d.get_with_etag("a")
    assert (found.new_value, taken(calls)) == (1, ["stat"])
    assert found.actual_etag == main.etag("a")
    taken(calls)
    same = d.get_item_if("a", condition=ETAG_IS_THE_SAME, expected_etag=found.actual_etag)
    assert (same.new_value, taken(calls)) == (VALUE_NOT_RETRIEVED, ["ask"])
    assert [t for _, _, t in d.items_and_timestamps()] == [main.timestamp("a")]


def test_get_many_asks_only_for_what_is_not_cached(d, parts, calls):
    parts["main_dict"].update({str(i): i for i in range(600)})
    asked = [str(i) for i in range(0, 600, 2)]
    assert [value for _, value in d.get_many(asked)] == list(range(0, 600, 2))
    taken(calls)
    assert [v for _, v in d.get_many(["no", *map(str, range(600))])] == list(range(600))
    assert taken(calls).count("transfer") == 300


def test_changes_are_refused(d):
    d["a"] = 1
    etag = d.etag("a")
    condition = {"condition": ETAG_IS_THE_SAME, "expected_etag": "never seen"}
    for change in (
        lambda: d.discard_if("a", **condition),
        lambda: d.discard_if("no", **condition),
        lambda: d.transform_item("a", transformer=lambda _: KEEP_CURRENT),
        lambda: d.transform_item("no", transformer=lambda _: 1, n_retries=None),
        lambda: d.set_item_if("a", value=DELETE_CURRENT, **condition),
        lambda: d.set_item_if("a", value=2, condition=ANY_ETAG, expected_etag=etag),
        lambda: d.__setitem__("a", 2),
        lambda: d.__setitem__("a", DELETE_CURRENT),
        lambda: d.__delitem__("a"),
        lambda: d.discard("no"),
        lambda: d.pop("a"),
        d.popitem,
        d.clear,
        lambda: d.discard_many(["a"]),
        lambda: d.update(a=2),
    ):
        with pytest.raises(MutationPolicyError) as caught:
            change()
        assert caught.value.policy == "append-only"
    assert (d["a"], d.etag("a")) == (1, etag)
    with pytest.raises(ValueError, match="/"):
        d.discard_if("a/b", **condition)


def test_what_main_refuses_is_not_cached(d, parts):
    parts["main_dict"]["a"] = 1
    with pytest.raises(MutationPolicyError):
        d["a"] = 2
    assert "a" not in parts["data_cache"]
    parts["main_dict"].failure = broken()
    with pytest.raises(type(broken())):
        d["b"] = 2
    assert "b" not in parts["data_cache"]


def test_failing_cache_costs_a_read_from_main(d, parts, caplog):
    d["a"] = 1
    parts["data_cache"].failure = broken()
    d["b"] = 2
    assert (d["a"], d["b"], "a" in d, "no" in d, sorted(d.values())) == (1, 2, True, False, [1, 2])
    assert {record.name for record in caplog.records} == {"persidict.wrappers"}


def test_cached_value_that_can_not_be_read_is_replaced(parts):
    class Damaged(LocalDict):
        damaged = True

        def _load(self, key, known):
            if self.damaged:
                raise broken()
            return super()._load(key, known)

        def _store(self, key, value, expected):
            self.damaged = False
            return super()._store(key, value, expected)

    cache = Damaged(append_only=True)
    d = AppendOnlyDictCached(**{**parts, "data_cache": cache})
    for read in (lambda: d["a"], lambda: next(iter(d.values()))):
        d.setdefault("a", 1)
        cache.damaged = True
        assert read() == 1
        assert not cache.damaged
        assert cache["a"] == 1


def test_item_removed_behind_the_policy(d, parts):
    d["a"] = 1
    parts["main_dict"]._items.clear()
    assert (d["a"], d.get("a"), "a" in d, dict(d.get_many(["a"]))) == (1, 1, True, {("a",): 1})
    # What asks main for an ETag learns of it.
    found = d.get_with_etag("a")
    assert (found.actual_etag, found.new_value) == (ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)


@pytest.mark.parametrize("name", ["main_dict", "data_cache"])
def test_construction(parts, name):
    with pytest.raises(TypeError, match=name):
        AppendOnlyDictCached(**{**parts, name: {}})
    with pytest.raises(ValueError, match=f"{name}.*append-only"):
        AppendOnlyDictCached(**{**parts, name: LocalDict()})
    strict = LocalDict(append_only=True, base_class_for_values=int)
    with pytest.raises(ValueError, match="base_class_for_values"):
        AppendOnlyDictCached(**{**parts, name: strict})
    with pytest.raises(ValueError, match="different stores"):
        AppendOnlyDictCached(main_dict=parts[name], data_cache=parts[name])


def test_params_of_a_subdict_open_the_same_view(d, parts):
    d["x", "a"] = 1
    below = AppendOnlyDictCached(**d.get_subdict("x").get_params())
    below["b"] = 2
    assert (d["x", "b"], parts["data_cache"]["x", "b"], below["a"]) == (2, 2, 1)
    assert below.append_only
