"""Canonical forms: values of plain types as bytes that are the same in every process.

A value is written with its type and lengths, so that no two values have one form. Neither
``hash()`` (which has another seed in each process) nor pickles (which depend on identities and
on the order of sets) are canonical. Other modules add further types by `add_feeder`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b
from operator import itemgetter
from pickle import PicklingError
from typing import Any, TypeAlias
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

DIGEST_BYTES = 20

Update: TypeAlias = Callable[[bytes], object]
"""Takes the next bytes of the canonical form."""

Feeder: TypeAlias = Callable[[Update, Any], bool]
"""Writes the canonical form of a value, or returns False if its type isn't known here."""

_feeders: list[Feeder] = []


class NoStableFormError(TypeError):
    """A value has no canonical form; the text names its type."""


def refuse(value: object) -> NoStableFormError:
    """Return the error for a value that has no canonical form."""
    kind = type(value)
    return NoStableFormError(f"{kind.__module__}.{kind.__qualname__}")


def add_feeder(feeder: Feeder) -> None:
    """Let a function write the canonical forms of further types."""
    _feeders.append(feeder)


def token(update: Update, tag: bytes, content: bytes) -> None:
    """Write a value whose form is bytes."""
    update(b"%b%d:" % (tag, len(content)))
    update(content)


def begin(update: Update, tag: bytes, count: int) -> None:
    """Announce that the parts of a whole follow."""
    update(b"%b%d[" % (tag, count))


def feed(update: Update, value: Any) -> None:
    """Write the canonical form of any value."""
    known = PLAIN_TYPES.get(type(value))
    if known is not None:
        known(update, value)
    elif not any(feeder(update, value) for feeder in _feeders):
        raise refuse(value)


def feed_text(update: Update, tag: bytes, text: str) -> None:
    """Write a text."""
    token(update, tag, _utf8(text))


def feed_sequence(update: Update, tag: bytes, values: Collection[Any]) -> None:
    """Write values in their order; many of one plain type at once."""
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
    try:
        value.__reduce__()
    except PicklingError:  # read from a file: its name doesn't tell its rules
        raise refuse(value) from None
    feed_text(update, b"zone", value.key)


def _feed_timezone(update: Update, value: timezone) -> None:
    offset, name = value.utcoffset(None), value.tzname(None)
    is_named = name != timezone(offset).tzname(None)
    feed_sequence(update, b"timezone", (offset, name) if is_named else (offset,))


def _feed_decimal(update: Update, value: Decimal) -> None:
    sign, digits, exponent = value.as_tuple()  # str() depends on the context
    token(update, b"decimal", f"{sign} {''.join(map(str, digits))} {exponent}".encode())


def _parts(tag: bytes, split: Callable[[Any], tuple[Any, ...]]) -> Callable[[Update, Any], None]:
    return lambda update, value: feed_sequence(update, tag, split(value))


def _feed_ordered(update: Update, value: OrderedDict[Any, Any]) -> None:
    if vars(value):
        raise refuse(value)
    feed_sequence(update, b"ordered", list(value.items()))


def _feed_uuid(update: Update, value: UUID) -> None:
    token(update, b"uuid", value.bytes)
    if value.is_safe is not SafeUUID.unknown:
        feed_text(update, b"safe", value.is_safe.name)


def _digest(value: Any) -> bytes:
    state = blake2b(digest_size=DIGEST_BYTES)
    feed(state.update, value)
    return state.digest()


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


# How numbers are written: exactly, and whatever their length.
_TEXTS: dict[Any, Callable[[Any], str]] = {int: hex, float: float.hex}

PLAIN_TYPES: dict[type, Callable[[Update, Any], None]] = {
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
    OrderedDict: _feed_ordered,
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
    UUID: _feed_uuid,
}
