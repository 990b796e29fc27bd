"""Plain text in UTF-8: the format of every name that is neither built in nor registered."""

from __future__ import annotations

from typing import Any


class TextCodec:
    """Plain UTF-8. It has no room for a nonce: equal texts are equal bytes."""

    takes_maps = False

    def __init__(self, text_class: type[str]) -> None:
        self._class = text_class

    def encode(self, value: Any, nonce: bytes) -> list[bytes]:
        """Return the text in UTF-8; a lone surrogate raises ``UnicodeEncodeError``."""
        if type(value) is not self._class:
            raise TypeError(
                f"plain text stores {self._class.__qualname__}, not {type(value).__qualname__}"
            )
        data: bytes = str.encode(value)
        if self._class is not str:
            restored = self.decode(data)
            if type(restored) is not type(value) or restored != value:
                raise ValueError(f"it would come back as {restored!r:.100}")
        return [data]

    def decode(self, data: bytes) -> Any:
        """Return the text as an instance of the dict's `base_class_for_values`."""
        text = data.decode()
        return text if self._class is str else self._class(text)
