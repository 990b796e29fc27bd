import copy
import pickle

import pytest

from persidict.core import (
    BackendError,
    ConcurrencyConflictError,
    DecodingError,
    EncodingError,
    MutationPolicyError,
    NonEmptySafeStrTuple,
    PersiDictError,
)

KEY = NonEmptySafeStrTuple("a", "b")
ERRORS = [
    (MutationPolicyError("append-only"), TypeError, {"policy": "append-only"}),
    (ConcurrencyConflictError(KEY, 7), RuntimeError, {"key": KEY, "attempts": 7}),
    (
        EncodingError("no", key=KEY, serialization_format="json"),
        TypeError,
        {"key": KEY, "serialization_format": "json"},
    ),
    (
        BackendError("no", backend="FileDirDict", operation="write", key=KEY),
        RuntimeError,
        {"backend": "FileDirDict", "operation": "write", "key": KEY},
    ),
    (
        DecodingError("no", backend="FileDirDict", operation="decode"),
        ValueError,
        {"operation": "decode", "key": None},
    ),
]


@pytest.mark.parametrize(
    ("error", "standard", "fields"), ERRORS, ids=[type(error).__name__ for error, _, _ in ERRORS]
)
def test_errors(error, standard, fields):
    assert isinstance(error, PersiDictError)
    assert isinstance(error, standard)
    assert {name: getattr(error, name) for name in fields} == fields
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.args == error.args
        assert vars(again) == vars(error)


def test_tree():
    assert issubclass(DecodingError, BackendError)
    assert not issubclass(EncodingError, BackendError)
    assert "7 attempts" in str(ERRORS[1][0])
    assert "'a/b'" in str(ERRORS[1][0])


def test_a_refused_change_says_what_refuses_it():
    assert "write-once" in str(MutationPolicyError("write-once"))
    assert MutationPolicyError("append-only").args == ("append-only",)
