"""`memoize`: stores results of functions in any dict, for all callers with equal arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar, cast

from persidict.core.base import PersiDict
from persidict.wrappers._coordination.claim import validate_claim_store
from persidict.wrappers._coordination.waiting import validate_seconds
from persidict.wrappers._memoize.call_keys import CallKeys
from persidict.wrappers._memoize.function_names import component, full_name
from persidict.wrappers._memoize.protocol import Memoized
from persidict.wrappers._memoize.results import Results, Settings
from persidict.wrappers._memoize.wrapping import (
    is_async,
    memoized_async_function,
    memoized_function,
    refreshed,
    refreshed_async,
)

_P = ParamSpec("_P")
_R = TypeVar("_R")


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
    max_age: float | None = None,
    stale: float | None = None,
    exceptions: type[Exception] | tuple[type[Exception], ...] = (),
) -> Callable[[Callable[_P, _R]], Memoized[_P, _R]]:
    """Keep a function's results in a dict, also for other processes and for the next run.

    The key consists of the function's full name, its version, and a digest of the arguments that
    is the same in all processes (`stable_digest`): however they are passed, with defaults filled
    in. Functions may be plain or ``async``; for the latter, the store is used in threads, so that
    the event loop is not blocked.

    Args:
        store: Where the results go: any dict whose format can hold them.
        version: Change it when the function computes something else. Earlier results stay in the
            store, unused.
        name: Stands for the function in keys; None means its module and qualified name.
        ignore: Names of parameters that don't matter for the result.
        key: Called with the function's arguments, returns what stands for them in the key, for
            arguments that have no stable form themselves.
        once: Of all processes that call with the same arguments at the same time one computes,
            and the others wait for its result.
        lease: With `once`, the seconds without a heartbeat from the one that computes after
            which another one takes over. A thread sends three heartbeats in that time.
        lease_store: With `once`, the dict that tells who computes; None: `store` itself, under
            keys that begin with ``"=leases"``.
        max_age: Seconds after which a result is computed again. None: never.
        stale: Seconds after `max_age` in which one caller computes the new result while the
            others get the old one. None: they compute too, or wait with `once`.
        exceptions: Classes of exceptions that are results too: a call that raised one raises it
            again from the store.

    Returns:
        A decorator. What it returns has the function's signature and the attributes of
        `Memoized`. It can be pickled if the store can.

    Raises:
        TypeError: An argument is of a wrong type, or what is decorated is no function with one
            result. From calls: an argument has no stable form, or the result can't be stored.
        ValueError: `ignore` names no parameter, `lease`, `max_age` or `stale` is not positive,
            the leases can't be held by the dict, `max_age` is given with an append-only dict or
            `stale` without `max_age`, or the function needs a `name`: it is a lambda, or depends
            on variables of a function around it.
        RuntimeError: From calls with `once`: the function asks for the result that it is
            computing.
        BackendError: From calls: the store can't be read. If only writing fails, or a stored
            result is damaged, a warning is logged (``persidict.wrappers``) and the computed result
            returned.

    Notes:
        If another caller has stored a result in the meantime, that result is returned, so that
        all callers see the same. Without `once`, concurrent calls may compute it several times;
        with it that happens only if the one that computes gets stuck for longer than its lease.

        An argument counts as it is when the call begins. What a function reads besides its
        arguments (files, globals, the code of functions) is not in the key. Dicts that differ
        only in their order count as equal. For methods, `self` is an argument: make its class a
        data class, or use `ignore` or `key`. Decorators between the function and `memoize` are
        part of its name.

        Scripts and modules are told apart by their names alone, wherever they are: where two
        have one name, pass `name`. In notebooks and at the prompt, which have no name, the
        function's own bytecode is part of its name, so that an edited function, or another
        Python version, computes anew.

        The age of a result is the difference of the store's timestamp and this machine's clock.

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
        >>> square.invalidate(3)
        True
    """
    if not isinstance(store, PersiDict):
        raise TypeError(
            f"memoize needs the dict for results, as in @memoize(store), got {store!r:.100}"
        )
    if lease_store is not None and not once:
        raise ValueError("lease_store is of no use without once=True")
    settings = Settings(
        *_validate_ages(store, max_age, stale),
        _validate_exceptions(exceptions),
        _validate_lease_store(store, lease_store) if once else None,
        validate_seconds("lease", lease) if once else 0.0,
    )
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
        title = component(name if name is not None else full_name(function, Results))
        keys = CallKeys(function, (title, component(str(version))), ignored, key)
        return cast("Memoized[_P, _R]", _memoized(function, Results(store, keys, settings)))

    return decorate


def _memoized(function: Callable[..., Any], results: Results) -> Any:
    if is_async(function):
        memoized: Any = memoized_async_function(function, results)
        memoized.refresh = refreshed_async(function, results)
    else:
        memoized = memoized_function(function, results)
        memoized.refresh = refreshed(function, results)
    memoized.store = results.store
    memoized.key_of = results.keys.key_of
    memoized.invalidate = results.invalidate
    memoized.cache_info = results.cache_info
    memoized.cache_clear = results.cache_clear
    return memoized


def _validate_ages(
    store: PersiDict[Any], max_age: float | None, stale: float | None
) -> tuple[float | None, float | None]:
    if max_age is None:
        if stale is not None:
            raise ValueError("stale is of no use without max_age")
        return None, None
    if store.append_only:
        raise ValueError("max_age needs a store that is not append-only: old results are replaced")
    return (
        validate_seconds("max_age", max_age),
        None if stale is None else validate_seconds("stale", stale),
    )


def _validate_exceptions(exceptions: Any) -> tuple[type[Exception], ...]:
    given = exceptions if isinstance(exceptions, tuple) else (exceptions,)
    for one in given:
        if not (isinstance(one, type) and issubclass(one, Exception)):
            raise TypeError(f"exceptions must be classes of exceptions, got {one!r:.100}")
    return given


def _validate_lease_store(
    store: PersiDict[Any], lease_store: PersiDict[Any] | None
) -> PersiDict[Any]:
    if lease_store is None:
        validate_claim_store(store, "store")
        return store
    if not isinstance(lease_store, PersiDict):
        raise TypeError(f"lease_store must be a PersiDict, got {type(lease_store).__name__}")
    validate_claim_store(lease_store, "lease_store")
    return lease_store
