"""The conformance kit's tests of conditional operations and of the append-only policy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import product
from typing import Any, ClassVar, Protocol, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from persidict.core.base import PersiDict
from persidict.core.errors import MutationPolicyError
from persidict.core.flags import (
    ALWAYS_RETRIEVE,
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_HAS_CHANGED,
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
)
from persidict.core.testing.machine import (
    CONDITIONS,
    OPERATIONS,
    RETRIEVALS,
    Item,
    assert_outcome,
    call,
    predict,
    stateful_machine,
)

_Result = TypeVar("_Result")


class MakeDict(Protocol):
    """Opens the store of the running test; the parameters are those of the dict's class."""

    def __call__(self, **params: Any) -> PersiDict[Any]:
        """Return a handle on the store."""


class Conformance:
    """What the parts of the kit share; a subclass overrides `make_dict` and what differs."""

    etags_are_unique: ClassVar[bool] = True
    """False where equal values may share an ETag (plain text on S3)."""
    n_threads: ClassVar[int] = 16
    increments_per_thread: ClassVar[int] = 10
    n_random_runs: ClassVar[int] = 20
    """How many random sequences of operations are compared with the model."""

    @pytest.fixture
    def make_dict(self) -> MakeDict:
        """Return a function whose every call gives a handle on one store, empty at first.

        It takes ``append_only`` and ``base_class_for_values`` as keyword arguments.
        """
        raise NotImplementedError("override the fixture make_dict")

    def in_threads(self, work: Callable[[int], _Result]) -> list[_Result]:
        """Run ``work(0)``, ``work(1)``... in threads that start together; return the results."""
        start = threading.Barrier(self.n_threads)
        results: list[_Result] = []
        errors: list[BaseException] = []

        def run(me: int) -> None:
            try:
                start.wait()
                results.append(work(me))
            except BaseException as error:  # noqa: BLE001  # raised again by the main thread
                errors.append(error)

        threads = [threading.Thread(target=run, args=(me,)) for me in range(self.n_threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return results

    def compare_with_model(self, fresh: Callable[[], PersiDict[Any]]) -> None:
        """Compare random sequences of operations with a plain dict, the same in every run."""
        machine = stateful_machine(fresh, etags_are_unique=self.etags_are_unique)
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=self.n_random_runs,
                stateful_step_count=30,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def _check_table(
    make_dict: MakeDict, operation: str, condition: object, *, append_only: bool
) -> None:
    """Try one operation and condition with all states, expected ETags and retrievals."""
    d = make_dict(append_only=append_only)
    d["another"] = "another item"
    for number, (present, expected, retrieve_value) in enumerate(
        product((True, False), ("current", "another", "absent"), RETRIEVALS)
    ):
        key = ("table", str(number))
        item = None
        if present:
            d[key] = "old"
            item = Item("old", d.etag(key))
        actual = item.etag if item else ITEM_NOT_AVAILABLE
        arguments: dict[str, Any] = {
            "condition": condition,
            "expected_etag": {
                "current": actual,
                "another": d.etag("another"),
                "absent": ITEM_NOT_AVAILABLE,
            }[expected],
            "retrieve_value": retrieve_value,
            "new_value": "new",
        }
        outcome = predict(operation, item=item, append_only=append_only, **arguments)
        if outcome is None:
            with pytest.raises(MutationPolicyError):
                call(operation, d, key, **arguments)
            assert d.get(key) == (item and item.value)
            continue
        result = call(operation, d, key, **arguments)
        assert_outcome(result, outcome)
        after = d.get_with_etag(key)
        assert after.actual_etag == result.resulting_etag
        written = "new" if outcome.is_written else "old"
        gone = outcome.new_value is ITEM_NOT_AVAILABLE
        assert after.new_value == (ITEM_NOT_AVAILABLE if gone else written)


_each_operation = pytest.mark.parametrize("operation", OPERATIONS)
_each_condition = pytest.mark.parametrize("condition", CONDITIONS, ids=repr)


class ConditionalConformance(Conformance):
    """The conditional operations of a dict that allows changes."""

    @_each_operation
    @_each_condition
    def test_outcomes(self, make_dict: MakeDict, operation: str, condition: object) -> None:
        _check_table(make_dict, operation, condition, append_only=False)

    def test_get_with_etag(self, make_dict: MakeDict) -> None:
        d = make_dict()
        absent = d.get_with_etag("a")
        with pytest.raises(AttributeError):
            absent.new_value = 5  # type: ignore[misc]
        assert absent == (True, ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)
        d["a"] = "1"
        assert d.get_with_etag("a") == (True, d.etag("a"), d.etag("a"), "1")

    def test_lost_race(self, make_dict: MakeDict) -> None:
        d, other = make_dict(), make_dict()
        d["a"] = "1"
        seen = d.etag("a")
        other["a"] = "2"
        same: dict[str, Any] = {"condition": ETAG_IS_THE_SAME, "expected_etag": seen}
        outcome = d.set_item_if("a", value="3", **same)
        assert outcome == (False, other.etag("a"), other.etag("a"), "2")
        assert d.discard_if("a", **same).condition_was_satisfied is False
        del other["a"]
        assert d.set_item_if("a", value="3", **same).actual_etag is ITEM_NOT_AVAILABLE
        other["a"] = "1"
        assert d.discard_if("a", **same).condition_was_satisfied is (not self.etags_are_unique)

    def test_base_class_in_conditions(self, make_dict: MakeDict) -> None:
        d = make_dict(base_class_for_values=str)
        absent: dict[str, Any] = {"condition": ANY_ETAG, "expected_etag": ITEM_NOT_AVAILABLE}
        with pytest.raises(TypeError):
            d.set_item_if("a", value=5, **absent)
        with pytest.raises(TypeError):
            d.transform_item("a", transformer=lambda _: 5)
        assert d.set_item_if("a", value=KEEP_CURRENT, **absent).new_value is ITEM_NOT_AVAILABLE
        assert "a" not in d

    def test_arguments(self, make_dict: MakeDict) -> None:
        d = make_dict()
        good: dict[str, Any] = {"condition": ANY_ETAG, "expected_etag": ITEM_NOT_AVAILABLE}
        calls: list[tuple[Callable[..., object], dict[str, Any]]] = [
            (d.get_item_if, {}),
            (d.set_item_if, {"value": "1"}),
            (d.setdefault_if, {"default_value": "1"}),
            (d.discard_if, {}),
        ]
        for method, own in calls:
            for wrong in (None, True, "ANY_ETAG", NEVER_RETRIEVE):
                with pytest.raises(ValueError):  # the type is the promise
                    method("a", **{**good, **own, "condition": wrong})
            with pytest.raises(ValueError):  # likewise
                method("a/b", **good, **own)
            if method != d.discard_if:
                with pytest.raises(TypeError, match="retrieve_value must be"):
                    method("a", retrieve_value=True, **good, **own)
        for joker in (KEEP_CURRENT, DELETE_CURRENT):
            with pytest.raises(TypeError):
                d.setdefault_if("a", default_value=joker, **good)
        assert dict(d) == {}

    def test_one_compare_and_swap_wins(self, make_dict: MakeDict) -> None:
        d = make_dict()
        d["a"] = "start"
        seen = d.etag("a")
        outcomes = self.in_threads(
            lambda me: d.set_item_if(
                "a", value=str(me), condition=ETAG_IS_THE_SAME, expected_etag=seen
            )
        )
        winners = [outcome for outcome in outcomes if outcome.condition_was_satisfied]
        assert [(w.resulting_etag, w.new_value) for w in winners] == [(d.etag("a"), d["a"])]
        gone = self.in_threads(
            lambda _: d.discard_if("a", condition=ANY_ETAG, expected_etag=seen).value_was_mutated
        )
        assert sorted(gone) == [False] * (self.n_threads - 1) + [True]

    def test_one_conditional_insertion_wins(self, make_dict: MakeDict) -> None:
        d = make_dict()
        for number, (condition, expected) in enumerate(
            [(ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE), (ETAG_HAS_CHANGED, "1"), (ANY_ETAG, "1")]
        ):
            key = ("insert", str(number))
            outcomes = self.in_threads(
                lambda me, key=key, c=condition, e=expected: d.setdefault_if(  # type: ignore[misc]
                    key, default_value=str(me), condition=c, expected_etag=e
                )
            )
            mutated = [outcome for outcome in outcomes if outcome.value_was_mutated]
            assert [m.new_value for m in mutated] == [d[key]]
            assert {outcome.resulting_etag for outcome in outcomes} == {d.etag(key)}


class AppendOnlyConformance(Conformance):
    """The policy of a dict that is made with ``append_only=True``."""

    @_each_operation
    @_each_condition
    def test_append_only_outcomes(
        self, make_dict: MakeDict, operation: str, condition: object
    ) -> None:
        _check_table(make_dict, operation, condition, append_only=True)

    def test_append_only(self, make_dict: MakeDict) -> None:
        d = make_dict(append_only=True)
        d["a"] = "1"
        d.update({"b": "2"})
        etag = d.etag("a")
        d["a"] = KEEP_CURRENT
        assert d.transform_item("a", transformer=lambda _: KEEP_CURRENT).new_value == "1"
        assert d.transform_item("c", transformer=lambda _: "3").new_value == "3"
        assert d.setdefault("a", "2") == "1"

        def store(key: str, value: Any) -> Callable[[], object]:
            return lambda: d.__setitem__(key, value)

        forbidden: list[Callable[[], object]] = [
            store("a", "1"),
            store("a", "2"),
            store("a", DELETE_CURRENT),
            store("no", DELETE_CURRENT),
            lambda: d.__delitem__("a"),
            lambda: d.__delitem__("no"),
            lambda: d.discard("a"),
            lambda: d.discard("no"),
            lambda: d.delete_if_exists("a"),
            lambda: d.discard_many(["a"]),
            lambda: d.pop("a"),
            lambda: d.pop("no", None),
            d.popitem,
            d.clear,
            lambda: d.update({"a": "2"}),
            lambda: d.set_many([("a", DELETE_CURRENT)]),
            lambda: d.transform_item("a", transformer=lambda _: "2"),
            lambda: d.transform_item("a", transformer=lambda _: DELETE_CURRENT),
        ]
        for change in forbidden:
            with pytest.raises(MutationPolicyError) as caught:
                change()
            assert caught.value.policy == "append-only"
        assert d == {"a": "1", "b": "2", "c": "3"}
        assert d.etag("a") == etag
        assert d.get_params()["append_only"] is True
        assert d.get_subdict("x").append_only is True

    def test_one_append_only_write_wins(self, make_dict: MakeDict) -> None:
        d = make_dict(append_only=True)

        def write(me: int) -> bool:
            try:
                d["a"] = str(me)
            except MutationPolicyError:
                return False
            return True

        assert sum(self.in_threads(write)) == 1
        found = d.get_item_if(
            "a",
            condition=ETAG_IS_THE_SAME,
            expected_etag=d.etag("a"),
            retrieve_value=ALWAYS_RETRIEVE,
        )
        assert (found.condition_was_satisfied, found.new_value) == (True, d["a"])

    def test_random_append_only_operations(self, make_dict: MakeDict) -> None:
        d = make_dict(append_only=True)
        runs = iter(range(1_000_000))
        self.compare_with_model(lambda: d.get_subdict(f"run{next(runs)}"))
