"""Plain JSON text by orjson, or by the standard library where orjson is not installed.

orjson is used only where its result is certain to be exact: it writes tuples, enums and NaN as
something else, and reads integers beyond 64 bits as floats.
"""

from __future__ import annotations

import json
import math
from typing import Any

from persidict.core._codecs.equality import strictly_equal
from persidict.core._codecs.json_levels import has_only_json_types
from persidict.core.errors import raise_if_from_handler

orjson: Any
try:
    import orjson
except ImportError:
    orjson = None
else:
    # It refuses what these name, so that it need not be looked for afterwards.
    _OPTIONS = (
        orjson.OPT_PASSTHROUGH_SUBCLASS
        | orjson.OPT_PASSTHROUGH_DATACLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
    )

TAG_KEYS = ("py/", "json://")
"""jsonpickle obeys dict keys that start with one of these."""

# orjson returns a float of at least this amount for an integer beyond 64 bits.
_LONG_INTEGER = 2.0**63
# In a text whose digits are all 0, and whose other characters are spaces or dots, such an integer
# looks like this.
_MANY_DIGITS = b" " + b"0" * 19
_DIGITS = bytes(
    ord("0") if byte in b"0123456789" else ord(".") if byte in b"." else ord(" ")
    for byte in range(256)
)
# Up to this size in bytes, checking the text costs less than checking its parts.
_SMALL = 1024
# Up to this size in bytes, a text without white space is written again with it, for people.
_READABLE = 1 << 16


def parse(data: bytes) -> tuple[Any, bool]:
    """Parse JSON, and return whether the text shows that it has no tags."""
    # A tag has a slash, which can also be written as an escape.
    is_untagged = b"/" not in data and b"\\" not in data
    if orjson is None:
        return json.loads(data), is_untagged
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        # NaN and infinities, which jsonpickle writes although JSON has none.
        return json.loads(data), is_untagged
    tags = () if is_untagged else TAG_KEYS
    if len(data) > _SMALL and has_only_json_types(value, _LONG_INTEGER, tags):
        return value, True
    if len(data) >= len(_MANY_DIGITS) - 1 and _MANY_DIGITS in b" " + data.translate(_DIGITS):
        value = json.loads(data)
    return value, is_untagged


def has_tags(value: Any) -> bool:
    """Return whether parsed JSON has a dict key that is a tag."""
    return not has_only_json_types(value, None, TAG_KEYS)


def plain_text(value: Any) -> bytes | None:
    """Return plain JSON, or None if the value would not come back equal from it."""
    if orjson is None:
        try:
            text = dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise_if_from_handler(error)
            return None
        return text if strictly_equal(json.loads(text), value) and not has_tags(value) else None
    try:
        data: bytes = orjson.dumps(value, option=_OPTIONS)
    except TypeError as error:  # an integer beyond 64 bits, a lone surrogate, most objects
        raise_if_from_handler(error)
        return None
    # A text has no keys, and the search of a long one takes a tenth of the time of encoding it.
    tags = TAG_KEYS if type(value) is not str and b"/" in data else ()
    if not has_only_json_types(value, math.inf, tags):
        return None
    if len(data) > _READABLE:
        return data
    indented: bytes = orjson.dumps(value, option=_OPTIONS | orjson.OPT_INDENT_2)
    return indented


def dumps(value: Any, **how: Any) -> bytes:
    """Return what the standard library writes: indented, if it is not too long for people."""
    text = json.dumps(value, separators=(",", ":"), **how)
    return (text if len(text) > _READABLE else json.dumps(value, indent=2, **how)).encode()
