"""Run blocking calls in a bounded pool of threads, from asyncio or, through anyio, from trio."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

_T = TypeVar("_T")
# Calls handed to the pool at a time, per thread: the next one is ready when a thread is.
_QUEUED = 2


class Threads:
    """A bounded pool of threads; it starts a thread when a call needs one.

    Args:
        max_threads: How many calls may run at a time.
    """

    def __init__(self, max_threads: int) -> None:
        self.max_threads = max_threads
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0
        # What limits the calls of an event loop belongs to that loop.
        self._semaphores: WeakKeyDictionary[Any, asyncio.Semaphore] = WeakKeyDictionary()
        self._limiters: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    async def read(self, call: Callable[..., _T], /, *args: Any, **kwargs: Any) -> _T:
        """Run a call that changes nothing; when cancelled, return at once and drop its result."""
        return await self._run(partial(call, *args, **kwargs), finish=False)

    async def change(self, call: Callable[..., _T], /, *args: Any, **kwargs: Any) -> _T:
        """Run a call that changes a store.

        If the task is cancelled before the call has begun, the call never runs. If it has begun,
        the cancellation waits for its end: nothing changes after the task has gone on.
        """
        return await self._run(partial(call, *args, **kwargs), finish=True)

    def close(self) -> None:
        """End the threads that wait for work; the next call starts new ones."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    async def _run(self, call: Callable[[], _T], *, finish: bool) -> _T:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return await self._run_by_anyio(call, finish=finish)
        semaphore = self._semaphores.get(loop)
        if semaphore is None:
            semaphore = self._semaphores[loop] = asyncio.Semaphore(self.max_threads * _QUEUED)
        # To wait here costs the event loop a tenth of what handing the call to a thread does.
        async with semaphore:
            future = self._executor().submit(contextvars.copy_context().run, call)
            waiter = asyncio.wrap_future(future, loop=loop)
            if not finish:
                return await waiter
            try:
                return await asyncio.shield(waiter)
            except asyncio.CancelledError:
                if not future.cancel():
                    await _until_done(waiter)
                raise

    async def _run_by_anyio(self, call: Callable[[], _T], *, finish: bool) -> _T:
        try:
            import anyio
            from anyio import lowlevel, to_thread
        except ModuleNotFoundError:
            raise RuntimeError(
                "AsyncPersiDict needs a running asyncio event loop; "
                "under trio it also needs anyio: pip install anyio"
            ) from None
        token = lowlevel.current_token()
        limiter = self._limiters.get(token)
        if limiter is None:
            limiter = self._limiters[token] = anyio.CapacityLimiter(self.max_threads)
        return await to_thread.run_sync(call, abandon_on_cancel=not finish, limiter=limiter)

    def _executor(self) -> ThreadPoolExecutor:
        if self._pool is None or self._process != os.getpid():  # a forked child has no threads
            self._pool = ThreadPoolExecutor(self.max_threads, thread_name_prefix="persidict-aio")
            self._process = os.getpid()
        return self._pool


async def _until_done(waiter: asyncio.Future[Any]) -> None:
    """Wait for a call, however often the task is cancelled meanwhile."""
    while not waiter.done():
        try:
            await asyncio.wait([waiter])
        except asyncio.CancelledError:
            continue
    if not waiter.cancelled():
        waiter.exception()  # the cancellation is what the caller gets
