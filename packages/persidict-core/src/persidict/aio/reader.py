"""Reading any dict from `async` code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Self, TypeVar, overload

from persidict.aio.stream import AsyncStream
from persidict.aio.threads import Threads
from persidict.core.base import PersiDict
from persidict.core.flags import IF_ETAG_CHANGED, ETagConditionFlag, RetrieveValueFlag
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple
from persidict.core.results import (
    ConditionalOperationResult,
    ETagIfExists,
    ETagValue,
    ValueType,
)

_T = TypeVar("_T")
_Default = TypeVar("_Default")
# Keys are small; values may be large, so a thread reads fewer of them ahead.
_MAX_KEYS_AHEAD = 1000
_MAX_VALUES_AHEAD = 32
_MIN_THREADS = 4


class AsyncReader(Generic[ValueType]):
    """The methods that read a dict, as coroutines and async iterators.

    Args:
        wrapped: The dict to read.
        max_threads: How many calls run at a time. None: as many as `wrapped` uses for operations
            on many items, and at least 4.

    Raises:
        TypeError: `wrapped` is no `PersiDict`, or `max_threads` is no int.
        ValueError: `max_threads` is not positive.
    """

    # Otherwise Python would call `__getitem__` with 0, 1 and so on, and never wait for an answer.
    __iter__: None = None
    __contains__: None = None

    def __init__(self, wrapped: PersiDict[ValueType], *, max_threads: int | None = None) -> None:
        if not isinstance(wrapped, PersiDict):
            raise TypeError(f"wrapped must be a PersiDict, got {type(wrapped).__name__}")
        self.wrapped = wrapped
        self._threads = Threads(_validate_max_threads(max_threads, wrapped._max_workers))

    @property
    def max_threads(self) -> int:
        """How many calls run at a time."""
        return self._threads.max_threads

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.wrapped!r}, max_threads={self.max_threads})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened_again, (type(self), self.wrapped, self.max_threads)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the threads that wait for work. The dict stays usable."""
        self._threads.close()

    async def __getitem__(self, key: NonEmptyPersiDictKey) -> ValueType:
        return await self._threads.read(self.wrapped.__getitem__, key)

    def __aiter__(self) -> AsyncIterator[NonEmptySafeStrTuple]:
        return self.keys()

    async def contains(self, key: NonEmptyPersiDictKey) -> bool:
        """Tell whether there is such an item: ``key in d``."""
        return await self._threads.read(self.wrapped.__contains__, key)

    async def count(self) -> int:
        """Return the number of items: ``len(d)``."""
        return await self._threads.read(self.wrapped.__len__)

    async def is_empty(self) -> bool:
        """Tell whether there is no item, without counting them: ``not d``."""
        return not await self._threads.read(self.wrapped.__bool__)

    async def equals(self, other: Mapping[Any, Any] | AsyncReader[Any]) -> bool:
        """Compare as mappings: ``d == other``."""
        theirs = other.wrapped if isinstance(other, AsyncReader) else other
        return await self._threads.read(lambda: bool(self.wrapped == theirs))

    @overload
    async def get(self, key: NonEmptyPersiDictKey, /) -> ValueType | None: ...
    @overload
    async def get(
        self, key: NonEmptyPersiDictKey, /, default: ValueType | _Default
    ) -> ValueType | _Default: ...
    async def get(self, key: NonEmptyPersiDictKey, /, default: Any = None) -> Any:
        """See `PersiDict.get`."""
        return await self._threads.read(self.wrapped.get, key, default)

    def get_many(
        self, keys: Iterable[NonEmptyPersiDictKey]
    ) -> AsyncStream[tuple[NonEmptySafeStrTuple, ValueType]]:
        """See `PersiDict.get_many`."""
        return self._values(lambda: self.wrapped.get_many(keys))

    async def etag(self, key: NonEmptyPersiDictKey) -> ETagValue:
        """See `PersiDict.etag`."""
        return await self._threads.read(self.wrapped.etag, key)

    async def timestamp(self, key: NonEmptyPersiDictKey) -> float:
        """See `PersiDict.timestamp`."""
        return await self._threads.read(self.wrapped.timestamp, key)

    async def random_key(self) -> NonEmptySafeStrTuple | None:
        """See `PersiDict.random_key`."""
        return await self._threads.read(self.wrapped.random_key)

    async def oldest_keys(self, max_n: int | None = None) -> list[NonEmptySafeStrTuple]:
        """See `PersiDict.oldest_keys`."""
        return await self._threads.read(self.wrapped.oldest_keys, max_n)

    async def newest_keys(self, max_n: int | None = None) -> list[NonEmptySafeStrTuple]:
        """See `PersiDict.newest_keys`."""
        return await self._threads.read(self.wrapped.newest_keys, max_n)

    async def oldest_values(self, max_n: int | None = None) -> list[ValueType]:
        """See `PersiDict.oldest_values`."""
        return await self._threads.read(self.wrapped.oldest_values, max_n)

    async def newest_values(self, max_n: int | None = None) -> list[ValueType]:
        """See `PersiDict.newest_values`."""
        return await self._threads.read(self.wrapped.newest_values, max_n)

    async def get_item_if(
        self,
        key: NonEmptyPersiDictKey,
        *,
        condition: ETagConditionFlag,
        expected_etag: ETagIfExists,
        retrieve_value: RetrieveValueFlag = IF_ETAG_CHANGED,
    ) -> ConditionalOperationResult[ValueType]:
        """See `PersiDict.get_item_if`."""
        return await self._threads.read(
            self.wrapped.get_item_if,
            key,
            condition=condition,
            expected_etag=expected_etag,
            retrieve_value=retrieve_value,
        )

    async def get_with_etag(
        self, key: NonEmptyPersiDictKey
    ) -> ConditionalOperationResult[ValueType]:
        """See `PersiDict.get_with_etag`."""
        return await self._threads.read(self.wrapped.get_with_etag, key)

    async def get_params(self) -> dict[str, Any]:
        """Return the constructor's arguments of the wrapped dict."""
        return self.wrapped.get_params()

    # Iteration

    def keys(self) -> AsyncStream[NonEmptySafeStrTuple]:
        """Return an async iterator over the keys."""
        wrapped = self.wrapped
        return AsyncStream(self._threads, lambda: iter(wrapped), max_batch=_MAX_KEYS_AHEAD)

    def values(self) -> AsyncStream[ValueType]:
        """Return an async iterator over the values."""
        return self._values(lambda: iter(self.wrapped.values()))

    def items(self) -> AsyncStream[tuple[NonEmptySafeStrTuple, ValueType]]:
        """Return an async iterator over pairs of key and value."""
        return self._values(lambda: iter(self.wrapped.items()))

    def keys_and_timestamps(self) -> AsyncStream[tuple[NonEmptySafeStrTuple, float]]:
        """See `PersiDict.keys_and_timestamps`."""
        begin = self.wrapped.keys_and_timestamps
        return AsyncStream(self._threads, begin, max_batch=_MAX_KEYS_AHEAD)

    def values_and_timestamps(self) -> AsyncStream[tuple[ValueType, float]]:
        """See `PersiDict.values_and_timestamps`."""
        return self._values(self.wrapped.values_and_timestamps)

    def items_and_timestamps(self) -> AsyncStream[tuple[NonEmptySafeStrTuple, ValueType, float]]:
        """See `PersiDict.items_and_timestamps`."""
        return self._values(self.wrapped.items_and_timestamps)

    def _values(self, begin: Callable[[], Iterator[_T]]) -> AsyncStream[_T]:
        return AsyncStream(self._threads, begin, max_batch=_MAX_VALUES_AHEAD)


def _opened_again(
    cls: Callable[..., AsyncReader[Any]], wrapped: PersiDict[Any], max_threads: int
) -> AsyncReader[Any]:
    """Return a copy; its threads start when a call needs them."""
    return cls(wrapped, max_threads=max_threads)


def _validate_max_threads(max_threads: object, preferred: int) -> int:
    if max_threads is None:
        return max(preferred, _MIN_THREADS)
    if not isinstance(max_threads, int) or isinstance(max_threads, bool):
        raise TypeError(f"max_threads must be an int or None, got {type(max_threads).__name__}")
    if max_threads < 1:
        raise ValueError(f"max_threads must be positive, got {max_threads}")
    return max_threads
