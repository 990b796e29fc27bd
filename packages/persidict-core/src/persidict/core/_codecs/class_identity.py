"""Recognize a class that was defined again without changes, as when its module is reloaded."""

from __future__ import annotations

import types
from typing import Any

# Attributes that differ although nothing has changed.
_IGNORED = frozenset(
    {
        *("__dict__", "__weakref__", "__slotnames__", "__abstractmethods__", "_abc_impl"),
        *("__firstlineno__", "__static_attributes__", "__annotations_cache__"),
        "__classdictcell__",  # since 3.14, named tuples keep it
    }
)


def validate_definition(kind: type, expected: type) -> None:
    """Raise ``TypeError`` if neither a class nor one of its bases is defined like the expected one.

    For a class that is no subclass of the expected one.
    """
    if any(_is_same_definition(base, expected) for base in kind.__mro__):
        return
    reason = ""
    if any(_has_same_name(base, expected) for base in kind.__mro__):
        reason = (
            " of another definition; its module was changed and loaded again, or its script ran "
            "again: open the dict with the new class"
        )
    raise TypeError(
        f"values of this dict must be instances of {expected.__qualname__}, "
        f"got {kind.__qualname__}{reason}"
    )


def _has_same_name(kind: type, expected: type) -> bool:
    return (kind.__module__, kind.__qualname__) == (expected.__module__, expected.__qualname__)


def _is_same_definition(one: type, other: type) -> bool:
    if one is other:
        return True
    if not _has_same_name(one, other) or type(one) is not type(other):
        return False
    if len(one.__bases__) != len(other.__bases__):
        return False
    if not all(map(_is_same_definition, one.__bases__, other.__bases__)):
        return False
    return _are_same({**vars(one)}, {**vars(other)})


def _are_same(one: Any, other: Any) -> bool:  # noqa: C901  # a chain of cases
    """Compare attributes of classes, and what they consist of."""
    if one is other:
        return True
    if isinstance(one, type) and isinstance(other, type):
        return _has_same_name(one, other)
    if not _has_same_name(type(one), type(other)):
        return False
    if isinstance(one, dict):
        one = {name: value for name, value in one.items() if name not in _IGNORED}
        other = {name: value for name, value in other.items() if name not in _IGNORED}
        return one.keys() == other.keys() and all(_are_same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)) and len(one) > 0:
        return len(one) == len(other) and all(map(_are_same, one, other))
    if isinstance(one, types.FunctionType):
        return _have_same(one, other, "__code__ __defaults__ __kwdefaults__")
    if isinstance(one, types.CodeType):
        return _have_same(one, other, "co_code co_consts co_names co_varnames co_flags")
    if isinstance(one, (staticmethod, classmethod)):
        return _are_same(one.__func__, other.__func__)
    if isinstance(one, property):
        return _are_same((one.fget, one.fset, one.fdel), (other.fget, other.fset, other.fdel))
    if isinstance(one, (types.MemberDescriptorType, types.GetSetDescriptorType)):
        return _have_same(one, other, "__name__")
    # A repr that shows an address differs, and then the class counts as another one.
    return bool(one == other) or repr(one) == repr(other)


def _have_same(one: Any, other: Any, names: str) -> bool:
    return all(_are_same(getattr(one, name), getattr(other, name)) for name in names.split())
