"""Lets users subclass keys like ordinary classes, although persidict's own keys are tuples.

A tuple gets its content before ``__init__`` runs, and can't be combined with a class that has
``__slots__``. So `KeyMeta` replaces `SafeStrTuple` among the bases of a subclass by an ordinary
class, `SubclassedKey`, which keeps the components in the attribute ``strings``. ``isinstance``
and ``issubclass`` don't show the difference.

A subclass with a ``__new__`` but without an ``__init__`` of its own stays a tuple.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterator, Sequence
from typing import Any

_stand_ins: dict[type, type] = {}
"""The ordinary class that replaces each public key class among the bases of a subclass."""

# The methods that subclasses call as `SafeStrTuple.__init__(self, ...)`.
_CALLED_BY_CLASS = frozenset(
    {
        "__init__",
        "__len__",
        "__iter__",
        "__getitem__",
        "__contains__",
        "__reversed__",
        "__hash__",
        "__repr__",
        "__str__",
        "__eq__",
        "__ne__",
        "__lt__",
        "__le__",
        "__gt__",
        "__ge__",
        "__add__",
        "__radd__",
        "index",
        "count",
    }
)


def replace_in_bases(public: type, by: type) -> None:
    """Have every later subclass of `public` inherit from the ordinary class `by` instead."""
    _stand_ins[public] = by


class KeyMeta(ABCMeta):
    """Metaclass of the key classes and their subclasses."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **named: Any
    ) -> Any:
        """Create a class, with the public key classes among its bases replaced."""
        if "__new__" not in namespace or "__init__" in namespace:
            bases = tuple(_stand_ins.get(base, base) for base in bases)
        return super().__new__(mcs, name, bases, namespace, **named)

    def __getattribute__(cls, name: str) -> Any:
        """Give the methods that work for tuples and subclasses to those who name the class."""
        if name in _CALLED_BY_CLASS and cls in _stand_ins:
            return getattr(_stand_ins[cls], name)
        return super().__getattribute__(name)

    def __instancecheck__(cls, instance: Any) -> bool:
        stand_in = _stand_ins.get(cls)
        if stand_in is None:
            return super().__instancecheck__(instance)
        return type.__instancecheck__(cls, instance) or type.__instancecheck__(stand_in, instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        stand_in = _stand_ins.get(cls)
        if stand_in is None:
            return super().__subclasscheck__(subclass)
        return type.__subclasscheck__(cls, subclass) or type.__subclasscheck__(stand_in, subclass)


class SubclassedKey(Sequence[str]):
    """The behaviour of keys for instances of subclasses; also works for keys that are tuples."""

    strings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.strings)

    def __iter__(self) -> Iterator[str]:
        return iter(self.strings)

    def __getitem__(self, index: Any) -> Any:
        return self.strings[index]

    def __contains__(self, component: object) -> bool:
        return component in self.strings

    def __hash__(self) -> int:
        return hash(self.strings)

    def __ne__(self, other: object) -> bool:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __lt__(self, other: object) -> bool:
        return self.strings < _as_tuple(other)

    def __le__(self, other: object) -> bool:
        return self.strings <= _as_tuple(other)

    def __gt__(self, other: object) -> bool:
        return self.strings > _as_tuple(other)

    def __ge__(self, other: object) -> bool:
        return self.strings >= _as_tuple(other)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.strings!r})"

    __str__ = __repr__


def _as_tuple(other: object) -> tuple[str, ...]:
    """Return the other side of a comparison of order: keys and tuples compare as tuples."""
    return other.strings if isinstance(other, SubclassedKey) else other  # type: ignore[return-value]  # the comparison raises TypeError for others
