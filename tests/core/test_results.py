import pickle

import pytest

from persidict.core import (
    ITEM_NOT_AVAILABLE,
    VALUE_NOT_RETRIEVED,
    ConditionalOperationResult,
    OperationResult,
)


@pytest.mark.parametrize(
    ("actual", "resulting", "mutated"),
    [
        ("1", "1", False),
        ("1", "2", True),
        ("1", ITEM_NOT_AVAILABLE, True),
        (ITEM_NOT_AVAILABLE, "1", True),
        (ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE, False),
    ],
)
def test_value_was_mutated(actual, resulting, mutated):
    result = ConditionalOperationResult(
        condition_was_satisfied=True,
        actual_etag=actual,
        resulting_etag=resulting,
        new_value=VALUE_NOT_RETRIEVED,
    )
    assert result.value_was_mutated is mutated


@pytest.mark.parametrize(
    "result", [ConditionalOperationResult(True, "1", "2", "v"), OperationResult("1", "v")]
)
def test_results_are_frozen_comparable_and_picklable(result):
    for field in ("resulting_etag", "new_value", "another"):
        with pytest.raises(AttributeError):
            setattr(result, field, 5)
    again = pickle.loads(pickle.dumps(result))
    assert again == result
    assert type(again) is type(result)
    assert "new_value='v'" in repr(result)
    assert hash(result) == hash(again)
