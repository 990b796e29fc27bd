"""Keys: immutable, flat tuples of strings that are safe as file names, URLs and S3 keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from persidict.core.key_components import is_component, validate_component
from persidict.core.key_subclasses import KeyMeta, SubclassedKey, replace_in_bases

# Deeper nesting is a mistake (or a list that contains itself), not a key.
_MAX_NESTING = 100
_MAX_SHOWN = 200


class _FastMeta(KeyMeta):
    """Creates keys without the detours of ``type``: every access to an item creates one."""

    def __call__(cls, *parts: Any, **named: Any) -> Any:  # noqa: N805  # a metaclass
        # The common case first: one plain string.
        if cls is NonEmptySafeStrTuple and len(parts) == 1 and not named:
            part = parts[0]
            if type(part) is str and is_component(part):
                return tuple.__new__(cls, (part,))
            if type(part) is cls:
                return part
        return _created(cls, parts, named) if cls in _OURS else super().__call__(*parts, **named)


class SafeStrTuple(tuple[str, ...], metaclass=_FastMeta):
    """An immutable flat tuple of safe, non-empty strings; may be empty (a prefix).

    It takes strings, (nested) sequences of strings and other keys, and flattens them from left to
    right. A component has 1 to 253 characters, all of them ASCII letters, digits or one of
    ``()_-~.=``; ``.`` and ``..`` are not allowed.

    A key equals another key and anything that converts to the same components. Its hash is that
    of the plain tuple of its components, so plain tuples find keys in sets and dicts. (It also
    equals a lone string, ``SafeStrTuple("a") == "a"``, whose hash differs: don't mix those in
    one set.)

    A subclass may have an ``__init__`` with parameters of its own, which calls
    ``super().__init__(*parts)``, as well as attributes and an ``__eq__`` of its own. Its
    instances are accepted wherever a key is.

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
        >>> class Address(SafeStrTuple):
        ...     def __init__(self, kind, name, *, note=""):
        ...         super().__init__(kind, name)
        ...         self.note = note
        >>> address = Address("user", "alice", note="admin")
        >>> address == ("user", "alice"), address.note
        (True, 'admin')
    """

    __slots__ = ()

    if TYPE_CHECKING:  # how subclasses call it; at run time `KeyMeta` finds SubclassedKey's

        def __init__(self, *parts: PersiDictKey, **unexpected: Any) -> None: ...

    def __new__(cls, *parts: PersiDictKey, **unexpected: Any) -> Self:
        """Create it from parts, which it validates and flattens."""
        if not issubclass(cls, tuple):  # called by name from a subclass
            return object.__new__(cls)
        key: Self = _created(cls, parts, unexpected)
        return key

    @property
    def strings(self) -> tuple[str, ...]:
        """The components as a plain tuple."""
        return tuple(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, tuple) and tuple.__eq__(self, other):
            return True
        equal: bool = False if type(other) in _OURS else _is_equal(self, other)
        return equal

    def __ne__(self, other: object) -> bool:
        result = self.__eq__(other)
        return result if result is NotImplemented else not result

    __hash__ = tuple.__hash__

    def __add__(self, other: PersiDictKey) -> SafeStrTuple:  # type: ignore[override]  # wider on purpose
        return _joined(self, other)

    def __radd__(self, other: PersiDictKey) -> SafeStrTuple:
        return _joined(as_prefix(other), self)

    def __reversed__(self) -> Iterator[str]:
        """Return the key with its components in reverse order."""
        return tuple.__new__(type(self), self[::-1])  # type: ignore[return-value]  # a key is iterable too

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


_EMPTY = "a key needs at least one component, got none"
# The classes whose components are surely valid; those of a subclass may be anything.
_OURS = (SafeStrTuple, NonEmptySafeStrTuple)

# Where a prefix or a key is expected, these types are accepted. Recursive: sequences may nest.
PersiDictKey: TypeAlias = "SafeStrTuple | str | Sequence[PersiDictKey]"
NonEmptyPersiDictKey: TypeAlias = "NonEmptySafeStrTuple | str | Sequence[NonEmptyPersiDictKey]"


class _SubclassedPrefix(SubclassedKey):
    """Base of the subclasses of `SafeStrTuple`."""

    def __init__(self, *parts: PersiDictKey, **unexpected: Any) -> None:
        if unexpected:
            raise _unexpected(type(self), unexpected)
        components: list[str] = []
        _flatten(parts, components, 0)
        if not components and issubclass(type(self), NonEmptySafeStrTuple):
            raise ValueError(_EMPTY)
        # Not by assignment, which a subclass may forbid.
        self.__dict__["strings"] = tuple(components)

    def __eq__(self, other: object) -> bool:
        equal: bool = _is_equal(self, other)
        return equal

    __hash__ = SubclassedKey.__hash__

    def __add__(self, other: PersiDictKey) -> SafeStrTuple:
        return _joined(self, other)

    def __radd__(self, other: PersiDictKey) -> SafeStrTuple:
        return _joined(as_prefix(other), self)

    def __reversed__(self) -> Iterator[str]:
        return reversed(_joined(self, ()))


class _SubclassedNonEmptyKey(_SubclassedPrefix):
    """Base of the subclasses of `NonEmptySafeStrTuple`."""


replace_in_bases(SafeStrTuple, _SubclassedPrefix)
replace_in_bases(NonEmptySafeStrTuple, _SubclassedNonEmptyKey)


def _created(cls: Any, parts: tuple[Any, ...], unexpected: dict[str, Any]) -> Any:
    """Create a key that is a tuple."""
    if unexpected:
        raise _unexpected(cls, unexpected)
    if len(parts) == 1 and type(parts[0]) in _OURS and len(parts[0]):
        (part,) = parts
        return part if type(part) is cls else tuple.__new__(cls, part)
    components: list[str] = []
    _flatten(parts, components, 0)
    if not components and type.__subclasscheck__(NonEmptySafeStrTuple, cls):
        raise ValueError(_EMPTY)
    return tuple.__new__(cls, components)


def as_prefix(key: PersiDictKey) -> SafeStrTuple:
    """Return `key` as a `SafeStrTuple`, itself if it is one already."""
    # `in` would not tell type checkers.
    if type(key) is NonEmptySafeStrTuple or type(key) is SafeStrTuple:
        return key
    if type(key) is str and is_component(key):  # half the time of the class
        return tuple.__new__(SafeStrTuple, (key,))
    return SafeStrTuple(key)


def as_key(key: PersiDictKey) -> NonEmptySafeStrTuple:
    """Return what ``NonEmptySafeStrTuple(key)`` does; for a string in half its time."""
    if type(key) is str and is_component(key):
        return tuple.__new__(NonEmptySafeStrTuple, (key,))
    return NonEmptySafeStrTuple(key)


def trusted_key(components: tuple[str, ...]) -> NonEmptySafeStrTuple:
    """Create a key of components that are known to be valid, without validating them again."""
    return tuple.__new__(NonEmptySafeStrTuple, components)


def trusted_keys(above: tuple[str, ...], components: list[str]) -> Iterator[NonEmptySafeStrTuple]:
    """Create many such keys, of the same components and one more each."""
    every = zip(*map(repeat, above), components, strict=False)
    return map(tuple.__new__, repeat(NonEmptySafeStrTuple), every)


def key_below(prefix: SafeStrTuple, key: NonEmptySafeStrTuple) -> NonEmptySafeStrTuple:
    """Return a complete key as users of the sub-dict at `prefix` know it: without the prefix."""
    return tuple.__new__(NonEmptySafeStrTuple, key[len(prefix) :]) if prefix else key


def shown_key(key: Sequence[str]) -> str:
    """Return a key as messages show it: ``'a/b'``, and no more than 200 characters."""
    text = repr(key if isinstance(key, str) else "/".join(key))
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 4]}...'"


def _joined(first: Sequence[str], second: PersiDictKey) -> SafeStrTuple:
    components = (*first, *as_prefix(second))
    return tuple.__new__(NonEmptySafeStrTuple if components else SafeStrTuple, components)


def _is_equal(key: Any, other: object) -> Any:
    """Compare a key with anything; a subclass with an ``__eq__`` of its own decides itself."""
    if isinstance(other, SafeStrTuple):
        if type(other) not in _OURS and type(other).__eq__ not in _EQUALITIES:
            return NotImplemented
        return key.strings == other.strings
    if not isinstance(other, (str, Sequence)):
        return NotImplemented
    try:
        return key.strings == tuple(SafeStrTuple(other))
    except (TypeError, ValueError):
        return False


# Captured without `KeyMeta`, which gives SubclassedKey's methods.
_EQUALITIES = (SafeStrTuple.__dict__["__eq__"], _SubclassedPrefix.__eq__)


def _unexpected(cls: type, named: dict[str, Any]) -> TypeError:
    return TypeError(f"{cls.__name__} takes no keyword arguments, got {', '.join(named)}")


def _flatten(parts: Sequence[Any], components: list[str], depth: int) -> None:
    if depth > _MAX_NESTING:
        raise ValueError(f"a key nests sequences at most {_MAX_NESTING} deep")
    for part in parts:
        if type(part) is str and is_component(part):
            components.append(part)
        elif type(part) in _OURS:
            components.extend(part)
        elif isinstance(part, str):
            components.append(validate_component(part))
        elif isinstance(part, Sequence) and not isinstance(part, (bytes, bytearray, memoryview)):
            _flatten(part, components, depth + 1)
        else:
            raise TypeError(
                "a key is made of strings and (nested) sequences of strings, "
                f"got {type(part).__name__}: {part!r:.100}"
            )
