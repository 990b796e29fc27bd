"""Look at all parts of a JSON value; check those of a large one with few Python steps.

For a check, a value is examined level by level: its parts, then their parts, and so on. Each level
is one flat list, and the loops over it run in C. This takes a tenth of the time of a Python loop.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

from persidict.core.errors import raise_if_from_handler

_ATOMS = frozenset({str, int, bool, type(None)})
_CONTAINERS = frozenset({list, dict})
_TEXT_AND_NUMBERS = frozenset({str, int, float})
_JSON_TYPES = _ATOMS | _CONTAINERS | {float}
# Shorter levels are not split into columns, which would cost more than it saves.
_MIN_LEVEL = 256
_MAX_COLUMNS = 32


def has_only_json_types(
    value: Any, float_bound: float | None, forbidden_keys: tuple[str, ...]
) -> bool:
    """Return whether a value consists of exactly the types that JSON has; subclasses don't count.

    Args:
        value: What a JSON parser has returned, or what orjson has written with the options
            `OPT_PASSTHROUGH_…`: a tree that contains no cycles, and no subclasses but enums.
        float_bound: The absolute values of all floats must be less, which NaN never is. None: no
            bound.
        forbidden_keys: No key may start with one of these texts.
    """
    if type(value) in _ATOMS:
        return True
    level, width = [value], 1
    while True:
        containers: list[Any] = []
        columns = [level] if len(level) < _MIN_LEVEL else _columns(level, width)
        for column in columns:
            if not _collect(column, float_bound, containers):
                return False
        if not containers:
            return True
        if forbidden_keys and not _have_no_key(containers, forbidden_keys):
            return False
        width = len(containers[0])
        level = _parts(containers)


def dicts_in(value: Any) -> Iterator[dict[str, Any]]:
    """Return all dicts in parsed JSON, at every depth."""
    pending = [value]
    while pending:
        node = pending.pop()
        if type(node) is list:
            pending.extend(node)
        elif type(node) is dict:
            pending.extend(node.values())
            yield node


def _columns(level: list[Any], width: int) -> list[list[Any]]:
    """Split the parts of similar records by field: often all parts of a field have one type."""
    if 1 < width <= _MAX_COLUMNS and len(set(map(type, level[:width]))) > 1:
        return [level[start::width] for start in range(width)]
    return [level]


def _collect(column: list[Any], float_bound: float | None, containers: list[Any]) -> bool:
    """Append the lists and dicts in a column to `containers`; return False for a wrong part."""
    is_long = len(column) >= _MIN_LEVEL
    if is_long and _GC_LISTS_PARTS and _has_only_texts_or_numbers(column, float_bound):
        return True
    kinds: Any = list(map(type, column))
    is_one_kind = is_long and kinds.count(kinds[0]) == len(kinds)  # faster than set()
    kinds = {kinds[0]} if is_one_kind else set(kinds)
    if kinds <= _ATOMS:
        return True
    if not kinds <= _JSON_TYPES:
        return False
    if float in kinds and float_bound is not None:
        floats = column if len(kinds) == 1 else [part for part in column if type(part) is float]
        # The length of a vector is not less than any of its components.
        if not (math.hypot(*floats) < float_bound or all(abs(f) < float_bound for f in floats)):
            return False
    if kinds <= _CONTAINERS:
        containers += column
    elif not kinds.isdisjoint(_CONTAINERS):
        containers += [part for part in column if type(part) in _CONTAINERS]
    return True


def _has_only_texts_or_numbers(column: list[Any], float_bound: float | None) -> bool:
    """Return True for texts alone, or numbers alone that are within the bound; False: unknown.

    This takes less time than a look at each type. An enum refers to its class, and a container to
    its parts. Texts and numbers refer to nothing, and the functions below refuse all else.
    """
    kind, parts = type(column[0]), tuple(column)
    if kind not in _TEXT_AND_NUMBERS or gc.get_referents(*parts):
        return False
    try:
        if kind is str:
            # It looks at all texts unless one is empty. Joining them would copy them.
            return not "".startswith(parts)
        if float_bound is None:
            return False
        # No sum of floats is finite if one of them is not.
        total = sum(parts) if float_bound == math.inf else math.hypot(*parts)
    except TypeError as error:
        raise_if_from_handler(error)
        return False
    return bool(abs(total) < float_bound)


def _have_no_key(containers: list[Any], beginnings: tuple[str, ...]) -> bool:
    dicts = [container for container in containers if type(container) is dict]
    return not any(key.startswith(beginnings) for key in set().union(*dicts))


def _parts(containers: list[Any]) -> list[Any]:
    """Return all items of lists and all values of dicts."""
    if len(containers) == 1 and type(containers[0]) is list:
        return containers[0]  # without a copy
    if _GC_LISTS_PARTS:
        return gc.get_referents(*containers)  # a fifth of the time of the lines below
    parts = (part.values() if type(part) is dict else part for part in containers)
    return list(chain.from_iterable(parts))


class _Probe(str):
    __slots__ = ("attribute",)


def _lists_parts() -> bool:
    parts = gc.get_referents([1.5, True], {"a": "b"})
    return sorted(map(str, parts)) == ["1.5", "True", "b"] and _Probe in gc.get_referents(_Probe())


# CPython's garbage collector lists the parts of lists and dicts, and the class of an instance.
# This is no documented promise, so test it once.
_GC_LISTS_PARTS = _lists_parts()
