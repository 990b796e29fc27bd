"""The parts of the kit that hold for a dict without items, and its own conditional tables."""

from itertools import product

import pytest

from persidict.core import (
    ITEM_NOT_AVAILABLE,
    ConditionalOperationResult,
    EmptyDict,
)
from persidict.core.testing import ReadingConformance
from persidict.core.testing.model import CONDITIONS, OPERATIONS, RETRIEVALS, call, predict

pytestmark = pytest.mark.core


class TestEmptyDict:
    test_empty = ReadingConformance.test_empty

    @pytest.fixture(name="make_dict")
    def make_dict_fixture(self):
        return EmptyDict

    @pytest.mark.parametrize("append_only", [False, True])
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_outcomes(self, operation, append_only):
        d = EmptyDict(append_only=append_only)
        for condition, expected, retrieve_value in product(
            CONDITIONS, (ITEM_NOT_AVAILABLE, "1"), RETRIEVALS
        ):
            arguments = {
                "condition": condition,
                "expected_etag": expected,
                "retrieve_value": retrieve_value,
                "new_value": "new",
            }
            outcome = predict(operation, item=None, **arguments)
            if append_only and operation in ("delete", "discard"):
                continue
            absent = (ITEM_NOT_AVAILABLE,) * 3
            assert call(operation, d, "a", **arguments) == ConditionalOperationResult(
                outcome.satisfied, *absent
            )
