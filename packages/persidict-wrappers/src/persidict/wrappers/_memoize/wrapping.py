"""The functions that `memoize` returns, for plain and for async ones."""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from persidict.core.errors import MutationPolicyError
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.wrappers._memoize.call import Call
from persidict.wrappers._memoize.outcomes import Awaited
from persidict.wrappers._memoize.results import Results

if TYPE_CHECKING:
    import asyncio


def is_async(function: Any) -> bool:
    """Tell whether calling it returns a coroutine: an async function, method or object."""
    if inspect.iscoroutinefunction(function):
        return True
    is_object = not isinstance(function, type) and not inspect.isroutine(function)
    return is_object and inspect.iscoroutinefunction(getattr(type(function), "__call__", None))  # noqa: B004  # the method itself


def memoized_function(function: Callable[..., Any], results: Results) -> Callable[..., Any]:
    """Return a function that looks in the store before it calls the given one."""

    @functools.wraps(function)
    def memoized(*args: Any, **kwargs: Any) -> Any:
        call = Call(results, results.keys.key_of(*args, **kwargs))
        is_pending = False
        try:
            while (pause := call.look()) is not None:
                time.sleep(pause)
            if call.is_answered:
                return call.answer()
            with call.computing():
                value = _called(function, args, kwargs, call, results)
            if inspect.isawaitable(value):
                is_pending = True
                return _finished(call, value, results)
            return call.keep(value)
        finally:
            if not is_pending:
                call.leave()

    return memoized


def memoized_async_function(function: Callable[..., Any], results: Results) -> Callable[..., Any]:
    """Do the same for an async function; the store is used in threads."""
    import asyncio  # slow to import

    @functools.wraps(function)
    async def memoized(*args: Any, **kwargs: Any) -> Any:
        call = Call(results, results.keys.key_of(*args, **kwargs))
        try:
            while (pause := await _looked(call)) is not None:  # noqa: ASYNC110  # others compute
                await asyncio.sleep(pause)
            if call.is_answered:
                return call.answer()
            with call.computing():
                try:
                    value = await function(*args, **kwargs)
                except results.settings.exceptions as error:
                    await asyncio.to_thread(call.keep_exception, error)
                    raise
            return await asyncio.to_thread(call.keep, value)
        finally:
            await _left(call)

    return memoized


def refreshed(function: Callable[..., Any], results: Results) -> Callable[..., Any]:
    """Return a function that computes now, and keeps the result in place of an old one."""

    def refresh(*args: Any, **kwargs: Any) -> Any:
        key = _replaceable_key(results, args, kwargs)
        results.misses.add()
        value = function(*args, **kwargs)
        if inspect.isawaitable(value):
            return _refreshed_later(key, value, results)
        results.replace(key, value)
        return value

    return refresh


def refreshed_async(function: Callable[..., Any], results: Results) -> Callable[..., Any]:
    """Do the same for an async function."""

    async def refresh(*args: Any, **kwargs: Any) -> Any:
        import asyncio

        key = _replaceable_key(results, args, kwargs)
        results.misses.add()
        value = await function(*args, **kwargs)
        await asyncio.to_thread(results.replace, key, value)
        return value

    return refresh


def _replaceable_key(results: Results, args: Any, kwargs: Any) -> NonEmptySafeStrTuple:
    if results.store.append_only:
        raise MutationPolicyError("append-only")
    return results.keys.key_of(*args, **kwargs)


async def _refreshed_later(
    key: NonEmptySafeStrTuple, awaited: Awaitable[Any], results: Results
) -> Any:
    import asyncio

    value = await awaited
    await asyncio.to_thread(results.replace, key, Awaited(value))
    return value


def _called(
    function: Callable[..., Any], args: Any, kwargs: Any, call: Call, results: Results
) -> Any:
    try:
        return function(*args, **kwargs)
    except results.settings.exceptions as error:
        call.keep_exception(error)
        raise


async def _finished(call: Call, awaited: Awaitable[Any], results: Results) -> Any:
    """Await what a plain function returned, and keep the result."""
    import asyncio

    try:
        try:
            value = await awaited
        except results.settings.exceptions as error:
            await asyncio.to_thread(call.keep_exception, error)
            raise
        return await asyncio.to_thread(call.keep_awaited, value)
    finally:
        await _left(call)


async def _left(call: Call) -> None:
    """Let others compute, also if this task is cancelled once more."""
    import asyncio

    if call.holds_right:
        await asyncio.shield(asyncio.to_thread(call.leave))


async def _looked(call: Call) -> float | None:
    """Look in a thread; release what it gets hold of after the task was cancelled."""
    import asyncio

    looking = asyncio.ensure_future(asyncio.to_thread(call.look))
    try:
        return await asyncio.shield(looking)
    except asyncio.CancelledError:
        looking.add_done_callback(functools.partial(_leave_late, call))
        raise


def _leave_late(call: Call, looking: asyncio.Future[float | None]) -> None:
    if not looking.cancelled() and looking.exception() is None:
        threading.Thread(target=call.leave, name="persidict-lease", daemon=True).start()
