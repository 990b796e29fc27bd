"""Waiting for something that others hold: blocking or in a coroutine, with or without a limit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")


def validate_seconds(name: str, seconds: Any) -> float:
    """Return a positive number of seconds, or raise ``TypeError`` or ``ValueError``."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, got {seconds!r}")
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ValueError(f"{name} must be a positive number of seconds, got {seconds}")
    return float(seconds)


def wait_for(
    attempt: Callable[[], _T | None], pause: Callable[[], float], timeout: float | None
) -> _T | None:
    """Attempt until there is a result; None: the time is up."""
    for seconds in _pauses(pause, timeout):
        result = attempt()
        if result is not None:
            return result
        if seconds is None:
            break
        time.sleep(seconds)
    return None


async def wait_for_async(
    attempt: Callable[[], _T | None],
    pause: Callable[[], float],
    timeout: float | None,  # noqa: ASYNC109  # the same argument as without a loop
) -> _T | None:
    """Do the same in a coroutine; the store is used in threads."""
    import asyncio  # slow to import

    for seconds in _pauses(pause, timeout):
        running = asyncio.ensure_future(asyncio.to_thread(attempt))
        try:
            result = await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])  # so that the caller can undo what it does
            raise
        if result is not None:
            return result
        if seconds is None:
            break
        await asyncio.sleep(seconds)
    return None


async def in_a_thread(function: Callable[[], None]) -> None:
    """Call a function in a thread, and wait for it, also if this task is cancelled."""
    import asyncio

    await asyncio.shield(asyncio.to_thread(function))


@contextmanager
def undone_on_error(undo: Callable[[], None]) -> Iterator[None]:
    """Call `undo` if the block raises, be it an interrupt."""
    try:
        yield
    except BaseException:
        undo()
        raise


def _pauses(
    pause: Callable[[], float], timeout: float | None
) -> Generator[float | None, None, None]:
    """Yield the pause after each attempt; None: it is the last."""
    end = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        left = end - time.monotonic()
        if left <= 0:
            yield None
            return
        yield min(pause(), left)
