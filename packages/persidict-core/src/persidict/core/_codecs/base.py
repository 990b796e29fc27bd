"""What all codecs share: their interface, and the error for a package that is not installed."""

from __future__ import annotations

from typing import Any, Protocol


class Codec(Protocol):
    """Turns values into bytes and back."""

    def encode(self, value: Any, nonce: bytes) -> list[bytes]:
        """Return the value as bytes, in pieces, so that large values need not be copied.

        A nonce makes equal values differ. Formats that have no room for it ignore it.
        """

    def decode(self, data: bytes) -> Any:
        """Return the value; a codec that takes maps also gets memory maps here."""

    @property
    def takes_maps(self) -> bool:
        """Whether stores of files pass memory maps to `decode`."""


def missing_package(package: str, purpose: str) -> ImportError:
    """Return the error that says what to install."""
    return ImportError(
        f"{purpose} needs the package {package}: pip install {package} "
        '(or everything that the formats need: pip install "persidict-core[codecs]")',
        name=package,
    )
