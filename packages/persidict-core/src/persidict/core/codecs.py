"""Value formats: ``pkl``, ``json`` and plain text. Third-party packages load only when needed.

What a codec accepts comes back equal and of the same type; all else it refuses.
"""

from __future__ import annotations

from typing import Any, Protocol

from persidict.core.keys import NonEmptySafeStrTuple


class Codec(Protocol):
    """Turns values into bytes and back."""

    def encode(self, value: Any, nonce: bytes) -> bytes:
        """Return the value as bytes; a nonce makes equal values differ where the format can."""

    def decode(self, data: bytes) -> Any:
        """Return the value."""


def check_format(serialization_format: object, base_class: type | None) -> None:
    """Refuse a format name that can't be a file extension, and text for other values than str."""
    if not isinstance(serialization_format, str):
        raise TypeError(
            f"serialization_format must be a string, got {type(serialization_format).__name__}"
        )
    try:
        NonEmptySafeStrTuple(serialization_format)
    except ValueError as error:
        raise ValueError(f"serialization_format can't be used in file names: {error}") from None
    if serialization_format not in ("pkl", "json") and not (
        base_class is not None and issubclass(base_class, str)
    ):
        raise ValueError(
            f"serialization_format {serialization_format!r} stores plain text, so "
            "base_class_for_values must be str (other values: 'pkl' or 'json')"
        )


def codec_for(serialization_format: str, base_class: type | None) -> Codec:
    """Return the codec of a format that `check_format` accepts."""
    if serialization_format == "pkl":
        from persidict.core.pickles import PickleCodec

        return PickleCodec()
    if serialization_format == "json":
        from persidict.core.json_text import JsonCodec

        return JsonCodec()
    return TextCodec(base_class or str)


class TextCodec:
    """Plain UTF-8. There is no room for a nonce: equal texts are equal bytes."""

    def __init__(self, text_class: type[str]) -> None:
        self._class = text_class

    def encode(self, value: Any, nonce: bytes) -> bytes:
        """Return the text in UTF-8; lone surrogates have no such form and are refused."""
        if type(value) is not self._class:
            raise TypeError(
                f"plain text keeps {self._class.__qualname__}, not {type(value).__qualname__}"
            )
        data: bytes = str.encode(value)
        if self._class is not str:
            _require_equal(self.decode(data), value)
        return data

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
