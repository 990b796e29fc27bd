"""Keys from any text, for frameworks whose keys are URLs, paths or sentences."""

from __future__ import annotations

import hashlib
import re

from persidict.core.key_components import (
    MAX_COMPONENT_LENGTH,
    decode_key_component,
    encode_key_component,
)
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple

# `encode_key_component` never returns it: an equals sign is followed by two hexadecimal digits.
_SHORTENED = "=="
_READABLE_LENGTH = 160
_CUT_ESCAPE = re.compile(r"=[0-9A-F]?\Z")


def key_from_text(text: str, *, separator: str | None = None) -> NonEmptySafeStrTuple:
    """Return the key for any text.

    Text that is longer than one component can hold is shortened to its readable start and its
    SHA-256 digest. `text_from_key` undoes all but shortened keys.

    Args:
        text: Any text, also empty.
        separator: Splits the text into the components of a hierarchical key. None: one component.

    Raises:
        TypeError: `text` is no string.
        ValueError: `separator` is empty.

    Example:
        >>> key_from_text("https://example.com/a b")
        NonEmptySafeStrTuple(('https=3A=2F=2Fexample.com=2Fa=20b',))
        >>> key_from_text("zarr.json/c/0", separator="/")
        NonEmptySafeStrTuple(('zarr.json', 'c', '0'))
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, got {type(text).__name__}")
    parts = [text] if separator is None else text.split(separator)
    return NonEmptySafeStrTuple(tuple(map(_component, parts)))


def text_from_key(key: NonEmptyPersiDictKey, *, separator: str | None = None) -> str:
    """Return the text that `key_from_text` made `key` from.

    Args:
        key: The key.
        separator: The one that was given to `key_from_text`.

    Raises:
        ValueError: `key_from_text` shortened the text, so the key does not hold all of it; or it
            returns this key for no text.

    Example:
        >>> text_from_key(key_from_text("a/b c"))
        'a/b c'
    """
    components = NonEmptySafeStrTuple(key)
    if separator is None and len(components) > 1:
        raise ValueError(f"the key {'/'.join(components)!r:.200} has several components")
    for component in components:
        if _SHORTENED in component:
            raise ValueError(f"the text of the key component {component!r} was shortened")
    return (separator or "").join(map(decode_key_component, components))


def _component(text: str) -> str:
    encoded = encode_key_component(text)
    if len(encoded) <= MAX_COMPONENT_LENGTH:
        return encoded
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return _CUT_ESCAPE.sub("", encoded[:_READABLE_LENGTH]) + _SHORTENED + digest
