"""Async iterators over blocking ones: they take a batch of items at a time from a thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from persidict.aio.threads import Threads
from persidict.core.mapping import closable

_T = TypeVar("_T")
# Seconds that a thread collects items before it hands over what it has.
_SLICE = 0.01


class AsyncStream(AsyncIterator[_T], Generic[_T]):
    """An async iterator that reads ahead by at most one batch.

    A stream that is abandoned closes its source when it is collected. `aclose`, or `async with`,
    closes it at once.

    Args:
        threads: Where the source runs.
        begin: Returns the blocking iterator; called in a thread, when the first item is needed.
        max_batch: How many items a thread may read ahead.
    """

    def __init__(
        self, threads: Threads, begin: Callable[[], Iterator[_T]], *, max_batch: int
    ) -> None:
        self._threads = threads
        self._begin: Callable[[], Iterator[_T]] | None = begin
        self._max_batch = max_batch
        self._source: Iterator[_T] | None = None
        self._items: deque[_T] = deque()
        self._error: Exception | None = None
        self._is_over = False
        self._one_at_a_time = threading.Lock()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T:
        while not self._items:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if self._is_over:
                raise StopAsyncIteration
            await self._threads.read(self._collect)
        return self._items.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the source; the stream yields nothing more."""
        if not self._is_over:
            await self._threads.change(self._close)
        self._items.clear()
        self._error = None

    def _collect(self) -> None:
        """Take the next batch from the source, in a thread."""
        with self._one_at_a_time:
            if self._items or self._is_over:  # a task that was cancelled has left them here
                return
            try:
                if self._begin is not None:
                    self._source = self._begin()
                    self._begin = None
                self._is_over = not self._take_batch()
            except Exception as error:  # noqa: BLE001  # raised by __anext__
                self._error = error
                self._is_over = True
            if self._is_over:
                self._source = None

    def _take_batch(self) -> bool:
        """Return whether the source may have more items."""
        deadline = time.monotonic() + _SLICE
        for item in self._source or ():
            self._items.append(item)
            if len(self._items) >= self._max_batch or time.monotonic() >= deadline:
                return True
        return False

    def _close(self) -> None:
        with self._one_at_a_time:
            self._is_over = True
            self._begin = None
            source, self._source = self._source, None
            if source is not None:
                closable(source).close()
