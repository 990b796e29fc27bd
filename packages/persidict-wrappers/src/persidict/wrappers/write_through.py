"""Writing one value to a main dict and to its cache, so that both get the same.

Another thread may change a value while it is written. If both dicts encoded the value, they could
store different versions, and the cache would return a value that the main dict never had.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from persidict.core.backend import Expected, StatLike
from persidict.core.base import PersiDict
from persidict.core.blobs import BlobDict
from persidict.core.errors import raise_if_from_handler
from persidict.core.keys import NonEmptySafeStrTuple

MISSING: Final[Any] = object()
"""Stands for a value that a cache doesn't have, or can't get."""

_IMMUTABLE = frozenset({str, bytes, int, float, complex, bool, type(None)})


def have_same_bytes(main: PersiDict[Any], cache: PersiDict[Any]) -> bool:
    """Tell whether a cache may keep the bytes that its main dict makes of a value."""
    return (
        isinstance(main, BlobDict)
        and isinstance(cache, BlobDict)
        and main.serialization_format == cache.serialization_format
        and main.base_class_for_values is cache.base_class_for_values
        and main.object_tags == cache.object_tags
        and main.max_inflated_bytes == cache.max_inflated_bytes
        and main.signing_key == cache.signing_key
        # Signatures include the complete key.
        and (main.signing_key is None or main._prefix == cache._prefix)
    )


def write_bytes(
    main: BlobDict[Any], key: NonEmptySafeStrTuple, value: Any, expected: Expected
) -> tuple[StatLike, bytes]:
    """Write a value to the main dict; return its stat and the bytes that were written."""
    data = main._encoded(key, value)
    return main._put(key, data, expected), data


def write_copy(
    main: PersiDict[Any], key: NonEmptySafeStrTuple, value: Any, expected: Expected
) -> tuple[StatLike, Any]:
    """Write a copy of a value that nobody else can change; return its stat and that copy.

    The copy is `MISSING` if the value can't be copied; the value is then written itself.
    """
    if type(value) in _IMMUTABLE:
        return main._store(key, value, expected), value
    try:
        isolated = copy.deepcopy(value)
    except Exception as error:  # noqa: BLE001  # copying runs the value's own code; it is not cached then
        raise_if_from_handler(error)
        return main._store(key, value, expected), MISSING
    return main._store(key, isolated, expected), isolated
