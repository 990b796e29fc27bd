"""Calls a slow function in many threads; results and errors come in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
    window = _Window(function, workers)
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
            window.submit(name, argument)
            if window.is_full():
                yield window.first_result()
        while window.pending:
            yield window.first_result()
        if failure is not None:
            raise failure
    finally:
        window.close()


class _Call(Generic[_Argument, _Result]):
    """A call and its outcome: a future with less work than one of `concurrent.futures`."""

    __slots__ = ("_argument", "_done", "_error", "_result", "name")
    _result: _Result

    def __init__(self, name: Hashable, argument: _Argument) -> None:
        self.name = name
        self._argument = argument
        self._error: BaseException | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def run(self, function: Callable[[_Argument], _Result]) -> None:
        try:
            self._result = function(self._argument)
        except BaseException as error:  # noqa: BLE001  # raised where the result is waited for
            self._error = error
        finally:
            self._done.release()

    def result(self) -> _Result:
        """Wait for the end; may be called once."""
        self._done.acquire()
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            raise error
        finally:
            del error  # its traceback refers to this frame


class _Window(Generic[_Argument, _Result]):
    """The calls under way, in the order of their arguments.

    A worker makes one call after the other until none waits: to hand each of them over to the pool
    would take longer than the client's part of a request.
    """

    def __init__(self, function: Callable[[_Argument], _Result], workers: int) -> None:
        self._function = function
        self._workers = workers
        self._pool_id = object()
        self._pool = ThreadPoolExecutor(workers, "persidict-s3", _join, (self._pool_id,))
        self._waiting: deque[_Call[_Argument, _Result]] = deque()
        self._working = 0
        self._lock = threading.Lock()
        self.pending: deque[_Call[_Argument, _Result]] = deque()
        self.busy: set[Hashable] = set()

    def submit(self, name: Hashable, argument: _Argument) -> None:
        if name is not None:
            self.busy.add(name)
        call: _Call[_Argument, _Result] = _Call(name, argument)
        self.pending.append(call)
        self._waiting.append(call)
        with self._lock:
            if self._working == self._workers:
                return
            self._working += 1
        self._pool.submit(self._work)

    def _work(self) -> None:
        while True:
            try:
                call = self._waiting.popleft()
            except IndexError:
                with self._lock:
                    if self._waiting:
                        continue  # it was added since
                    self._working -= 1
                return
            call.run(self._function)

    def is_full(self) -> bool:
        return len(self.pending) >= self._workers * _PREFETCH

    def first_result(self) -> _Result:
        call = self.pending.popleft()
        self.busy.discard(call.name)
        return call.result()

    def close(self) -> None:
        self._waiting.clear()
        # A garbage collection in one of the pool's own workers may end an abandoned iteration,
        # and a worker can't wait for itself.
        is_worker = getattr(_this_thread, "pool_id", None) is self._pool_id
        self._pool.shutdown(wait=not is_worker, cancel_futures=True)


def _join(pool_id: object) -> None:
    _this_thread.pool_id = pool_id
