"""`AsyncPersiDict`: the methods of any dict as coroutines and async iterators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Concatenate, ParamSpec, Self, TypeAlias, TypeVar, overload

from persidict.aio.reader import AsyncReader
from persidict.core.base import PersiDict
from persidict.core.copy_counts import CopyCounts, Progress
from persidict.core.flags import (
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    ETagConditionFlag,
    ItemNotAvailableFlag,
    Joker,
    RetrieveValueFlag,
)
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple, PersiDictKey
from persidict.core.results import (
    ConditionalOperationResult,
    ETagIfExists,
    OperationResult,
    ValueType,
)
from persidict.core.transformers import TransformingFunction

_Default = TypeVar("_Default")
_Result = TypeVar("_Result")
_Parameters = ParamSpec("_Parameters")
_Pairs: TypeAlias = Iterable[tuple[NonEmptyPersiDictKey, ValueType | Joker]]
_MISSING: Any = object()


class AsyncPersiDict(AsyncReader[ValueType]):
    """Any dict, for `async` code: the same names, arguments, results and errors.

    Every method is a coroutine or returns an async iterator, and does what the method of that name
    does in `PersiDict`. The operators that Python has no async form of have methods:
    ``await d.set_item(key, value)``, ``await d.delete_item(key)``, ``await d.contains(key)`` and
    ``await d.count()``; ``await d[key]`` reads.

    Args:
        wrapped: The dict to use: in files, on S3, in memory, or a wrapper.
        max_threads: How many calls run at a time. None: as many as `wrapped` uses for operations
            on many items, and at least 4.

    Raises:
        TypeError: `wrapped` is no `PersiDict`, or `max_threads` is no int.
        ValueError: `max_threads` is not positive.

    Notes:
        Calls run in threads of this object's own, which sub-dicts share. Under trio they run in
        trio's threads, which needs anyio.

        A cancelled read returns at once. A cancelled change that has not begun never happens; one
        that has begun is finished before the cancellation goes on, so nothing changes afterwards.
        A transformer runs in a thread, too.

    Example:
        >>> import asyncio
        >>> from persidict import LocalDict
        >>> async def main():
        ...     d = AsyncPersiDict(LocalDict())
        ...     await d.set_item("a", 1)
        ...     return await d["a"], [key async for key in d]
        >>> asyncio.run(main())
        (1, [NonEmptySafeStrTuple(('a',))])
    """

    async def run(
        self,
        method: Callable[Concatenate[Any, _Parameters], _Result],
        /,
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> _Result:
        """Call any function with the wrapped dict first, in a thread.

        It is for what only some dicts have: ``await d.run(ExpiringDict.purge)``.
        """
        return await self._threads.change(method, self.wrapped, *args, **kwargs)

    async def set_item(self, key: NonEmptyPersiDictKey, value: ValueType | Joker) -> None:
        """Write a value, or do what a joker says: ``d[key] = value``."""
        await self._threads.change(self.wrapped.__setitem__, key, value)

    async def delete_item(self, key: NonEmptyPersiDictKey) -> None:
        """Delete an item; ``KeyError`` if there is none: ``del d[key]``."""
        await self._threads.change(self.wrapped.__delitem__, key)

    async def setdefault(
        self,
        key: NonEmptyPersiDictKey,
        default: ValueType = None,  # type: ignore[assignment]
    ) -> ValueType:
        """See `PersiDict.setdefault`."""
        return await self._threads.change(self.wrapped.setdefault, key, default)

    @overload
    async def pop(self, key: NonEmptyPersiDictKey, /) -> ValueType: ...
    @overload
    async def pop(
        self, key: NonEmptyPersiDictKey, /, default: ValueType | _Default
    ) -> ValueType | _Default: ...
    async def pop(self, key: NonEmptyPersiDictKey, /, default: Any = _MISSING) -> Any:
        """See `PersiDict.pop`."""
        given = () if default is _MISSING else (default,)
        return await self._threads.change(self.wrapped.pop, key, *given)

    async def popitem(self) -> tuple[NonEmptySafeStrTuple, ValueType]:
        """See `PersiDict.popitem`."""
        return await self._threads.change(self.wrapped.popitem)

    async def update(
        self,
        other: Mapping[Any, ValueType | Joker] | _Pairs[ValueType] = (),
        /,
        **named: ValueType | Joker,
    ) -> None:
        """See `PersiDict.update`."""
        await self._threads.change(self.wrapped.update, other, **named)

    async def set_many(self, items: _Pairs[ValueType]) -> None:
        """See `PersiDict.set_many`."""
        await self._threads.change(self.wrapped.set_many, items)

    async def discard(self, key: NonEmptyPersiDictKey) -> bool:
        """See `PersiDict.discard`."""
        return await self._threads.change(self.wrapped.discard, key)

    async def delete_if_exists(self, key: NonEmptyPersiDictKey) -> bool:
        """See `PersiDict.delete_if_exists`."""
        return await self._threads.change(self.wrapped.delete_if_exists, key)

    async def discard_many(self, keys: Iterable[NonEmptyPersiDictKey]) -> None:
        """See `PersiDict.discard_many`."""
        await self._threads.change(self.wrapped.discard_many, keys)

    async def clear(self) -> None:
        """See `PersiDict.clear`."""
        await self._threads.change(self.wrapped.clear)

    async def set_item_if(
        self,
        key: NonEmptyPersiDictKey,
        *,
        value: ValueType | Joker,
        condition: ETagConditionFlag,
        expected_etag: ETagIfExists,
        retrieve_value: RetrieveValueFlag = IF_ETAG_CHANGED,
    ) -> ConditionalOperationResult[ValueType]:
        """See `PersiDict.set_item_if`."""
        return await self._threads.change(
            self.wrapped.set_item_if,
            key,
            value=value,
            condition=condition,
            expected_etag=expected_etag,
            retrieve_value=retrieve_value,
        )

    async def setdefault_if(
        self,
        key: NonEmptyPersiDictKey,
        *,
        default_value: ValueType,
        condition: ETagConditionFlag,
        expected_etag: ETagIfExists,
        retrieve_value: RetrieveValueFlag = IF_ETAG_CHANGED,
    ) -> ConditionalOperationResult[ValueType]:
        """See `PersiDict.setdefault_if`."""
        return await self._threads.change(
            self.wrapped.setdefault_if,
            key,
            default_value=default_value,
            condition=condition,
            expected_etag=expected_etag,
            retrieve_value=retrieve_value,
        )

    async def discard_if(
        self,
        key: NonEmptyPersiDictKey,
        *,
        condition: ETagConditionFlag,
        expected_etag: ETagIfExists,
    ) -> ConditionalOperationResult[ValueType]:
        """See `PersiDict.discard_if`."""
        return await self._threads.change(
            self.wrapped.discard_if, key, condition=condition, expected_etag=expected_etag
        )

    @overload
    async def transform_item(
        self,
        key: NonEmptyPersiDictKey,
        *,
        transformer: Callable[[ValueType], ValueType | Joker],
        n_retries: int | None = 6,
        default: ValueType,
    ) -> OperationResult[ValueType]: ...
    @overload
    async def transform_item(
        self,
        key: NonEmptyPersiDictKey,
        *,
        transformer: TransformingFunction[ValueType],
        n_retries: int | None = 6,
        default: ValueType | ItemNotAvailableFlag = ITEM_NOT_AVAILABLE,
    ) -> OperationResult[ValueType]: ...
    async def transform_item(
        self, key: Any, *, transformer: Any, n_retries: Any = 6, default: Any = ITEM_NOT_AVAILABLE
    ) -> OperationResult[ValueType]:
        """See `PersiDict.transform_item`; `transformer` runs in a thread."""
        return await self._threads.change(
            self.wrapped.transform_item,
            key,
            transformer=transformer,
            n_retries=n_retries,
            default=default,
        )

    # Other dicts

    async def get_subdict(self, prefix_key: PersiDictKey) -> Self:
        """See `PersiDict.get_subdict`; the sub-dict uses the same threads."""
        return self._around(self.wrapped.get_subdict(prefix_key))

    async def subdicts(self) -> dict[str, Self]:
        """See `PersiDict.subdicts`."""
        found = await self._threads.read(self.wrapped.subdicts)
        return {name: self._around(subdict) for name, subdict in found.items()}

    async def copy_to(
        self,
        target: PersiDict[Any] | AsyncPersiDict[Any],
        *,
        progress: Progress | None = None,
        dry_run: bool = False,
        compare: bool = False,
    ) -> CopyCounts:
        """See `PersiDict.copy_to`; `progress` is called in a thread."""
        return await self._threads.change(
            self.wrapped.copy_to,
            _blocking(target),
            progress=progress,
            dry_run=dry_run,
            compare=compare,
        )

    async def sync_to(
        self,
        target: PersiDict[Any] | AsyncPersiDict[Any],
        *,
        progress: Progress | None = None,
        dry_run: bool = False,
        compare: bool = False,
    ) -> CopyCounts:
        """See `PersiDict.sync_to`; `progress` is called in a thread."""
        return await self._threads.change(
            self.wrapped.sync_to,
            _blocking(target),
            progress=progress,
            dry_run=dry_run,
            compare=compare,
        )

    def _around(self, wrapped: PersiDict[ValueType]) -> Self:
        view = type(self)(wrapped, max_threads=self.max_threads)
        view._threads = self._threads
        return view


def _blocking(target: PersiDict[Any] | AsyncPersiDict[Any]) -> PersiDict[Any]:
    return target.wrapped if isinstance(target, AsyncPersiDict) else target
