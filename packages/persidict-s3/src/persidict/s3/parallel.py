"""Doing many slow things at once, with results and errors in the order of one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

# Results that wait for the consumer, per worker: enough to keep all busy, and bounded.
_AHEAD = 2


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
    trouble: BaseException | None = None
    pool = ThreadPoolExecutor(workers, thread_name_prefix="persidict-s3")
    try:
        while trouble is None:
            try:
                argument = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  # raised below, in its turn
                trouble = error
                break
            name = conflict(argument) if conflict else None
            while conflict and any(name == other for other, _ in pending):
                yield pending.popleft()[1].result()
            pending.append((name, pool.submit(function, argument)))
            if len(pending) >= workers * _AHEAD:
                yield pending.popleft()[1].result()
        while pending:
            yield pending.popleft()[1].result()
        if trouble is not None:
            raise trouble
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
