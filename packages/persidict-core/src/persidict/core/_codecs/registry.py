"""The value formats by name: ``pkl``, ``json``, plain text, and those that users register."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from persidict.core.keys import NonEmptySafeStrTuple

if TYPE_CHECKING:
    from persidict.core._codecs.base import Codec

Encoder: TypeAlias = Callable[[Any], bytes]
Decoder: TypeAlias = Callable[[bytes], Any]

_BUILT_IN = ("json", "pkl", "txt")
_OTHER_NAMES = {
    "json": "json",
    "jsonl": "json",
    "jsonpickle": "json",
    "pkl": "pkl",
    "pickle": "pkl",
    "pck": "pkl",
    "cloudpickle": "pkl",
    "joblib": "pkl",
}
_registered: dict[str, _RegisteredCodec] = {}


def register_format(
    name: str, encode: Encoder, decode: Decoder, *, memory_map: bool = False
) -> None:
    """Add a value format, usable as `serialization_format` of every dict.

    Each process registers the format before it opens such a store. ``decode(encode(value))``
    must equal the value; persidict does not check this at every write. `encode` should raise
    an exception for values that the format can't represent (users get an `EncodingError`), and
    `decode` for damaged bytes (users get a `DecodingError`).

    Args:
        name: The format's name, which is also the extension of its files.
        encode: Turns a value into bytes.
        decode: Turns these bytes into the value again.
        memory_map: Pass a read-only memory map of the file to `decode`, as a ``memoryview``, where
            the store has files and the values are not signed; otherwise ``bytes``. The value may
            keep a reference to it: replacing or deleting the item does not change it.

    Raises:
        TypeError: The name is not a string, or the functions can't be called.
        ValueError: The name can't be a file extension, belongs to a built-in format, or is
            registered with other functions. Running the same definition again is allowed.

    Example:
        >>> import zlib
        >>> register_format("zlib", lambda text: zlib.compress(text.encode()),
        ...                 lambda data: zlib.decompress(data).decode())
    """
    _validate_name(name)
    for function in (encode, decode):
        if not callable(function):
            raise TypeError(f"encode and decode must be functions, got {function!r:.100}")
    if name.lower() in _BUILT_IN:
        raise ValueError(f"{name!r} is a built-in format; choose another name")
    known = _registered.setdefault(name, _RegisteredCodec(encode, decode, bool(memory_map)))
    is_same = _is_same(encode, known.encoder) and _is_same(decode, known.decoder)
    if not is_same or known.takes_maps != memory_map:
        raise ValueError(f"the format {name!r} is already registered with other functions")


def validate_format(serialization_format: object, base_class: type | None) -> None:
    """Raise if a name can't be a file extension, or if a text format is to store other values."""
    name = _validate_name(serialization_format)
    if not stores_text(name):
        return
    if base_class is None or not issubclass(base_class, str):
        meant = intended_format(name)
        hint = f" (did you mean {meant!r}?)" if meant else ""
        raise ValueError(
            f"serialization_format {name!r}{hint} stores plain text, so base_class_for_values must "
            "be str (for other values use 'pkl', 'json', or add the format with register_format)"
        )


def intended_format(name: str) -> str | None:
    """Return the built-in format that a user probably means by another name, such as ``pickle``."""
    return _OTHER_NAMES.get(name.lower().strip("."))


def stores_text(serialization_format: str) -> bool:
    """Tell whether a format stores nothing but text."""
    return serialization_format not in ("pkl", "json") and serialization_format not in _registered


def codec_for(
    serialization_format: str,
    base_class: type | None,
    *,
    object_tags: bool = True,
    max_inflated_bytes: int | None = None,
) -> Codec:
    """Return the codec of a format that `validate_format` accepts."""
    if serialization_format == "json":
        from persidict.core._codecs.json_codec import JsonCodec

        return JsonCodec(object_tags=object_tags, max_inflated_bytes=max_inflated_bytes)
    registered = _registered.get(serialization_format)
    if not object_tags and (serialization_format == "pkl" or registered is not None):
        raise ValueError(
            f"object_tags=False is for 'json': reading {serialization_format!r} may run code anyway"
        )
    if serialization_format == "pkl":
        from persidict.core._codecs.pickle_codec import PickleCodec

        return PickleCodec(max_inflated_bytes)
    if registered is not None:
        return registered
    from persidict.core._codecs.text_codec import TextCodec

    return TextCodec(base_class or str)


class _RegisteredCodec:
    """A format that a user has registered.

    Its bytes contain no nonce, so equal values can have equal ETags on S3.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, takes_maps: bool) -> None:
        self.encoder = encoder
        self.decoder = decoder
        self.takes_maps = takes_maps

    def encode(self, value: Any, nonce: bytes) -> list[bytes]:
        data = self.encoder(value)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"encode must return bytes, got {type(data).__name__}")
        return [bytes(data)]

    def decode(self, data: bytes) -> Any:
        return self.decoder(data)


def _is_same(one: Any, other: Any) -> bool:
    """Compare functions; the same definition run again, as in a notebook, counts as the same."""
    if one == other:
        return True
    codes = [getattr(function, "__code__", None) for function in (one, other)]
    if codes[0] is None or codes[0] != codes[1] or one.__closure__ or other.__closure__:
        return False
    return bool(one.__module__ == other.__module__ and one.__defaults__ == other.__defaults__)


def _validate_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"serialization_format must be a string, got {type(name).__name__}")
    try:
        NonEmptySafeStrTuple(name)
    except ValueError as error:
        raise ValueError(f"serialization_format can't be used in file names: {error}") from None
    return name
