"""Keys: immutable, flat tuples of strings that are safe as file names, URLs and S3 keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, TypeAlias

SAFE_PUNCTUATION = "()_-~.="
MAX_COMPONENT_LENGTH = 253

_SAFE_CHARS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + SAFE_PUNCTUATION
)
# One group: the component. That it is neither "." nor ".." only `is_component` tells.
COMPONENT_PATTERN = rf"([A-Za-z0-9()_\-~.=]{{1,{MAX_COMPONENT_LENGTH}}})"
is_component = re.compile(r"(?!\.\.?\Z)" + COMPONENT_PATTERN).fullmatch
# Deeper nesting is a mistake (or a list that contains itself), not a key.
_MAX_NESTING = 100


class SafeStrTuple(tuple[str, ...]):
    """An immutable flat tuple of safe, non-empty strings; may be empty (a prefix).

    Strings, (nested) sequences of strings and other keys are accepted and flattened from left
    to right. A component has 1 to 253 characters, all of them ASCII letters, digits or one of
    ``()_-~.=``; ``.`` and ``..`` are refused.

    A key equals another key and anything that converts to the same components. Its hash is that
    of the plain tuple of its components, so plain tuples find keys in sets and dicts. (It also
    equals a lone string, ``SafeStrTuple("a") == "a"``, whose hash differs: don't mix those in
    one set.)

    Args:
        *parts: Strings and (nested) sequences of strings.

    Raises:
        TypeError: A part is neither a string nor a sequence of them, or keyword arguments
            were given.
        ValueError: A component breaks one of the rules above.

    Example:
        >>> key = NonEmptySafeStrTuple("a", ["b", ("c",)])
        >>> key
        NonEmptySafeStrTuple(('a', 'b', 'c'))
        >>> key == ("a", "b", "c"), hash(key) == hash(("a", "b", "c"))
        (True, True)
    """

    __slots__ = ()

    def __new__(cls, *parts: PersiDictKey, **unexpected: Any) -> SafeStrTuple:  # noqa: PYI034  # parts may come back as they are
        """Make it from parts that are checked and flattened."""
        if unexpected:
            raise TypeError(
                f"{cls.__name__} takes no keyword arguments, got {', '.join(unexpected)}"
            )
        if len(parts) == 1:
            part = parts[0]
            # The common case first: one plain string.
            if type(part) is str and is_component(part):
                return tuple.__new__(cls, (part,))
            if type(part) in _CHECKED and len(part):
                return part if type(part) is cls else tuple.__new__(cls, part)
        components: list[str] = []
        _flatten(parts, components, 0)
        return tuple.__new__(cls, components)

    @property
    def strings(self) -> tuple[str, ...]:
        """The components as a plain tuple."""
        return tuple(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, tuple) and tuple.__eq__(self, other):
            return True
        if isinstance(other, SafeStrTuple):
            return False
        if not isinstance(other, (str, Sequence)):
            return NotImplemented
        try:
            return tuple.__eq__(self, SafeStrTuple(other))
        except (TypeError, ValueError):
            return False

    def __ne__(self, other: object) -> bool:
        result = self.__eq__(other)
        return result if result is NotImplemented else not result

    __hash__ = tuple.__hash__

    def __add__(self, other: PersiDictKey) -> SafeStrTuple:  # type: ignore[override]  # wider on purpose
        cls = NonEmptySafeStrTuple if self or other else SafeStrTuple
        return tuple.__new__(cls, (*self, *as_prefix(other)))

    def __radd__(self, other: PersiDictKey) -> SafeStrTuple:
        return as_prefix(other) + self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({tuple.__repr__(self)})"

    __str__ = __repr__

    def __copy__(self) -> SafeStrTuple:
        return self

    def __deepcopy__(self, memo: object) -> SafeStrTuple:
        return self


class NonEmptySafeStrTuple(SafeStrTuple):
    """A key: a `SafeStrTuple` of at least one component.

    Raises:
        ValueError: No component was given.

    Example:
        >>> NonEmptySafeStrTuple("users", "alice")
        NonEmptySafeStrTuple(('users', 'alice'))
    """

    __slots__ = ()

    def __new__(cls, *parts: PersiDictKey, **unexpected: Any) -> NonEmptySafeStrTuple:  # noqa: PYI034
        """Make it from parts that are checked and flattened."""
        # Written out once more because keys are made on every access to an item.
        if len(parts) == 1 and not unexpected:
            part = parts[0]
            if type(part) is str and is_component(part):
                return tuple.__new__(cls, (part,))
            if type(part) is cls:
                return part
        key = SafeStrTuple.__new__(cls, *parts, **unexpected)
        if not key:
            raise ValueError("a key needs at least one component, got none")
        return key  # type: ignore[return-value]  # made as cls


# The classes whose components are surely valid; a class derived from them may do as it likes.
_CHECKED = (SafeStrTuple, NonEmptySafeStrTuple)

# What is accepted where a prefix or a key is asked for. Recursive: sequences may nest.
PersiDictKey: TypeAlias = "SafeStrTuple | str | Sequence[PersiDictKey]"
NonEmptyPersiDictKey: TypeAlias = "NonEmptySafeStrTuple | str | Sequence[NonEmptyPersiDictKey]"


def as_prefix(key: PersiDictKey) -> SafeStrTuple:
    """Return `key` as a `SafeStrTuple`, itself if it is one already."""
    # `in` would not tell type checkers.
    return (
        key if type(key) is NonEmptySafeStrTuple or type(key) is SafeStrTuple else SafeStrTuple(key)
    )


def trusted_key(components: tuple[str, ...]) -> NonEmptySafeStrTuple:
    """Make a key of components that are known to be valid, without checking them once more."""
    return tuple.__new__(NonEmptySafeStrTuple, components)


def trusted_keys(above: tuple[str, ...], components: list[str]) -> Iterator[NonEmptySafeStrTuple]:
    """Make many such keys, of the same components and one more each."""
    every = zip(*map(repeat, above), components, strict=False)
    return map(tuple.__new__, repeat(NonEmptySafeStrTuple), every)


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
        replace_with: What stands for each unsafe character; may be empty.

    Example:
        >>> replace_unsafe_chars("a b/c", "_")
        'a_b_c'
    """
    return "".join(char if char in _SAFE_CHARS else replace_with for char in a_str)


def encode_key_component(text: str) -> str:
    """Encode any text into safe characters, reversibly.

    Text that is already safe stays as it is, except that ``=`` is the escape character: every
    other character becomes ``=XX`` for each byte of its UTF-8 form, like percent-encoding
    (RFC 3986, section 2.1) with another sign. Empty text becomes a lone ``=``. The result may be
    longer than the 253 characters that one component can have; `decode_key_component` undoes it.

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
    """Return the text that `encode_key_component` made `component` from.

    Raises:
        TypeError: `component` is not a string.
        ValueError: `component` is not what `encode_key_component` returns for any text.

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


def _flatten(parts: Sequence[Any], components: list[str], depth: int) -> None:
    if depth > _MAX_NESTING:
        raise ValueError(f"a key nests sequences at most {_MAX_NESTING} deep")
    for part in parts:
        if type(part) in _CHECKED:
            components.extend(part)
        elif isinstance(part, str):
            components.append(_checked(part))
        elif isinstance(part, Sequence) and not isinstance(part, (bytes, bytearray, memoryview)):
            _flatten(part, components, depth + 1)
        else:
            raise TypeError(
                "a key is made of strings and (nested) sequences of strings, "
                f"got {type(part).__name__}: {part!r:.100}"
            )


def _checked(component: str) -> str:
    """Return the plain string, or say which rule it breaks."""
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
