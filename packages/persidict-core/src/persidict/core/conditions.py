"""What conditions mean, and the checks of what conditional operations are given."""

from __future__ import annotations

from persidict.core.flags import (
    ALWAYS_RETRIEVE,
    ANY_ETAG,
    ETAG_HAS_CHANGED,
    ETAG_IS_THE_SAME,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    NEVER_RETRIEVE,
    ETagConditionFlag,
    Joker,
)
from persidict.core.results import ETagIfExists

_CONDITIONS = (ANY_ETAG, ETAG_IS_THE_SAME, ETAG_HAS_CHANGED)
_RETRIEVALS = (ALWAYS_RETRIEVE, NEVER_RETRIEVE, IF_ETAG_CHANGED)


def holds(condition: ETagConditionFlag, expected: ETagIfExists, actual: ETagIfExists) -> bool:
    """Judge a condition; an absent item's ETag is `ITEM_NOT_AVAILABLE`."""
    if condition is ANY_ETAG:
        return True
    return (expected == actual) is (condition is ETAG_IS_THE_SAME)


def validate_flags(condition: object, expected_etag: object, retrieve_value: object) -> None:
    """Raise for arguments that are none of the flags."""
    if condition not in _CONDITIONS:
        raise ValueError(
            f"condition must be ANY_ETAG, ETAG_IS_THE_SAME or ETAG_HAS_CHANGED, got {condition!r}"
        )
    if retrieve_value not in _RETRIEVALS:
        raise TypeError(
            "retrieve_value must be ALWAYS_RETRIEVE, NEVER_RETRIEVE or IF_ETAG_CHANGED, "
            f"got {retrieve_value!r}"
        )
    if expected_etag is not ITEM_NOT_AVAILABLE and not isinstance(expected_etag, str):
        raise TypeError(
            f"expected_etag must be an ETag or ITEM_NOT_AVAILABLE, got {expected_etag!r}"
        )


def validate_default(default: object) -> None:
    """Raise ``TypeError`` for a joker where a value is needed."""
    if isinstance(default, Joker):
        raise TypeError(f"a default must be a value, not the joker {default!r}")


def validate_transform_arguments(transformer: object, n_retries: object, default: object) -> None:
    """Raise for arguments that `transform_item` can't work with."""
    if n_retries is not None and (not isinstance(n_retries, int) or isinstance(n_retries, bool)):
        raise TypeError(f"n_retries must be an int or None, got {type(n_retries).__name__}")
    if n_retries is not None and n_retries < 0:
        raise ValueError(f"n_retries must not be negative, got {n_retries}")
    validate_default(default)
    if not callable(transformer):
        raise TypeError(f"transformer must be callable, got {type(transformer).__name__}")
