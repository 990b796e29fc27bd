"""Doing many slow things at once, with results and errors in the order of one by one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

# Calls under way or waiting for the consumer, per worker: enough to keep all busy, and bounded.
_AHEAD = 2

_this_thread = threading.local()


def ordered_map(
    function: Callable[[_Argument], _Result],
    arguments: Iterable[_Argument],
    workers: int,
    conflict: Callable[[_Argument], Hashable] | None = None,
) -> Iterator[_Result]:
    """Yield `function` of each argument, in order, calling it in up to `workers` threads.

    Arguments are taken in the caller's thread and only as far ahead as the window reaches. An
    error, of a call or of `arguments`, comes up after all results before it. Whichever way the
    iteration ends, no thread stays behind.

    Args:
        function: What to call.
        arguments: What to call it with.
        workers: The most calls at a time.
        conflict: Two calls for which it gives equal results never overlap.
    """
    source = iter(arguments)
    pending: deque[tuple[Hashable, Future[_Result]]] = deque()
    busy: set[Hashable] = set()
    trouble: Exception | None = None
    crew = object()
    pool = ThreadPoolExecutor(workers, "persidict-s3", _join, (crew,))

    def first_result() -> _Result:
        name, future = pending.popleft()
        busy.discard(name)
        return future.result()

    try:
        while trouble is None:
            try:
                argument = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  # raised below, in its turn
                trouble = error
                break
            if conflict is not None:
                name = conflict(argument)
                while name in busy:
                    yield first_result()
                busy.add(name)
            else:
                name = None
            pending.append((name, pool.submit(function, argument)))
            if len(pending) >= workers * _AHEAD:
                yield first_result()
        while pending:
            yield first_result()
        if trouble is not None:
            raise trouble
    finally:
        # An abandoned iteration may be ended by a garbage collection in one of its own
        # workers, which can't wait for itself.
        is_worker = getattr(_this_thread, "crew", None) is crew
        pool.shutdown(wait=not is_worker, cancel_futures=True)


def _join(crew: object) -> None:
    _this_thread.crew = crew
