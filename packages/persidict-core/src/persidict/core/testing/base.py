"""The settings and helpers that all parts of the conformance kit share."""

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
from persidict.core.flags import ITEM_NOT_AVAILABLE
from persidict.core.testing.machine import stateful_machine
from persidict.core.testing.model import (
    CONDITIONS,
    OPERATIONS,
    RETRIEVALS,
    Item,
    assert_outcome,
    call,
    predict,
)

_Result = TypeVar("_Result")

each_operation = pytest.mark.parametrize("operation", OPERATIONS)
each_condition = pytest.mark.parametrize("condition", CONDITIONS, ids=repr)


class MakeDict(Protocol):
    """Opens the store of the running test; it takes the parameters of the dict's class."""

    def __call__(self, **params: Any) -> PersiDict[Any]:
        """Return a handle on the store."""


class Conformance:
    """The settings and helpers that all parts of the kit share.

    A subclass overrides the fixture `make_dict`, and the settings that differ for its store.
    """

    etags_are_unique: ClassVar[bool] = True
    """False where equal values may share an ETag (plain text on S3)."""
    n_threads: ClassVar[int] = 16
    increments_per_thread: ClassVar[int] = 10
    n_many: ClassVar[int] = 1100
    """How many items the test of long listings writes; a page of most servers has up to 1,000."""
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


def check_table(
    make_dict: MakeDict, operation: str, condition: object, *, append_only: bool
) -> None:
    """Run one operation and condition with all states, expected ETags and retrievals."""
    d = make_dict(append_only=append_only)
    d["another"] = "another item"
    another = d.etag("another")
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
                "another": another,
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
