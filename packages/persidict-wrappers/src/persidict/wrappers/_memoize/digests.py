"""Digests of arguments that are the same in every process: what keys of calls are made of.

A value is written down in one canonical form, types and lengths included, and that is hashed.
Neither ``hash()`` (other seeds) nor pickles (identities, order of sets) are canonical.
"""

from __future__ import annotations

import dataclasses
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from hashlib import blake2b
from operator import itemgetter
from pathlib import Path, PurePath
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

_DIGEST_BYTES = 20
_REFERENCES = (type, types.FunctionType, types.BuiltinFunctionType)

Update: TypeAlias = Callable[[bytes], object]
"""Takes the next bytes of the canonical form."""


def stable_digest(*args: object, **kwargs: object) -> str:
    """Return a digest of any arguments, the same in all processes, machines and Python versions.

    It tells types apart (``1``, ``1.0`` and ``True`` differ); the order of dicts, sets and keyword
    arguments does not matter. It knows Python's plain types and containers, dates, paths (not what
    is in the files), UUIDs, enum members, data classes, named tuples, classes and functions by
    their names, arrays of numpy, frames and series of pandas and polars.

    Returns:
        40 hexadecimal digits.

    Raises:
        TypeError: An argument has no stable form.

    Example:
        >>> stable_digest({"b", "a"}, depth=3) == stable_digest({"a", "b"}, depth=3)
        True
        >>> stable_digest("text")
        'c697ae36d9ec831ce69dd4e2e603fc391108f239'
    """
    return digest_of({**{f"{i}": arg for i, arg in enumerate(args)}, **kwargs})


def digest_of(arguments: Mapping[str, object]) -> str:
    """Return the digest of named arguments, in whatever order they are."""
    state = blake2b(digest_size=_DIGEST_BYTES)
    for name in sorted(arguments):
        feed(state.update, name)
        try:
            feed(state.update, arguments[name])
        except RecursionError:
            raise TypeError(
                f"the argument {name!r} contains itself, or is nested too deep"
            ) from None
        except _NoStableForm as error:
            raise TypeError(
                f"the argument {name!r} has no stable form that a key could be made of: {error}"
            ) from None
    return state.hexdigest()


class _NoStableForm(TypeError):
    """Says of which type the value is that can't be written down."""


def refuse(value: object) -> _NoStableForm:
    """Make the error about a value that differs from one process to the next."""
    kind = type(value)
    return _NoStableForm(f"{kind.__module__}.{kind.__qualname__}")


def importable_module(name: str) -> str:
    """Return the name under which everybody else imports a module; `name` may be ``__main__``.

    So what a script defines keeps its name in worker processes and when it is imported.
    """
    if name not in ("__main__", "__mp_main__"):
        return name
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else "__main__"


def token(update: Update, tag: bytes, content: bytes) -> None:
    """Write down something whose form is bytes."""
    update(b"%b%d:" % (tag, len(content)))
    update(content)


def begin(update: Update, tag: bytes, count: int) -> None:
    """Write down that so many parts of one whole follow."""
    update(b"%b%d[" % (tag, count))


def feed(update: Update, value: Any) -> None:
    """Write down the canonical form of any value."""
    known = _BY_TYPE.get(type(value))
    if known is not None:
        known(update, value)
    elif isinstance(value, Enum):
        begin(update, b"enum", 2)
        _feed_name(update, type(value))
        feed(update, value.name)
    elif isinstance(value, PurePath):
        token(update, b"path", _utf8(value.as_posix()))
    elif isinstance(value, tuple) and (names := getattr(value, "_fields", None)) is not None:
        _feed_fields(update, value, names)
    elif (
        dataclasses.is_dataclass(value)
        and not isinstance(value, type)
        and not isinstance(value, tuple(_BY_TYPE))  # its fields are not all of it
    ):
        _feed_fields(update, value, [field.name for field in dataclasses.fields(value)])
    elif isinstance(value, _REFERENCES):
        _feed_reference(update, value)
    elif type(value).__module__.partition(".")[0] in ("numpy", "pandas", "polars"):
        from persidict.wrappers._memoize.array_digests import feed_array_like

        feed_array_like(update, value)
    else:
        raise refuse(value)


def feed_sequence(update: Update, tag: bytes, values: Collection[Any]) -> None:
    """Write down values in their order; many of one plain type at once."""
    begin(update, tag, len(values))
    kinds = set(map(type, values))
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is str:
        token(update, b"lengths", ",".join(map(str, map(len, values))).encode())
        token(update, b"strs", _utf8("".join(values)))
    elif kind is not None and kind in _TEXTS:
        token(update, b"numbers", ",".join(map(_TEXTS[kind], values)).encode())
        feed(update, kind.__name__)
    else:
        for value in values:
            feed(update, value)


def _feed_mapping(update: Update, value: Mapping[Any, Any]) -> None:
    begin(update, b"dict", len(value))
    by_digest = sorted(((_digest(key), item) for key, item in value.items()), key=itemgetter(0))
    for key_digest, item in by_digest:
        update(key_digest)
        feed(update, item)


def _feed_set(update: Update, value: Collection[Any]) -> None:
    begin(update, b"set" if isinstance(value, set) else b"frozenset", len(value))
    for member_digest in sorted(map(_digest, value)):
        update(member_digest)


def _feed_fields(update: Update, value: Any, names: Collection[str]) -> None:
    begin(update, b"fields", len(names))
    _feed_name(update, type(value))
    for name in names:
        feed(update, name)
        feed(update, getattr(value, name))


def _feed_reference(update: Update, value: Any) -> None:
    """Write down a class or function by its name, if that leads to it."""
    found: Any = sys.modules.get(value.__module__ or "")
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is not value and getattr(found, "__wrapped__", None) is not value:
        raise refuse(value)
    begin(update, b"reference", 1)
    _feed_name(update, value)


def _feed_name(update: Update, named: Any) -> None:
    token(update, b"name", _utf8(f"{importable_module(named.__module__)}:{named.__qualname__}"))


def _feed_datetime(update: Update, value: datetime) -> None:
    begin(update, b"datetime", 3)
    feed(update, value.replace(tzinfo=None, fold=0).isoformat())
    feed(update, value.fold)
    feed(update, value.tzinfo)


def _feed_time(update: Update, value: time) -> None:
    begin(update, b"time", 3)
    feed(update, value.replace(tzinfo=None, fold=0).isoformat())
    feed(update, value.fold)
    feed(update, value.tzinfo)


def _feed_zone(update: Update, value: ZoneInfo) -> None:
    if value.key is None:
        raise refuse(value)
    token(update, b"zone", _utf8(value.key))


def _feed_timezone(update: Update, value: timezone) -> None:
    offset, name = value.utcoffset(None), value.tzname(None)
    is_named = name != timezone(offset).tzname(None)
    feed_sequence(update, b"timezone", (offset, name) if is_named else (offset,))


def _feed_decimal(update: Update, value: Decimal) -> None:
    sign, digits, exponent = value.as_tuple()  # str() depends on the context
    token(update, b"decimal", f"{sign} {''.join(map(str, digits))} {exponent}".encode())


def _parts(tag: bytes, split: Callable[[Any], tuple[Any, ...]]) -> Callable[[Update, Any], None]:
    return lambda update, value: feed_sequence(update, tag, split(value))


def _digest(value: Any) -> bytes:
    state = blake2b(digest_size=_DIGEST_BYTES)
    feed(state.update, value)
    return state.digest()


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


# How numbers are written: exactly, and without a limit on their length.
_TEXTS: dict[Any, Callable[[Any], str]] = {int: hex, float: float.hex}

_BY_TYPE: dict[type, Callable[[Update, Any], None]] = {
    type(None): lambda update, _: token(update, b"none", b""),
    type(...): lambda update, _: token(update, b"ellipsis", b""),
    bool: lambda update, value: token(update, b"bool", b"%d" % value),
    int: lambda update, value: token(update, b"int", hex(value).encode()),
    float: lambda update, value: token(update, b"float", value.hex().encode()),
    complex: _parts(b"complex", lambda value: (value.real, value.imag)),
    str: lambda update, value: token(update, b"str", _utf8(value)),
    bytes: lambda update, value: token(update, b"bytes", value),
    bytearray: lambda update, value: token(update, b"bytearray", value),
    list: lambda update, value: feed_sequence(update, b"list", value),
    tuple: lambda update, value: feed_sequence(update, b"tuple", value),
    dict: _feed_mapping,
    OrderedDict: lambda update, value: feed_sequence(update, b"ordered", list(value.items())),
    set: _feed_set,
    frozenset: _feed_set,
    range: _parts(b"range", lambda value: (value.start, value.stop, value.step)),
    slice: _parts(b"slice", lambda value: (value.start, value.stop, value.step)),
    date: lambda update, value: token(update, b"date", value.isoformat().encode()),
    time: _feed_time,
    datetime: _feed_datetime,
    timedelta: _parts(b"timedelta", lambda value: (value.days, value.seconds, value.microseconds)),
    timezone: _feed_timezone,
    ZoneInfo: _feed_zone,
    Decimal: _feed_decimal,
    Fraction: _parts(b"fraction", lambda value: (value.numerator, value.denominator)),
    UUID: lambda update, value: token(update, b"uuid", value.bytes),
}
