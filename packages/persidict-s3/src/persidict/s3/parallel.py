"""Calls a slow function in many threads; results and errors come in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

# Calls under way or waiting for the consumer, per worker: enough to keep all busy, and bounded.
_PREFETCH = 2

_this_thread = threading.local()


def ordered_map(
    function: Callable[[_Argument], _Result],
    arguments: Iterable[_Argument],
    workers: int,
    conflict: Callable[[_Argument], Hashable] | None = None,
) -> Iterator[_Result]:
    """Yield `function` of each argument, in order, calling it in up to `workers` threads.

    It takes arguments in the caller's thread and only as far ahead as the window reaches. An
    error, of a call or of `arguments`, comes up after all results before it. Whichever way the
    iteration ends, no thread stays behind.

    Args:
        function: What to call.
        arguments: What to call it with.
        workers: The most calls at a time.
        conflict: Two calls for which it gives equal results never overlap.
    """
    source = iter(arguments)
    window: _Window[_Result] = _Window(workers)
    failure: Exception | None = None
    try:
        while failure is None:
            try:
                argument = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  # raised below, in its turn
                failure = error
                break
            name = None if conflict is None else conflict(argument)
            while name is not None and name in window.busy:
                yield window.first_result()
            window.submit(name, function, argument)
            if window.is_full():
                yield window.first_result()
        while window.pending:
            yield window.first_result()
        if failure is not None:
            raise failure
    finally:
        window.close()


class _Window(Generic[_Result]):
    """The calls under way, in the order of their arguments."""

    def __init__(self, workers: int) -> None:
        self._size = workers * _PREFETCH
        self._pool_id = object()
        self._pool = ThreadPoolExecutor(workers, "persidict-s3", _join, (self._pool_id,))
        self.pending: deque[tuple[Hashable, Future[_Result]]] = deque()
        self.busy: set[Hashable] = set()

    def submit(
        self, name: Hashable, function: Callable[[_Argument], _Result], argument: _Argument
    ) -> None:
        if name is not None:
            self.busy.add(name)
        self.pending.append((name, self._pool.submit(function, argument)))

    def is_full(self) -> bool:
        return len(self.pending) >= self._size

    def first_result(self) -> _Result:
        name, future = self.pending.popleft()
        self.busy.discard(name)
        return future.result()

    def close(self) -> None:
        # A garbage collection in one of the pool's own workers may end an abandoned iteration,
        # and a worker can't wait for itself.
        is_worker = getattr(_this_thread, "pool_id", None) is self._pool_id
        self._pool.shutdown(wait=not is_worker, cancel_futures=True)


def _join(pool_id: object) -> None:
    _this_thread.pool_id = pool_id
