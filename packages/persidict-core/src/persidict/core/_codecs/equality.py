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
        return False
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
        return True  # being compared further up: a cycle
    met[pair] = (one, other)
    if kind.__module__.startswith("pandas.") and hasattr(one, "equals"):
        # Inside, equal frames differ: in the kind of an index, in what is cached.
        return _described(one) == _described(other) and bool(one.equals(other))
    if kind in (list, tuple):
        return len(one) == len(other) and all(
            _equal(a, b, met) for a, b in zip(one, other, strict=True)
        )
    if kind is dict:
        return _equal(list(one.items()), list(other.items()), met)
    if kind in (set, frozenset):
        return one == other and _equal_members(one, other, met)
    return _equal(_state(one), _state(other), met)


def _equal_members(one: Any, other: Any, met: dict[tuple[int, int], tuple[Any, Any]]) -> bool:
    """Compare the types in two equal sets: ``{1}`` equals ``{True}``."""
    of_other = {member: member for member in other}
    return all(_equal(member, of_other[member], met) for member in one)


def _described(frame: Any) -> list[Any]:
    """Return what a data frame's, series' or index' own comparison leaves out."""
    labels = [list(axis.names) for axis in getattr(frame, "axes", [])]
    return [labels, getattr(frame, "name", None), str(getattr(frame, "dtypes", ""))]


def _state(value: Any) -> Any:
    """Return what the pickle protocol would store of an object, iterators spelt out."""
    state = value.__reduce_ex__(4)
    if isinstance(state, str):
        return state
    return tuple(
        list(part) if index in (3, 4) and part is not None else part
        for index, part in enumerate(state)
    )
