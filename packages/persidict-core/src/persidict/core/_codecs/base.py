"""Value formats: ``pkl``, ``json``, plain text, and what users register.

What the built-in codecs accept comes back equal and of the same type; all else they refuse.
Third-party packages load only when needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

from persidict.core.keys import NonEmptySafeStrTuple


class Codec(Protocol):
    """Turns values into bytes and back."""

    def encode(self, value: Any, nonce: bytes) -> list[bytes]:
        """Return the value as bytes, in pieces that are not joined since they may be large.

        A nonce makes equal values differ where the format has room for it.
        """

    def decode(self, data: bytes) -> Any:
        """Return the value."""


Encoder: TypeAlias = Callable[[Any], bytes]
Decoder: TypeAlias = Callable[[bytes], Any]

_BUILT_IN = ("json", "pkl", "txt")
_registered: dict[str, _CustomCodec] = {}


def register_format(name: str, encode: Encoder, decode: Decoder) -> None:
    """Make a value format of one's own, usable as `serialization_format` of every dict.

    Each process that opens such a store registers the format first. ``decode(encode(value))``
    must equal the value; this is not checked at every write. `encode` raises for values that
    the format has no form for (users get an `EncodingError`), `decode` for damaged bytes
    (`DecodingError`).

    Args:
        name: The format's name and the extension of its files.
        encode: Turns a value into bytes.
        decode: Turns these bytes into the value again.

    Raises:
        TypeError: The name is no string or the functions can't be called.
        ValueError: The name can't be a file extension, is that of a built-in format, or is
            registered with other functions. (The same definition, run again, is no other.)

    Example:
        >>> import zlib
        >>> register_format("zlib", lambda text: zlib.compress(text.encode()),
        ...                 lambda data: zlib.decompress(data).decode())
    """
    _check_name(name)
    for function in (encode, decode):
        if not callable(function):
            raise TypeError(f"encode and decode must be functions, got {function!r:.100}")
    if name.lower() in _BUILT_IN:
        raise ValueError(f"{name!r} is a built-in format; choose another name")
    known = _registered.setdefault(name, _CustomCodec(encode, decode))
    if not (_is_same(encode, known.encoder) and _is_same(decode, known.decoder)):
        raise ValueError(f"the format {name!r} is registered with other functions already")


def _is_same(one: Any, other: Any) -> bool:
    """Compare functions; the same definition, run again, as in a notebook, is the same."""
    if one == other:
        return True
    codes = [getattr(function, "__code__", None) for function in (one, other)]
    if codes[0] is None or codes[0] != codes[1] or one.__closure__ or other.__closure__:
        return False
    return bool(one.__module__ == other.__module__ and one.__defaults__ == other.__defaults__)


def check_format(serialization_format: object, base_class: type | None) -> None:
    """Refuse a format name that can't be a file extension, and text for other values than str."""
    name = _check_name(serialization_format)
    if name in ("pkl", "json") or name in _registered:
        return
    if base_class is None or not issubclass(base_class, str):
        raise ValueError(
            f"serialization_format {name!r} stores plain text, so base_class_for_values must be "
            "str (other values: 'pkl', 'json', or a format that register_format has been told)"
        )


def _check_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"serialization_format must be a string, got {type(name).__name__}")
    try:
        NonEmptySafeStrTuple(name)
    except ValueError as error:
        raise ValueError(f"serialization_format can't be used in file names: {error}") from None
    return name


def codec_for(
    serialization_format: str,
    base_class: type | None,
    *,
    object_tags: bool = True,
    max_inflated_bytes: int | None = None,
) -> Codec:
    """Return the codec of a format that `check_format` accepts."""
    if serialization_format == "json":
        from persidict.core._codecs.json_codec import JsonCodec

        return JsonCodec(object_tags=object_tags, max_inflated_bytes=max_inflated_bytes)
    custom = _registered.get(serialization_format)
    if not object_tags and (serialization_format == "pkl" or custom is not None):
        raise ValueError(
            f"object_tags=False is for 'json': reading {serialization_format!r} may run code "
            "all the same"
        )
    if serialization_format == "pkl":
        from persidict.core._codecs.pickle_codec import PickleCodec

        return PickleCodec(max_inflated_bytes)
    return custom or TextCodec(base_class or str)


class _CustomCodec(NamedTuple):
    """A registered format. There is no room for a nonce."""

    encoder: Encoder
    decoder: Decoder

    def encode(self, value: Any, nonce: bytes) -> list[bytes]:
        data = self.encoder(value)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"encode must return bytes, got {type(data).__name__}")
        return [bytes(data)]

    def decode(self, data: bytes) -> Any:
        return self.decoder(data)


class TextCodec:
    """Plain UTF-8. There is no room for a nonce: equal texts are equal bytes."""

    def __init__(self, text_class: type[str]) -> None:
        self._class = text_class

    def encode(self, value: Any, nonce: bytes) -> list[bytes]:
        """Return the text in UTF-8; lone surrogates have no such form and are refused."""
        if type(value) is not self._class:
            raise TypeError(
                f"plain text keeps {self._class.__qualname__}, not {type(value).__qualname__}"
            )
        data: bytes = str.encode(value)
        if self._class is not str:
            _require_equal(self.decode(data), value)
        return [data]

    def decode(self, data: bytes) -> Any:
        """Return the text as an instance of the class that the dict's values must have."""
        text = data.decode()
        return text if self._class is str else self._class(text)


def _require_equal(restored: Any, value: Any) -> None:
    if type(restored) is not type(value) or restored != value:
        raise ValueError(f"it would come back as {restored!r:.100}")


def missing_package(package: str, purpose: str) -> ImportError:
    """Make the error that says what to install."""
    return ImportError(
        f"{purpose} needs the package {package}: pip install {package} "
        '(or all that formats need: pip install "persidict-core[codecs]")',
        name=package,
    )
