"""The ``json`` format: plain JSON for values that it represents exactly, else jsonpickle's tags.

White space may follow the JSON text: a line end, and a nonce if the store asks for one.
"""

from __future__ import annotations

from typing import Any, NoReturn

from persidict.core._codecs.equality import strictly_equal
from persidict.core._codecs.json_levels import dicts_in
from persidict.core._codecs.json_text import TAG_KEYS, dumps, has_tags, parse, plain_text

_ATOMS = frozenset({str, int, float, bool, type(None)})
_REFUSED = ", which can run code when it is read and object_tags=False refuses"
# Up to this size in bytes, joining pieces costs less than keeping them apart.
_JOINED = 4096
# Two bits of nonce per white-space character.
_BLANKS = b" \t\n\r"
_TO_BLANKS = [bytes(_BLANKS[byte >> shift & 3] for shift in (6, 4, 2, 0)) for byte in range(256)]


class JsonCodec:
    """JSON text in UTF-8, indented up to a size that people read.

    Args:
        object_tags: Whether to write values that JSON can't represent with jsonpickle's tags, and
            to obey tags when reading. Tags can name any class and call any function.
        max_inflated_bytes: The limit for compressed arrays.
    """

    takes_maps = False

    def __init__(self, *, object_tags: bool = True, max_inflated_bytes: int | None = None) -> None:
        self._object_tags = object_tags
        self._limit = max_inflated_bytes

    def encode(self, value: Any, nonce: bytes) -> list[bytes]:
        """Return JSON text that reads back equal, or raise why there is none."""
        data = plain_text(value)
        if data is None:
            data = self._tagged(value) if self._object_tags else _untagged(value)
            if not strictly_equal(self.decode(data), value):
                raise TypeError(
                    f"a {type(value).__qualname__} like this does not come back equal from JSON; "
                    "serialization_format 'pkl' can store it"
                )
        end = b"\n" + b"".join([_TO_BLANKS[byte] for byte in nonce])
        return [data + end] if len(data) < _JOINED else [data, end]

    def decode(self, data: bytes) -> Any:
        """Return the value of a JSON text, with or without jsonpickle's tags."""
        flat, is_untagged = parse(data)
        if is_untagged or not has_tags(flat):
            return flat
        if not self._object_tags:
            _refuse_tags(flat)
        from persidict.core._codecs.json_objects import restore

        return restore(flat, self._limit)

    def _tagged(self, value: Any) -> bytes:
        from persidict.core._codecs.json_objects import flatten

        text = dumps(flatten(value))
        # A spawned worker knows the script by a name that other processes lack.
        return text.replace(b'"__mp_main__.', b'"__main__.')


def _untagged(value: Any) -> bytes:
    """Return JSON without tags also for NaN and long integers, which strict JSON lacks."""
    data = dumps(value, default=_refuse_object)
    _refuse_objects(value)  # terminates, because json.dumps has raised for a cycle
    return data


def _refuse_object(value: Any) -> NoReturn:
    raise TypeError(f"a {type(value).__qualname__} needs object tags{_REFUSED}")


def _refuse_objects(value: Any) -> None:
    """Raise for types that JSON would turn into others, such as tuples."""
    pending = [value]
    while pending:
        node = pending.pop()
        kind = type(node)
        if kind is list:
            pending.extend(node)
        elif kind is dict:
            for key in node:
                if type(key) is not str or key.startswith(TAG_KEYS):
                    raise TypeError(f"the key {key!r:.50} of a dict needs object tags{_REFUSED}")
            pending.extend(node.values())
        elif kind not in _ATOMS:
            _refuse_object(node)


def _refuse_tags(flat: Any) -> NoReturn:
    """Raise and name the first tag in a parsed document that has one."""
    for node in dicts_in(flat):
        for key in node:
            if key.startswith(TAG_KEYS):
                raise ValueError(f"it has the object tag {key!r:.50}{_REFUSED}")
    raise AssertionError("it has no tag")
