"""`memoize`: results of functions, kept in any dict and shared by all who call with the same."""

from __future__ import annotations

import functools
import inspect
import math
import threading
import time
import types
from collections.abc import Callable, Iterable
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    NamedTuple,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
    overload,
)

from persidict.core.base import PersiDict
from persidict.core.key_components import MAX_COMPONENT_LENGTH, encode_key_component
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.wrappers._memoize.calls import Call, Results
from persidict.wrappers._memoize.digests import digest_of, importable_module, stable_digest
from persidict.wrappers._memoize.leases import Leases, check_lease_store

if TYPE_CHECKING:
    import asyncio

_P = ParamSpec("_P")
_Q = ParamSpec("_Q")
_R = TypeVar("_R")
_R_co = TypeVar("_R_co", covariant=True)
_S = TypeVar("_S")


class CacheInfo(NamedTuple):
    """How a memoised function did.

    Attributes:
        hits: Calls in this process that were answered from the store.
        misses: Calls in this process that computed.
        currsize: Results of the function's current version in the store, whoever computed them.
    """

    hits: int
    misses: int
    currsize: int


class Memoized(Protocol[_P, _R_co]):
    """A function whose results are kept; called like the function itself."""

    __name__: str
    __qualname__: str

    @property
    def __wrapped__(self) -> Callable[_P, _R_co]:
        """The function itself, which computes whenever it is called."""
        ...

    @property
    def store(self) -> PersiDict[Any]:
        """The dict that holds the results."""
        ...

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co:
        """Return the result, from the store if it is there."""
        ...

    @overload
    def __get__(self, instance: None, owner: Any) -> Memoized[_P, _R_co]: ...
    @overload
    def __get__(
        self: Memoized[Concatenate[_S, _Q], _R_co], instance: _S, owner: Any
    ) -> Callable[_Q, _R_co]: ...

    def key_of(self, *args: _P.args, **kwargs: _P.kwargs) -> NonEmptySafeStrTuple:
        """Return the key under which the result of a call with these arguments is kept."""
        ...

    def cache_info(self) -> CacheInfo:
        """Return the counts so far; that of the results lists the store."""
        ...

    def cache_clear(self) -> None:
        """Delete the results of the function's current version, and begin to count anew."""


def memoize(
    store: PersiDict[Any],
    *,
    version: str | int = 1,
    name: str | None = None,
    ignore: Iterable[str] = (),
    key: Callable[..., object] | None = None,
    once: bool = False,
    lease: float = 30.0,
    lease_store: PersiDict[Any] | None = None,
) -> Callable[[Callable[_P, _R]], Memoized[_P, _R]]:
    """Keep a function's results in a dict, also for other processes and for the next run.

    The key is made of the function's full name, its version, and a digest of the arguments that
    is the same in all processes (`stable_digest`): however they are passed, with defaults filled
    in. Functions may be plain or ``async``; for the latter, the store is used in threads, so that
    the event loop goes on. Exceptions are not kept.

    Args:
        store: Where the results go: any dict whose format can hold them.
        version: Change it when the function computes something else: earlier results are left
            alone then, and not used.
        name: What stands for the function in keys; None means its module and qualified name.
        ignore: Names of parameters that don't matter for the result.
        key: Called with the function's arguments, returns what stands for them in the key, for
            arguments that have no stable form themselves.
        once: Of all processes that call with the same arguments at the same time one computes,
            and the others wait for its result.
        lease: With `once`, the seconds without a sign of life from the one that computes after
            which another one takes over. It shows three in that time, from a thread.
        lease_store: With `once`, the dict that tells who computes; None: `store` itself, under
            keys that begin with ``"=leases"``.

    Returns:
        A decorator. What it returns has the function's signature, and `Memoized`'s attributes.

    Raises:
        TypeError: An argument is of a wrong type, or what is decorated is no function with one
            result. From calls: an argument has no stable form, or the result can't be stored.
        ValueError: `ignore` names no parameter, `lease` is not positive, the leases can't be
            held by the dict, or the function needs a `name`: it is a lambda, or depends on
            variables of a function around it.
        BackendError: From calls: the store can't be read. If only writing fails, or a stored
            result is damaged, a warning is logged (``persidict.wrappers``) and the computed result
            returned.

    Notes:
        Who finds another result there when it wants to keep its own returns that one, so that
        all callers see the same. Without `once`, concurrent calls may compute it several times;
        with it that happens only if the one that computes gets stuck for longer than its lease.
        An argument is what it is when the call begins; what a function reads besides its
        arguments (files, globals, code of functions) is not in the key. Methods: `self` is an
        argument; make it a data class, or leave it to `ignore` or `key`. Scripts and modules are
        told apart by their names alone, wherever they are: where two have one, pass `name`. In
        notebooks and at the prompt, which have none, the function's own bytecode is part of its
        name, so that an edited function, or another Python version, computes anew.

    Example:
        >>> from persidict import LocalDict
        >>> @memoize(LocalDict())
        ... def square(x, *, verbose=False):
        ...     print("computing")
        ...     return x * x
        >>> square(3)
        computing
        9
        >>> square(x=3, verbose=False)
        9
        >>> square.cache_info()
        CacheInfo(hits=1, misses=1, currsize=1)
    """
    if not isinstance(store, PersiDict):
        raise TypeError(
            "memoize needs the dict that holds the results, as in @memoize(store), "
            f"got {store!r:.100}"
        )
    if lease_store is not None and not once:
        raise ValueError("lease_store is of no use without once=True")
    leases = _checked_leases(store, lease, lease_store) if once else None
    if isinstance(ignore, str):
        raise TypeError(f"ignore must be several names, such as ({ignore!r},)")
    ignored = frozenset(ignore)
    if key is not None and not callable(key):
        raise TypeError(f"key must be a function, got {key!r:.100}")
    if key is not None and ignored:
        raise ValueError("give key or ignore, not both: key is called with all arguments")

    def decorate(function: Callable[_P, _R]) -> Memoized[_P, _R]:
        if not callable(function):
            raise TypeError(f"memoize decorates functions, got {function!r:.100}")
        title = _component(name if name is not None else _full_name(function))
        keys = _Keys(function, (title, _component(str(version))), ignored, key)
        results = Results(store, leases)
        wrapper = _async_wrapper if inspect.iscoroutinefunction(function) else _wrapper
        memoized = wrapper(function, keys, results)
        return cast("Memoized[_P, _R]", _dressed(memoized, keys, results))

    return decorate


class _Keys:
    """From a call's arguments to the key of its result."""

    def __init__(
        self,
        function: Callable[..., Any],
        prefix: tuple[str, str],
        ignored: frozenset[str],
        key: Callable[..., object] | None,
    ) -> None:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{prefix[0]} is a generator function: it has no result to keep")
        self.prefix = prefix
        self._signature = inspect.signature(function)
        self._ignored = ignored
        self._key = key
        if unknown := ignored - self._signature.parameters.keys():
            raise ValueError(
                f"{prefix[0]}{self._signature} has no parameter {', '.join(sorted(unknown))}"
            )

    def of(self, *args: Any, **kwargs: Any) -> NonEmptySafeStrTuple:
        """Return the key, or refuse arguments that the function would refuse."""
        if self._key is not None:
            digest = stable_digest(self._key(*args, **kwargs))
        else:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            matter = {n: v for n, v in bound.arguments.items() if n not in self._ignored}
            digest = digest_of(matter)
        return NonEmptySafeStrTuple(self.prefix, digest)


def _wrapper(function: Callable[..., Any], keys: _Keys, results: Results) -> Callable[..., Any]:
    @functools.wraps(function)
    def memoized(*args: Any, **kwargs: Any) -> Any:
        call = results.call(keys.of(*args, **kwargs))
        while (pause := call.look()) is not None:
            time.sleep(pause)
        if call.is_answered:
            return call.value
        try:
            with call.computing():
                value = function(*args, **kwargs)
            return call.keep(value)
        finally:
            call.leave()

    return memoized


def _async_wrapper(
    function: Callable[..., Any], keys: _Keys, results: Results
) -> Callable[..., Any]:
    import asyncio  # slow to import

    @functools.wraps(function)
    async def memoized(*args: Any, **kwargs: Any) -> Any:
        call = results.call(keys.of(*args, **kwargs))
        while (pause := await _looked(call)) is not None:  # noqa: ASYNC110  # others compute
            await asyncio.sleep(pause)
        if call.is_answered:
            return call.value
        try:
            with call.computing():
                value = await function(*args, **kwargs)
            return await asyncio.to_thread(call.keep, value)
        finally:
            # Also if this task is cancelled once more: the lease must go.
            await asyncio.shield(asyncio.to_thread(call.leave))

    return memoized


async def _looked(call: Call) -> float | None:
    """Look in a thread; what it gets hold of after the task was cancelled is given back."""
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


def _dressed(memoized: Any, keys: _Keys, results: Results) -> Any:
    def cache_info() -> CacheInfo:
        currsize = len(results.store.get_subdict(keys.prefix))
        return CacheInfo(*results.counts(), currsize)

    def cache_clear() -> None:
        results.store.get_subdict(keys.prefix).clear()
        results.forget_counts()

    memoized.store = results.store
    memoized.key_of = keys.of
    memoized.cache_info = cache_info
    memoized.cache_clear = cache_clear
    return memoized


def _full_name(function: Any) -> str:
    """Return what tells a function from all others, or say why nothing does."""
    module = getattr(function, "__module__", None)
    qualname = getattr(function, "__qualname__", None)
    if module is None or qualname is None or "<lambda>" in qualname:
        raise ValueError(f"{function!r:.100} has no name of its own: pass name=")
    code = getattr(inspect.unwrap(function), "__code__", None)
    if isinstance(function, types.MethodType):
        raise ValueError(  # noqa: TRY004  # like all functions that need a name
            f"{qualname} is bound to an object, which is not in the key: decorate the method in "
            "its class, or pass name="
        )
    around = set(code.co_freevars if code else ()) - {"__class__", function.__name__}
    if around:
        raise ValueError(
            f"{qualname} depends on {', '.join(sorted(around))} of the function around it, which "
            "is not in the key: make it a parameter, or pass name="
        )
    owner = importable_module(module)
    if owner == "__main__" and code is not None:
        # So is the module of every notebook called: one must not take another's results.
        return f"{owner}.{qualname}-{stable_digest(_code_parts(code))}"
    return f"{owner}.{qualname}"


def _code_parts(code: types.CodeType) -> tuple[object, ...]:
    """Return what a function does, in this version of Python, wherever it is written."""
    constants = [
        _code_parts(one) if isinstance(one, types.CodeType) else one for one in code.co_consts
    ]
    return code.co_code, code.co_names, code.co_varnames, constants


def _component(text: str) -> str:
    encoded = encode_key_component(text)
    if len(encoded) > MAX_COMPONENT_LENGTH:
        digest = stable_digest(text)
        encoded = f"{encoded[: MAX_COMPONENT_LENGTH - len(digest) - 1]}-{digest}"
    return encoded


def _checked_leases(
    store: PersiDict[Any], lease: Any, lease_store: PersiDict[Any] | None
) -> Leases:
    if isinstance(lease, bool) or not isinstance(lease, (int, float)):
        raise TypeError(f"lease must be a number of seconds, got {lease!r}")
    if not (lease > 0 and math.isfinite(lease)):
        raise ValueError(f"lease must be a positive number of seconds, got {lease}")
    if lease_store is not None and not isinstance(lease_store, PersiDict):
        raise TypeError(f"lease_store must be a PersiDict, got {type(lease_store).__name__}")
    check_lease_store(*((store, "store") if lease_store is None else (lease_store, "lease_store")))
    return Leases(store if lease_store is None else lease_store, float(lease))
