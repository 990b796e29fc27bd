"""`AnyKeyMapping`: a mapping with keys of many types in any dict, for dask, zict and others."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, MutableMapping
from typing import Any, Generic, TypeVar

from persidict.core import NonEmptySafeStrTuple, PersiDict
from persidict.core.text_keys import key_from_text, text_from_key

_Value = TypeVar("_Value")


class AnyKeyMapping(MutableMapping[Any, _Value], Generic[_Value]):
    """A mapping whose keys are texts, numbers, bytes, None, or tuples of these.

    Where dask spills its results, a key is a text or a tuple such as ``("sum-1f2e", 0, 3)``. The
    dict keeps the key's `repr`, so all keys but very long ones come back by iteration.

    Args:
        wrapped: Where the values are kept.

    Raises:
        TypeError: `wrapped` is no `PersiDict`, or a key that is written is of another type.

    Example:
        >>> from persidict import LocalDict
        >>> spilled = AnyKeyMapping(LocalDict())
        >>> spilled["sum (all)", 0] = 5
        >>> spilled["sum (all)", 0], list(spilled)
        (5, [('sum (all)', 0)])
    """

    def __init__(self, wrapped: PersiDict[_Value]) -> None:
        if not isinstance(wrapped, PersiDict):
            raise TypeError(f"wrapped must be a PersiDict, got {type(wrapped).__name__}")
        self.wrapped = wrapped

    def __getitem__(self, key: Any) -> _Value:
        try:
            return self.wrapped[_found_by(key)]
        except KeyError as error:
            raise KeyError(key) from error

    def __setitem__(self, key: Any, value: _Value) -> None:
        self.wrapped[key_from_text(_text_of(key))] = value

    def __delitem__(self, key: Any) -> None:
        if not self.wrapped.discard(_found_by(key)):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        try:
            return _found_by(key) in self.wrapped
        except KeyError:
            return False

    def __iter__(self) -> Iterator[Any]:
        return (_key_of(text_from_key(key)) for key in self.wrapped)

    def __len__(self) -> int:
        return len(self.wrapped)

    def __repr__(self) -> str:
        return f"AnyKeyMapping({self.wrapped!r})"

    def clear(self) -> None:
        """Delete all items."""
        self.wrapped.clear()


def _found_by(key: Any) -> NonEmptySafeStrTuple:
    """Return the key in the dict; ``KeyError`` for what can't be a key, which is never there."""
    try:
        return key_from_text(_text_of(key))
    except TypeError as error:
        raise KeyError(key) from error


def _text_of(key: Any) -> str:
    """Return a text that names the key; a plain text names itself where nothing else does."""
    if type(key) is str and not _is_literal(key):
        return key
    _validate_key(key)
    return repr(key)


def _key_of(text: str) -> Any:
    return ast.literal_eval(text) if _is_literal(text) else text


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _validate_key(key: Any) -> None:
    if type(key) is tuple:
        for part in key:
            _validate_key(part)
    elif key is not None and type(key) not in (str, bytes, int, float, bool):
        raise TypeError(
            "a key must be a text, a number, bytes, None or a tuple of these, "
            f"got {type(key).__name__}"
        )
    elif type(key) is float and not math.isfinite(key):
        raise TypeError(f"a key can't be {key}")
