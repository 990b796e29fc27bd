"""Strict equality: values must be equal and have equal types, at every depth."""

from __future__ import annotations

import types
from typing import Any

_ATOMS = frozenset({str, int, bool, type(None), bytes, complex, range})
_BY_REFERENCE = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)


def strictly_equal(one: Any, other: Any) -> bool:
    """Compare two values and their types at every depth; NaN equals NaN."""
    return _equal(one, other, {})


def _equal(one: Any, other: Any, met: dict[tuple[int, int], tuple[Any, Any]]) -> bool:  # noqa: C901  # a chain of cases
    kind = type(one)
    if kind is not type(other):
        return isinstance(other, types.TracebackType) and _is_text_of(one, other)
    if one is other:
        return True
    if kind in _ATOMS:
        return bool(one == other)
    if kind is float:
        return repr(one) == repr(other)
    if isinstance(one, _BY_REFERENCE):
        return False
    pair = (id(one), id(other))
    if pair in met:
        return True  # a cycle: this pair is being compared already
    met[pair] = (one, other)
    if _is_data_of_pandas(one):
        return _equal_pandas(one, other, met)
    if kind in (list, tuple):
        return len(one) == len(other) and all(
            _equal(a, b, met) for a, b in zip(one, other, strict=True)
        )
    if kind is dict:
        return _equal(list(one.items()), list(other.items()), met)
    if kind in (set, frozenset):
        return one == other and _equal_members(one, other, met)
    return _equal(_state(one), _state(other), met)


def _is_text_of(one: Any, other: types.TracebackType) -> bool:
    from persidict.core._codecs.json_errors import TracebackText, text_of

    return isinstance(one, TracebackText) and one == text_of(other)


def _equal_members(one: Any, other: Any, met: dict[tuple[int, int], tuple[Any, Any]]) -> bool:
    """Compare the types in two equal sets: ``{1}`` equals ``{True}``."""
    of_other = {member: member for member in other}
    return all(_equal(member, of_other[member], met) for member in one)


def _is_data_of_pandas(one: Any) -> bool:
    in_pandas = type(one).__module__.partition(".")[0] == "pandas"
    return (
        in_pandas and hasattr(one, "equals") and (hasattr(one, "dtype") or hasattr(one, "dtypes"))
    )


def _equal_pandas(one: Any, other: Any, met: dict[tuple[int, int], tuple[Any, Any]]) -> bool:
    """Compare frames, series, indexes and arrays of pandas by their public properties.

    Equal objects may differ inside, for example in what they have cached.
    """
    if not (one.equals(other) and _equal(_described(one), _described(other), met)):
        return False
    axes = zip(getattr(one, "axes", ()), getattr(other, "axes", ()), strict=True)
    if not all(_are_one_kind(a, b) and _equal_pandas(a, b, met) for a, b in axes):
        return False
    # Compare Python objects one by one: 1 equals True.
    columns = zip(_object_columns(one), _object_columns(other), strict=True)
    return all(_equal(list(a), list(b), met) for a, b in columns)


def _are_one_kind(one: Any, other: Any) -> bool:
    """Return whether indexes have equal types; a range is as good as the same integers."""
    names = {type(one).__name__, type(other).__name__}
    return len(names) == 1 or names == {"Index", "RangeIndex"}


def _object_columns(one: Any) -> list[Any]:
    if getattr(one, "ndim", 1) > 1:
        return [one.iloc[:, n] for n, dtype in enumerate(one.dtypes) if _is_objects(dtype)]
    if getattr(one, "nlevels", 1) > 1:
        return [level for level in one.levels if _is_objects(level.dtype)]
    return [one] if _is_objects(one.dtype) else []


def _is_objects(dtype: Any) -> bool:
    return str(dtype) == "object"


def _described(one: Any) -> list[Any]:
    """Return the properties that pandas' own ``equals`` does not compare."""
    dtypes: Any = getattr(one, "dtypes", None)
    return [
        [repr(dtype) for dtype in dtypes] if hasattr(dtypes, "items") else repr(one.dtype),
        list(getattr(one, "names", [])),
        getattr(one, "name", None),
        getattr(getattr(one, "flags", None), "allows_duplicate_labels", None),
        getattr(one, "attrs", None),
        getattr(one, "freqstr", None),
    ]


def _state(value: Any) -> Any:
    """Return the state that the pickle protocol would store, with iterators as lists."""
    state = value.__reduce_ex__(4)
    if isinstance(state, str):
        return state
    parts = [
        list(part) if index in (3, 4) and part is not None else part
        for index, part in enumerate(state)
    ]
    if parts[2:] == [{}] and isinstance(value, BaseException):
        del parts[2]  # an exception has an empty dict of attributes only once it was asked for
    return tuple(parts)
