"""Canonical forms of enum members, paths, named tuples, data classes, classes and functions.

The form of an object contains all its state. An object is rejected if part of its state is
inaccessible, or if looking up its class name does not return its class. Therefore two different
objects never share a form.
"""

from __future__ import annotations

import dataclasses
import inspect
import struct
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cached_property
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from persidict.wrappers._memoize.canonical import (
    PLAIN_TYPES,
    Update,
    begin,
    feed,
    feed_text,
    refuse,
)
from persidict.wrappers._memoize.function_state import state_of
from persidict.wrappers._memoize.names import is_found, lookup, stable_name

_REFERENCES = (type, types.FunctionType, types.BuiltinFunctionType)
_MUTABLE = (list, dict, set, bytearray)
_POINTER = struct.calcsize("P")
# A class may have a pointer to its instances' dict and one to their weak references.
_OWN_POINTERS = 2


def feed_object(update: Update, value: Any) -> bool:
    """Write the canonical form of an object, or return False if it is of another kind."""
    if isinstance(value, Enum):
        _feed_member(update, value)
    elif isinstance(value, PurePath):
        _feed_path(update, value)
    elif isinstance(value, _REFERENCES):
        feed_reference(update, value)
    elif isinstance(value, tuple) and hasattr(type(value), "_fields"):
        _feed_named_tuple(update, value)
    elif dataclasses.is_dataclass(value):
        _feed_data_class(update, value)
    else:
        return False
    return True


def feed_state(update: Update, state: Mapping[str, Any]) -> None:
    """Write the remaining attributes of an object, if it has any."""
    if state:
        begin(update, b"state", len(state))
        for name in sorted(state):
            feed(update, name)
            feed(update, state[name])


def feed_reference(update: Update, value: Any) -> None:
    """Write the name of a class or function, if the name leads to it."""
    if isinstance(value, types.BuiltinFunctionType) and not isinstance(
        value.__self__, (types.ModuleType, type(None))
    ):
        raise refuse(value)  # a method: its object is not in its name
    found, depth = lookup(value), 0
    while found is not value:
        # A decorated function has the name of the one inside it.
        found = getattr(found, "__wrapped__", None)
        depth += 1
        if found is None:
            raise refuse(value)
    begin(update, b"reference", depth + 1)
    _feed_name(update, value)
    if state := state_of(value):
        feed(update, state)


def _feed_member(update: Update, member: Any) -> None:
    kind = type(member)
    if isinstance(member, _MUTABLE):
        raise refuse(member)
    if kind.__members__.get(member.name or "") is member:
        begin(update, b"enum", 2)
        _feed_class_name(update, member)
        feed(update, member.name)
    else:  # a combination of flags: several may have one name, or none
        begin(update, b"flags", 2)
        _feed_class_name(update, member)
        feed(update, member.value)
    own = {name: part for name, part in vars(member).items() if not _is_sunder(name)}
    feed_state(update, own)


def _is_sunder(name: str) -> bool:
    """Tell whether a name is one of those that `enum` keeps for itself."""
    return name.startswith("_") and name.endswith("_")


def _feed_path(update: Update, path: PurePath) -> None:
    module = type(path).__module__.partition(".")[0]
    if module != "pathlib":
        raise refuse(path)  # a subclass may have state
    if isinstance(path, PurePosixPath):
        feed_text(update, b"path", path.as_posix())
    elif isinstance(path, PureWindowsPath):
        feed_text(update, b"windows path", str(path))
    else:
        raise refuse(path)


def _feed_named_tuple(update: Update, value: Any) -> None:
    names = type(value)._fields
    if len(names) != len(value):
        raise refuse(value)
    _feed_fields(update, value, dict(zip(names, tuple.__iter__(value), strict=True)))


def _feed_data_class(update: Update, value: Any) -> None:
    if isinstance(value, tuple(PLAIN_TYPES)) or _has_hidden_state(type(value)):
        raise refuse(value)
    try:
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    except AttributeError:
        raise refuse(value) from None
    _feed_fields(update, value, fields)


def _feed_fields(update: Update, value: Any, fields: Mapping[str, Any]) -> None:
    begin(update, b"fields", len(fields))
    _feed_class_name(update, value)
    for name, content in fields.items():
        feed(update, name)
        feed(update, content)
    feed_state(update, {name: part for name, part in _attributes(value) if name not in fields})


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object holds in its dict and in its slots.

    Cached properties of frozen data classes are skipped, because they follow from the fields.
    Others can be assigned, or be older than the fields. `__orig_class__` is skipped, because it
    only records the type arguments, as in ``G[int](1)``.
    """
    kind = type(value)
    params = getattr(kind, "__dataclass_params__", None)
    is_frozen = params is not None and params.frozen
    for name, content in getattr(value, "__dict__", {}).items():
        is_cached = is_frozen and isinstance(
            inspect.getattr_static(kind, name, None), cached_property
        )
        if not is_cached and name != "__orig_class__":
            yield name, content
    for name, slot in _slots(kind):
        try:
            yield name, slot.__get__(value)
        except AttributeError:
            continue  # empty


def _slots(kind: type) -> Iterator[tuple[str, types.MemberDescriptorType]]:
    for base in kind.__mro__:
        for name, member in vars(base).items():
            if isinstance(member, types.MemberDescriptorType):
                yield name, member


def _has_hidden_state(kind: type) -> bool:
    """Tell whether instances have state outside of dict and slots, because a base is a C type."""
    seen = object.__basicsize__ + _POINTER * (_OWN_POINTERS + sum(1 for _ in _slots(kind)))
    return kind.__itemsize__ > 0 or kind.__basicsize__ > seen


def _feed_class_name(update: Update, value: object) -> None:
    """Write the name of an object's class, unless another class has it."""
    if not is_found(type(value)):
        raise refuse(value)
    _feed_name(update, type(value))


def _feed_name(update: Update, named: Any) -> None:
    feed_text(update, b"name", stable_name(named))
