import itertools
import logging
import random
import signal

import pytest

from persidict.core import (
    ANY_ETAG,
    ETAG_IS_THE_SAME,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    NEVER_RETRIEVE,
    VALUE_NOT_RETRIEVED,
    EmptyDict,
    EncodingError,
    LocalBackend,
    LocalDict,
    PersiDict,
)
from persidict.wrappers import MutableDictCached
from tests.wrappers.wrapper_doubles import Watched, broken, taken, watched

KEYS = [str(i) for i in range(600)]
# Operations on the key "a" that can find out that main doesn't have it.
LOOKS = {
    "get": lambda d: d.get("a"),
    "in": lambda d: "a" in d,
    "discard": lambda d: d.discard("a"),
    "pop": lambda d: d.pop("a", None),
    "get_many": lambda d: list(d.get_many(["a"])),
    "get_with_etag": lambda d: d.get_with_etag("a"),
    "discard_if": lambda d: d.discard_if("a", condition=ANY_ETAG, expected_etag=ITEM_NOT_AVAILABLE),
    "discard_many": lambda d: d.discard_many(["a"]),
}


@pytest.fixture(name="calls")
def calls_fixture():
    return []


@pytest.fixture(name="parts")
def parts_fixture(calls):
    return {
        "main_dict": watched(calls, "main"),
        "data_cache": watched([], "data"),
        "etag_cache": watched([], "etags", base_class_for_values=str),
    }


@pytest.fixture(name="d")
def d_fixture(parts):
    return MutableDictCached(**parts)


class TestReading:
    def test_value_is_transferred_only_if_it_changed(self, d, parts, calls):
        parts["main_dict"]["a"] = 1
        taken(calls)
        assert d["a"] == 1
        assert taken(calls) == ["main ask", "main transfer"]
        assert (d["a"], d.get("a"), d.get_with_etag("a").new_value) == (1, 1, 1)
        assert taken(calls) == ["main ask"] * 3
        parts["main_dict"]["a"] = 2
        taken(calls)
        assert d["a"] == 2
        assert taken(calls) == ["main ask", "main transfer"]
        assert d["a"] == 2
        assert taken(calls) == ["main ask"]

    def test_own_write_is_cached(self, d, calls):
        d["a"] = 1
        assert d.set_item_if(
            "b", value=2, condition=ETAG_IS_THE_SAME, expected_etag=ITEM_NOT_AVAILABLE
        ).condition_was_satisfied
        d.transform_item("c", transformer=lambda _: 3)
        d.setdefault("e", 4)
        taken(calls)
        assert [d[key] for key in "abce"] == [1, 2, 3, 4]
        assert taken(calls) == ["main ask"] * 4

    def test_presence_and_etag_are_those_of_main(self, d, parts, calls):
        d["a"] = 1
        assert d.etag("a") == parts["main_dict"].etag("a")
        assert d.timestamp("a") == parts["main_dict"].timestamp("a")
        taken(calls)
        assert "a" in d
        d.etag("a")
        assert taken(calls) == ["main stat"] * 2

    @pytest.mark.parametrize("cached", [False, True])
    def test_unchanged_since_the_expected_etag(self, d, parts, calls, cached):
        parts["main_dict"]["a"] = 1
        if cached:
            assert d["a"] == 1
        etag = d.etag("a")
        taken(calls)
        found = d.get_item_if("a", condition=ETAG_IS_THE_SAME, expected_etag=etag)
        assert found == (True, etag, etag, VALUE_NOT_RETRIEVED)
        assert taken(calls) == ["main ask"]

    def test_expected_etag_is_current_and_the_cache_is_not(self, d, parts):
        d["a"] = 1
        parts["main_dict"]["a"] = 2
        etag = parts["main_dict"].etag("a")
        for _ in range(2):
            found = d.get_item_if(
                "a",
                condition=ETAG_IS_THE_SAME,
                expected_etag=etag,
                retrieve_value=IF_ETAG_CHANGED,
            )
            assert found == (True, etag, etag, VALUE_NOT_RETRIEVED)
        assert d["a"] == 2

    def test_expected_etag_is_that_of_the_stale_cache(self, d, parts):
        d["a"] = 1
        stale = d.etag("a")
        parts["main_dict"]["a"] = 2
        found = d.get_item_if("a", condition=ETAG_IS_THE_SAME, expected_etag=stale)
        assert (found.condition_was_satisfied, found.new_value) == (False, 2)

    def test_values_of_a_warm_cache_take_the_listing_alone(self, d, calls):
        d.update({key: int(key) for key in KEYS})
        assert sum(d.values()) == sum(range(600))
        taken(calls)
        assert sum(d.values()) == sum(range(600))
        assert {key[0]: value for key, value in d.items()} == {key: int(key) for key in KEYS}
        assert len(list(d.items_and_timestamps())) == 600
        assert taken(calls) == ["main scan"] * 3

    def test_listing_tells_which_values_to_transfer(self, d, parts, calls):
        d.update({key: int(key) for key in KEYS})
        list(d.values())
        for key in KEYS[::100]:
            parts["main_dict"][key] = -1
        taken(calls)
        found = {key[0]: value for key, value in d.items()}
        assert found == {key: int(key) if int(key) % 100 else -1 for key in KEYS}
        assert taken(calls) == ["main scan", *["main ask", "main transfer"] * 6]

    def test_get_many_keeps_the_order_and_revalidates(self, d, parts, calls):
        rng = random.Random(7)
        d.update({key: int(key) for key in KEYS})
        cached, changed = rng.sample(KEYS, 300), rng.sample(KEYS, 50)
        assert [value for _, value in d.get_many(cached)] == [int(key) for key in cached]
        for key in changed:
            parts["main_dict"][key] = -1
        asked = rng.sample([*KEYS, *(f"no{i}" for i in range(50))], 650)
        taken(calls)
        assert [(key[0], value) for key, value in d.get_many(asked)] == [
            (key, -1 if key in changed else int(key)) for key in asked if key in KEYS
        ]
        assert taken(calls).count("main transfer") == len(set(KEYS) - set(cached) | set(changed))
        assert [value for _, value in d.get_many(["1", "2", "1"])] == [d["1"], d["2"], d["1"]]

    def test_get_many_offers_known_versions_to_a_parallel_main(self, parts):
        asked = []

        class Parallel(LocalDict):
            def _revalidate_many(self, wanted):
                for key, known in wanted:
                    asked.append((key, known))
                    if key != ("below", "no"):
                        yield key, *self._load(key, known)

        main = Parallel()
        d = MutableDictCached(**{**parts, "main_dict": main.get_subdict("below")})
        d["a"] = 1
        main["below", "b"] = 2
        assert [value for _, value in d.get_many(["b", "no", "a"])] == [2, 1]
        assert asked == [
            (("below", "b"), None),
            (("below", "no"), None),
            (("below", "a"), d.etag("a")),
        ]

    def test_error_of_the_keys_comes_after_the_items_before_it(self, d):
        d.update(a=1, b=2)
        items = d.get_many(["a", "b", "c/d", "a"])
        assert [next(items)[1], next(items)[1]] == [1, 2]
        with pytest.raises(ValueError, match="/"):
            next(items)

    def test_abandoned_iteration(self, d):
        d.update({key: int(key) for key in KEYS})
        for _ in zip(range(3), d.values(), strict=False):
            pass
        assert sum(d.values()) == sum(range(600))


class TestWriting:
    def test_main_goes_first(self, calls):
        d = MutableDictCached(
            main_dict=watched(calls, "main"),
            data_cache=watched(calls, "data"),
            etag_cache=watched(calls, "etags"),
        )
        d["a"] = 1
        assert taken(calls) == ["main store", "data store", "etags store"]
        del d["a"]
        assert taken(calls)[0] == "main erase"

    def test_what_main_refuses_is_not_cached(self, d, parts):
        d["a"] = 1
        parts["main_dict"].failure = broken()
        with pytest.raises(type(broken())):
            d["a"] = 2
        assert parts["data_cache"]["a"] == 1
        parts["main_dict"].failure = None
        assert d["a"] == 1

    def test_failed_conditional_write_leaves_the_caches_alone(self, d, parts):
        d["a"] = 1
        stale = d.etag("a")
        parts["main_dict"]["a"] = 2
        before = (dict(parts["data_cache"]), dict(parts["etag_cache"]))
        result = d.set_item_if(
            "a",
            value=3,
            condition=ETAG_IS_THE_SAME,
            expected_etag=stale,
            retrieve_value=NEVER_RETRIEVE,
        )
        assert (result.condition_was_satisfied, result.new_value) == (False, VALUE_NOT_RETRIEVED)
        assert not d.discard_if(
            "a", condition=ETAG_IS_THE_SAME, expected_etag=stale
        ).condition_was_satisfied
        assert (dict(parts["data_cache"]), dict(parts["etag_cache"])) == before
        assert d["a"] == 2

    @pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
    def test_caches_forget_what_main_does_not_have(self, d, parts, look):
        d["a"] = 1
        del parts["main_dict"]["a"]
        look(d)
        assert "a" not in parts["data_cache"]
        assert "a" not in parts["etag_cache"]

    def test_deletions_are_forgotten(self, d, parts):
        d.update({(k, "x"): 1 for k in "abcdef"})
        list(d.values())
        del d["a", "x"]
        d.discard(("b", "x"))
        d.pop(("c", "x"))
        d.popitem()
        d.get_subdict("e").clear()
        d.clear()
        assert (len(parts["main_dict"]), len(parts["data_cache"]), len(parts["etag_cache"])) == (
            0,
            0,
            0,
        )


class TestFailingCaches:
    @pytest.mark.parametrize(
        "failing", [["data_cache"], ["etag_cache"], ["data_cache", "etag_cache"]]
    )
    @pytest.mark.parametrize(
        "failure", [broken(), OSError(28, "No space left on device"), ZeroDivisionError()]
    )
    def test_costs_a_read_from_main(self, d, parts, failing, failure, caplog):
        d.update(a=1, b=2)
        assert sorted(d.values()) == [1, 2]
        for name in failing:
            parts[name].failure = failure
        with caplog.at_level(logging.WARNING, "persidict.wrappers"):
            assert (d["a"], "b" in d, sorted(d.values())) == (1, True, [1, 2])
            d["c"] = 3
            assert d.transform_item("c", transformer=lambda c: c + 1).new_value == 4
            assert [value for _, value in d.get_many(["c", "no", "a"])] == [4, 1]
            assert d.pop("b") == 2
            del d["a"]
            assert "a" not in d
            d["d"] = 5
            d.clear()
            assert d == {}
            d["a"] = 6
        assert {record.name for record in caplog.records} == {"persidict.wrappers"}
        for name in failing:
            parts[name].failure = None
        assert d == {"a": 6}
        assert d["a"] == 6
        assert d.get("b") is None

    @pytest.mark.parametrize("name", ["__getitem__", "pop", "discard"])
    @pytest.mark.parametrize("call", [1, 2])
    def test_exceptions_of_signal_handlers_are_no_failures(self, d, name, call, monkeypatch):
        d["a"] = 1
        error = TimeoutError("too slow")
        calls = itertools.count(1)

        def handler(number, frame):
            raise error

        def note(self, what):
            if self.label != "main" and next(calls) == call:
                signal.raise_signal(signal.SIGTERM)

        before = signal.signal(signal.SIGTERM, handler)
        monkeypatch.setattr(Watched, "note", note)
        try:
            with pytest.raises(TimeoutError) as caught:
                getattr(d, name)("a")
        finally:
            signal.signal(signal.SIGTERM, before)
        assert caught.value is error

    def test_value_that_the_cache_can_not_hold(self, parts):
        refusal = EncodingError("no", key="a", serialization_format="json")

        class Picky(LocalDict):
            def _store(self, key, value, expected):
                if value == 2:
                    raise refusal
                return super()._store(key, value, expected)

        d = MutableDictCached(**{**parts, "data_cache": Picky()})
        d["a"] = 1
        d["a"] = 2
        assert [d["a"], d["a"]] == [2, 2]
        assert list(d.values()) == [2]

    def test_cached_value_vanishes_after_its_validator_was_read(self, parts):
        class Forgetful(LocalDict):
            def _load(self, key, known):
                raise KeyError(key)

        d = MutableDictCached(**{**parts, "data_cache": Forgetful()})
        d.update(a=1, b=2)
        d["c"] = 3
        assert sorted(d.values()) == sorted(d.values()) == [1, 2, 3]
        assert [value for _, value in d.get_many(["c", "b"])] == [3, 2]
        assert d["c"] == 3
        parts["main_dict"].clear()
        assert d.get("c") is None

    @pytest.mark.parametrize(
        "text",
        ["", "5", "nonsense", ":", "0:", "3:abc", "-1:abc", "99999999999999999999:a", "²:ab"],
    )
    def test_damaged_validator(self, d, parts, text):
        d["a"] = 1
        parts["etag_cache"]["a"] = text
        assert (d["a"], d["a"]) == (1, 1)

    def test_validators_of_the_wrong_type(self, parts):
        parts["etag_cache"] = LocalDict()
        d = MutableDictCached(**parts)
        d["a"] = 1
        parts["etag_cache"]["a"] = ["1", "1"]
        assert (d["a"], list(d.values())) == (1, [1])

    def test_etags_may_hold_anything(self, parts, calls):
        class Odd(Watched):
            def _odd(self, stat):
                return stat._replace(etag=f"3:{stat.etag} \n:é")

            def _load(self, key, known):
                value, stat = super()._load(key, None)
                stat = self._odd(stat)
                return (VALUE_NOT_RETRIEVED if stat.etag == known else value), stat

            def _store(self, key, value, expected):
                return self._odd(super()._store(key, value, expected))

        main, data = Odd(), Odd()
        d = MutableDictCached(**{**parts, "main_dict": main, "data_cache": data})
        d["a"] = 1
        assert (d["a"], d["a"]) == (1, 1)
        main["a"] = 2
        assert (d["a"], d["a"]) == (2, 2)

    @pytest.mark.parametrize("null", ["main_dict", "data_cache", "etag_cache"])
    def test_null_devices(self, parts, null):
        d = MutableDictCached(**{**parts, null: EmptyDict()})
        d["a"] = 1
        assert d.get("a") == (None if null == "main_dict" else 1)
        assert list(d.values()) == ([] if null == "main_dict" else [1])


class TestBound:
    def test_least_recently_used_goes_first(self, parts):
        d = MutableDictCached(**parts, max_cached_items=4)
        for key in "abcd":
            d[key] = key
        assert d["a"] == "a"
        d["e"] = "e"
        assert len(parts["data_cache"]) <= 4
        assert "a" in parts["data_cache"]
        assert "e" in parts["data_cache"]
        assert "b" not in parts["data_cache"]
        assert "b" not in parts["etag_cache"]
        assert [d[key] for key in "abcde"] == list("abcde")

    @pytest.mark.parametrize("bound", [1, 7, 100])
    def test_is_never_exceeded_by_one_process(self, parts, bound):
        d = MutableDictCached(**parts, max_cached_items=bound)
        rng = random.Random(bound)
        for _ in range(1000):
            key = f"k{rng.randrange(300)}"
            (d.get_subdict(key) if rng.random() < 0.5 else d)[key] = 1
            assert len(parts["data_cache"]) <= bound
        assert len(parts["etag_cache"]) <= bound
        assert set(d.values()) == {1}
        assert bound // 2 < len(parts["data_cache"]) <= bound

    def test_of_a_cache_that_was_already_full(self, parts):
        unbounded = MutableDictCached(**parts)
        unbounded.update(dict.fromkeys(KEYS, 1))
        list(unbounded.values())
        assert len(parts["data_cache"]) == 600
        d = MutableDictCached(**parts, max_cached_items=10)
        d["new"] = 1
        assert len(parts["data_cache"]) <= 10
        assert "new" in parts["data_cache"]

    def test_of_processes_that_share_it_is_exceeded_by_an_eighth_each(self, parts):
        handles = [MutableDictCached(**parts, max_cached_items=40) for _ in range(4)]
        for number in range(400):
            handles[number % 4][f"k{number}"] = number
            assert len(parts["data_cache"]) <= 40 + 4 * 5
        assert len(parts["data_cache"]) > 20

    @pytest.mark.parametrize("bound", [0, -1])
    def test_must_be_positive(self, parts, bound):
        with pytest.raises(ValueError, match="max_cached_items must be positive"):
            MutableDictCached(**parts, max_cached_items=bound)

    @pytest.mark.parametrize("bound", [1.5, "1", True])
    def test_must_be_an_int(self, parts, bound):
        with pytest.raises(TypeError, match="max_cached_items"):
            MutableDictCached(**parts, max_cached_items=bound)

    def test_in_bytes_needs_a_store_of_bytes(self, parts):
        with pytest.raises(ValueError, match=r"max_cached_bytes needs .* not a Watched"):
            MutableDictCached(**parts, max_cached_bytes=1000)


class TestConstruction:
    @pytest.mark.parametrize("name", ["main_dict", "data_cache", "etag_cache"])
    def test_checks(self, parts, name):
        with pytest.raises(TypeError, match=name):
            MutableDictCached(**{**parts, name: {}})
        with pytest.raises(ValueError, match=f"{name}.*append-only"):
            MutableDictCached(**{**parts, name: LocalDict(append_only=True)})
        for other in parts:
            if other != name:
                with pytest.raises(ValueError, match="different stores"):
                    MutableDictCached(**{**parts, other: parts[name]})

    def test_two_handles_on_one_store_are_refused(self, parts):
        backend = LocalBackend()
        handles = {
            "main_dict": LocalDict(backend=backend),
            "data_cache": LocalDict(backend=backend),
        }
        with pytest.raises(ValueError, match="different stores"):
            MutableDictCached(**{**parts, **handles})

    def test_etag_cache_must_take_strings(self, parts):
        with pytest.raises(ValueError, match="etag_cache"):
            MutableDictCached(**{**parts, "etag_cache": LocalDict(base_class_for_values=int)})

    def test_settings_are_those_of_main(self, parts):
        main = LocalDict(base_class_for_values=str, serialization_format="md")
        d = MutableDictCached(**{**parts, "main_dict": main})
        assert (d.append_only, d.base_class_for_values, d.serialization_format) == (
            False,
            str,
            "md",
        )
        assert isinstance(d, PersiDict)

    def test_params_of_a_subdict_open_the_same_view(self, d, parts, calls):
        d["x", "y", "a"] = 1
        taken(calls)
        below = d.get_subdict("x").get_subdict("y")
        assert taken(calls) == []
        again = MutableDictCached(**below.get_params())
        assert again == below
        assert list(again.get_params()) == [
            "data_cache",
            "etag_cache",
            "main_dict",
            "max_cached_bytes",
            "max_cached_items",
        ]
        again["b"] = 2
        assert (d["x", "y", "b"], parts["data_cache"]["x", "y", "b"]) == (2, 2)
        taken(calls)
        assert dict(below) == {("a",): 1, ("b",): 2}
        assert "main transfer" not in taken(calls)
        assert d.subdicts().keys() == {"x"}
        assert (len(d), len(below), len(d.get_subdict("no"))) == (2, 2, 0)
