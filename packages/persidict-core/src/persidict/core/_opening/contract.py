"""Objects that descriptions treat specially, although they are neither plain values nor dicts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from persidict.core.keys import SafeStrTuple


class StaysBehind(ABC):
    """A constructor argument that can't leave the process: a secret, or the items themselves.

    Descriptions and pickles leave it out. The argument of a sub-dict also holds the sub-dict's
    prefix, which descriptions keep.
    """

    __slots__ = ()
    advice: ClassVar[str] = (
        "send what persidict.describe() returns of the dict, and open it there with "
        "persidict.open_store(description, {name}=...)"
    )
    """What users can do instead of pickling a dict that has it."""

    prefix: SafeStrTuple
    """The prefix of the sub-dict whose argument it is; empty for a whole store."""

    @abstractmethod
    def below(self, prefix: SafeStrTuple) -> Self:
        """Return the argument of the sub-dict at `prefix`."""


class StoreGroup(ABC):
    """Several stores that are opened together, but no dict itself."""

    @abstractmethod
    def get_params(self) -> dict[str, Any]:
        """Return the constructor's arguments."""

    @abstractmethod
    def _params_to_describe(self) -> dict[str, Any]:
        """Return the constructor's arguments with those of each store as it understood them."""
