"""The ``json`` format: human-readable, plain JSON where that is faithful, else jsonpickle's tags.

Both may be followed by white space: a line end, and a nonce if asked for.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from persidict.core._codecs.base import missing_package
from persidict.core._codecs.decompress import validate_arrays
from persidict.core._codecs.equality import strictly_equal

orjson: Any
try:
    import orjson
except ImportError:  # the standard library's does the same, more slowly
    orjson = None

_ATOMS = frozenset({str, int, bool, type(None)})
_CONTAINERS = frozenset({list, dict})
# jsonpickle's tags: they would be taken for instructions when read back.
_TAGS = (b'"py/', b'"json://')
_TAG_KEYS = ("py/", "json://")
# An integer that may be beyond 64 bits, which orjson would read as a float.
_LONG_INTEGER = re.compile(rb"\d{19}")
# orjson gives up at 254.
_DEEPEST = 200
_REFUSED = ", which can run code when it is read and object_tags=False refuses"
# Bytes up to which copying them costs less than keeping pieces apart.
_JOINED = 4096
# Two bits of nonce per white-space character.
_BLANKS = b" \t\n\r"
_TO_BLANKS = [bytes(_BLANKS[byte >> shift & 3] for shift in (6, 4, 2, 0)) for byte in range(256)]


class JsonCodec:
    """JSON text, indented, in UTF-8.

    Args:
        object_tags: Whether values that JSON has no form for are written with jsonpickle's tags,
            and tags obeyed in what is read. They can name any class and call any function.
        max_inflated_bytes: What compressed arrays may inflate to.
    """

    def __init__(self, *, object_tags: bool = True, max_inflated_bytes: int | None = None) -> None:
        self._object_tags = object_tags
        self._limit = max_inflated_bytes

    def encode(self, value: Any, nonce: bytes) -> list[bytes]:
        """Return the value as JSON text that reads back equal, or raise why there is none."""
        data = _plain(value)
        if data is None:
            data = _tagged(value) if self._object_tags else _untagged(value)
            if not strictly_equal(self.decode(data), value):
                raise TypeError(
                    f"a {type(value).__qualname__} like this does not come back equal from JSON; "
                    "serialization_format 'pkl' can store it"
                )
        end = b"\n" + b"".join([_TO_BLANKS[byte] for byte in nonce])
        return [data + end] if len(data) < _JOINED else [data, end]

    def decode(self, data: bytes) -> Any:
        """Return the value of a JSON text, with or without jsonpickle's tags."""
        if _TAGS[0] in data or _TAGS[1] in data:
            flat = json.loads(data)
            if self._object_tags:
                validate_arrays(flat, self._limit)
                return _restored(flat, data)
            _refuse_tags(flat)
            return flat
        if orjson is None or _LONG_INTEGER.search(data):
            return json.loads(data)
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            # NaN and infinities, which jsonpickle writes though JSON has none.
            return json.loads(data)


def _plain(value: Any) -> bytes | None:
    """Return plain JSON, or None if the value would not come back equal from it."""
    if not _is_plain(value, 0):
        return None
    if orjson is None:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
        try:
            data = text.encode()
        except UnicodeEncodeError:
            return None
    else:
        try:
            data = orjson.dumps(value, option=orjson.OPT_INDENT_2)
        except TypeError:  # an integer beyond 64 bits, a lone surrogate
            return None
    return None if _TAGS[0] in data or _TAGS[1] in data else data


def _is_plain(value: Any, depth: int) -> bool:
    """Tell whether a value is made of exactly the types that JSON has."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind is float:
        return bool(value - value == 0)  # finite
    if kind not in _CONTAINERS or depth > _DEEPEST:
        return False
    if kind is dict:
        if set(map(type, value)) - {str}:
            return False
        value = value.values()
    kinds = set(map(type, value))
    if kinds <= _ATOMS:
        return True
    return all(_is_plain(item, depth + 1) for item in value)


def _untagged(value: Any) -> bytes:
    """Return JSON without tags also for what strict JSON lacks: NaN, long integers."""
    data = json.dumps(value, ensure_ascii=True, indent=2, default=_refuse_object).encode()
    _refuse_objects(value)  # a finite one: JSON has refused cycles
    return data


def _refuse_object(value: Any) -> NoReturn:
    raise TypeError(f"a {type(value).__qualname__} needs object tags{_REFUSED}")


def _refuse_objects(value: Any) -> None:
    """Refuse what JSON would take for something else, such as tuples."""
    pending = [value]
    while pending:
        node = pending.pop()
        kind = type(node)
        if kind is list:
            pending.extend(node)
        elif kind is dict:
            for key in node:
                if type(key) is not str or key.startswith(_TAG_KEYS):
                    raise TypeError(f"the key {key!r:.50} of a dict needs object tags{_REFUSED}")
            pending.extend(node.values())
        elif kind is not float and kind not in _ATOMS:
            _refuse_object(node)


def _refuse_tags(flat: Any) -> None:
    """Refuse text whose tags another reader would obey."""
    pending = [flat]
    while pending:
        node = pending.pop()
        if type(node) is dict:
            for key in node:
                if key.startswith(_TAG_KEYS):
                    raise ValueError(f"it has the object tag {key!r:.50}{_REFUSED}")
            pending.extend(node.values())
        elif type(node) is list:
            pending.extend(node)


def _tagged(value: Any) -> bytes:
    jsonpickle = _jsonpickle()
    flat = jsonpickle.Pickler(keys=True, warn=False).flatten(value)
    return json.dumps(flat, ensure_ascii=True, indent=2).encode()


def _restored(flat: Any, data: bytes) -> Any:
    jsonpickle = _jsonpickle(data)
    try:
        return jsonpickle.Unpickler(keys=True, on_missing="error").restore(flat)
    except jsonpickle.errors.ClassNotFoundError as error:  # no Exception, a BaseException
        raise LookupError(str(error)) from error


def _jsonpickle(data: bytes = b"") -> Any:
    """Import jsonpickle, with its handlers for arrays and data frames where they may be met."""
    import sys

    try:
        import jsonpickle
    except ImportError as error:
        raise missing_package("jsonpickle", "JSON for more than plain lists and dicts") from error
    for package in ("numpy", "pandas"):
        if package in sys.modules or f'"py/object": "{package}.'.encode() in data:
            __import__(f"jsonpickle.ext.{package}", fromlist=["_"]).register_handlers()
    return jsonpickle
