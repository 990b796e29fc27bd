"""Components of keys: which texts are safe, and how to make any text safe."""

from __future__ import annotations

import re

SAFE_PUNCTUATION = "()_-~.="
MAX_COMPONENT_LENGTH = 253

_SAFE_CHARS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + SAFE_PUNCTUATION
)
# One group: the component. It also matches "." and "..", which `is_component` excludes.
COMPONENT_PATTERN = rf"([A-Za-z0-9()_\-~.=]{{1,{MAX_COMPONENT_LENGTH}}})"
is_component = re.compile(r"(?!\.\.?\Z)" + COMPONENT_PATTERN).fullmatch


def validate_component(component: str) -> str:
    """Return the component as a plain string.

    Raises:
        ValueError: It is not safe; the message names the rule that it breaks.
    """
    component = str.__str__(component)
    if is_component(component):
        return component
    if not component:
        rule = "is empty"
    elif component in (".", ".."):
        rule = "would name a directory"
    elif len(component) > MAX_COMPONENT_LENGTH:
        rule = f"has {len(component)} characters; at most {MAX_COMPONENT_LENGTH} are allowed"
    else:
        unsafe = "".join(dict.fromkeys(char for char in component if char not in _SAFE_CHARS))
        rule = (
            f"has {unsafe!r:.50}; allowed are ASCII letters, digits and {SAFE_PUNCTUATION} "
            "(encode_key_component makes any text safe)"
        )
    raise ValueError(f"key component {component!r:.100} {rule}")


def get_safe_chars() -> set[str]:
    """Return a new set of the characters that a key component may have.

    Example:
        >>> sorted(get_safe_chars())[:8]
        ['(', ')', '-', '.', '0', '1', '2', '3']
    """
    return set(_SAFE_CHARS)


def replace_unsafe_chars(a_str: str, replace_with: str) -> str:
    """Return `a_str` with every character that no key may have replaced (not reversible).

    Args:
        a_str: Any text.
        replace_with: The replacement for each unsafe character; may be empty.

    Example:
        >>> replace_unsafe_chars("a b/c", "_")
        'a_b_c'
    """
    return "".join(char if char in _SAFE_CHARS else replace_with for char in a_str)


def encode_key_component(text: str) -> str:
    """Encode any text into safe characters, reversibly.

    Safe text stays as it is, except that ``=`` is the escape character: every other character
    becomes ``=XX`` for each byte of its UTF-8 form, like percent-encoding (RFC 3986, section 2.1)
    with another sign. Empty text becomes a lone ``=``. The result may be longer than the 253
    characters that one component can have. `decode_key_component` reverses the encoding.

    Args:
        text: Any string, lone surrogates included.

    Returns:
        A non-empty string of safe characters.

    Raises:
        TypeError: `text` is not a string.

    Example:
        >>> encode_key_component("https://example.com/ä")
        'https=3A=2F=2Fexample.com=2F=C3=A4'
        >>> encode_key_component("plain-text_1.0")
        'plain-text_1.0'
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, got {type(text).__name__}")
    if text in ("", ".", ".."):
        return "=2E" * len(text) or "="
    return "".join(char if char in _SAFE_CHARS and char != "=" else _escaped(char) for char in text)


def decode_key_component(component: str) -> str:
    """Return the text that `encode_key_component` encoded into `component`.

    Raises:
        TypeError: `component` is not a string.
        ValueError: `encode_key_component` returns `component` for no text.

    Example:
        >>> decode_key_component("caf=C3=A9")
        'café'
    """
    if not isinstance(component, str):
        raise TypeError(f"component must be a string, got {type(component).__name__}")
    if component == "=":
        return ""
    head, *escapes = component.encode("utf-8", "surrogatepass").split(b"=")
    try:
        decoded = head + b"".join(bytes.fromhex(e[:2].decode()) + e[2:] for e in escapes)
        text = decoded.decode("utf-8", "surrogatepass")
    except ValueError:
        text = None
    if text is None or encode_key_component(text) != component:
        raise ValueError(f"{component!r} is not the encoded form of any text")
    return text


def _escaped(char: str) -> str:
    return "".join(f"={byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
