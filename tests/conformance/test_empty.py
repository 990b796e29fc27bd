"""The parts of the kit that hold for a dict without items, and its own conditional tables."""

from itertools import product

import pytest

from persidict.core import (
    ANY_ETAG,
    DELETE_CURRENT,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    ConditionalOperationResult,
    EmptyDict,
)
from persidict.core.testing import ReadingConformance
from persidict.core.testing.model import CONDITIONS, OPERATIONS, RETRIEVALS, call, predict


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


def test_writes_vanish():
    d = EmptyDict()
    d["a"] = 1
    d["a"] = KEEP_CURRENT
    d["a"] = DELETE_CURRENT
    d.update(b=2)
    d.set_many([("c", 3)])
    assert d.setdefault("a", 5) == 5
    assert d == {}
    assert d.discard("a") is False
    assert d.pop("a", 7) == 7
    d.clear()
    for read in (d.__getitem__, d.__delitem__, d.pop, d.etag, d.timestamp):
        with pytest.raises(KeyError):
            read("a")
    with pytest.raises(KeyError):
        d.popitem()


def test_transformer_is_not_called():
    d = EmptyDict()
    result = d.transform_item("a", transformer=lambda _: 1 / 0)
    assert result == (ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)
    with pytest.raises(ValueError):
        d.transform_item("a", transformer=lambda _: 1, n_retries=-1)


def test_lookups_say_no_and_writes_check_their_arguments():
    d = EmptyDict(base_class_for_values=str)
    assert "a/b" not in d
    assert None not in d
    assert d.get("a/b", 3) == 3
    with pytest.raises(ValueError):
        d["a/b"] = "x"
    with pytest.raises(TypeError):
        d["a"] = 5
    with pytest.raises(TypeError):
        d.set_item_if("a", value=5, condition=ANY_ETAG, expected_etag="1")
    with pytest.raises(ValueError):
        d.set_item_if("a", value="x", condition=None, expected_etag="1")
    with pytest.raises(TypeError, match="retrieve_value must be"):
        d.get_item_if("a", condition=ANY_ETAG, expected_etag="1", retrieve_value=1)


def test_params():
    d = EmptyDict(append_only=True, base_class_for_values=str)
    assert EmptyDict(**d.get_params()) == d
    assert list(d.get_params()) == ["append_only", "base_class_for_values", "serialization_format"]
