"""The public face of memoized functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar, overload

from persidict.core.base import PersiDict
from persidict.core.keys import NonEmptySafeStrTuple

_P = ParamSpec("_P")
_Q = ParamSpec("_Q")
_R_co = TypeVar("_R_co", covariant=True)
_S = TypeVar("_S")


class CacheInfo(NamedTuple):
    """The counts of a memoized function.

    Attributes:
        hits: Calls in this process that were answered from the store.
        misses: Calls in this process that computed.
        currsize: Results of the function's current version in the store, whoever computed them.
    """

    hits: int
    misses: int
    currsize: int


class Memoized(Protocol[_P, _R_co]):
    """A function whose results are kept; called like the function itself."""

    __name__: str
    __qualname__: str

    @property
    def __wrapped__(self) -> Callable[_P, _R_co]:
        """The function itself, which computes whenever it is called."""
        ...

    @property
    def store(self) -> PersiDict[Any]:
        """The dict that holds the results."""
        ...

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co:
        """Return the result, from the store if it is there."""
        ...

    @overload
    def __get__(self, instance: None, owner: Any) -> Memoized[_P, _R_co]: ...
    @overload
    def __get__(
        self: Memoized[Concatenate[_S, _Q], _R_co], instance: _S, owner: Any
    ) -> Callable[_Q, _R_co]: ...
    @overload  # the same, for checkers that do not solve the one above
    def __get__(
        self: Callable[Concatenate[_S, _Q], _R_co], instance: _S, owner: Any
    ) -> Callable[_Q, _R_co]: ...

    def key_of(self, *args: _P.args, **kwargs: _P.kwargs) -> NonEmptySafeStrTuple:
        """Return the key under which the result of a call with these arguments is kept."""
        ...

    def invalidate(self, *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """Delete the result of a call with these arguments; tell whether there was one."""
        ...

    def refresh(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co:
        """Compute now, and keep the new result in place of the old one."""
        ...

    def cache_info(self) -> CacheInfo:
        """Return the counts so far; the store is listed for the number of results."""
        ...

    def cache_clear(self) -> None:
        """Delete the results of the function's current version, and begin to count anew."""
