"""`Lease`: one owner of a name among all threads, processes and machines that share a store."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from persidict.core.base import PersiDict
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple
from persidict.wrappers._coordination.claim import Claim, validate_claim_store
from persidict.wrappers._coordination.waiting import (
    in_a_thread,
    undone_on_error,
    validate_seconds,
    wait_for,
    wait_for_async,
)


class Lease:
    """A lock with an expiry: if its owner dies, somebody else gets it after `seconds`.

    While it is held, a thread sends three heartbeats in that time. Each holder needs an object
    of its own; one object may be used again after it was released.

    Args:
        store: Holds one small item for each name: any dict that takes strings, and changes.
        name: The item's key.
        seconds: How long a lease outlives the last heartbeat of its owner.

    Raises:
        TypeError: `store` is no `PersiDict`, or `seconds` no number.
        ValueError: `store` can't hold leases, or `seconds` is not positive.

    Notes:
        Processes do not compare clocks. Another process takes over when it has seen the item
        unchanged for `seconds` by its own clock. So two owners at a time are possible in one
        case: the first one was paused (suspended, swapped out, cut off from the store) for longer
        than that, and goes on without noticing. `is_held` tells by this machine's clock, on Linux
        also after it was suspended, but can be outdated when you act on it. Where two owners
        would do harm, pass `token` to what they change, and let it reject tokens smaller than the
        largest it has seen: the next owner's token is always larger. Tokens grow as long as
        nobody deletes the lease's item.

    Example:
        >>> from persidict import Lease, LocalDict
        >>> store = LocalDict()
        >>> with Lease(store, "nightly-report") as token:
        ...     print("only one process at a time gets here; token", token)
        only one process at a time gets here; token 1
        >>> lease = Lease(store, "nightly-report")
        >>> lease.acquire(timeout=0), lease.is_held
        (2, True)
        >>> Lease(store, "nightly-report").acquire(timeout=0) is None
        True
        >>> lease.release()
    """

    def __init__(
        self, store: PersiDict[Any], name: NonEmptyPersiDictKey, *, seconds: float = 30.0
    ) -> None:
        if not isinstance(store, PersiDict):
            raise TypeError(f"store must be a PersiDict, got {type(store).__name__}")
        validate_claim_store(store, "store")
        self.store = store
        self.name = NonEmptySafeStrTuple(name)
        self.seconds = validate_seconds("seconds", seconds)
        self._claim: Claim | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lease and nobody else can have taken over yet."""
        return self._claim is not None and self._claim.is_surely_held

    @property
    def token(self) -> int | None:
        """The fencing token of the lease that is held, None if none is."""
        claim = self._claim
        return claim.token if claim is not None and claim.may_be_ours else None

    def acquire(self, timeout: float | None = None) -> int | None:
        """Wait until the lease is free or expired, and take it.

        Args:
            timeout: Seconds to wait; 0 tries once, None waits for ever.

        Returns:
            The fencing token, None if the time is up.

        Raises:
            RuntimeError: This object holds the lease already.
        """
        claim = self._new_claim()
        with undone_on_error(self.release):
            return wait_for(self._attempt, claim.pause, timeout)

    async def acquire_async(
        self,
        timeout: float | None = None,  # noqa: ASYNC109  # the same argument as in `acquire`
    ) -> int | None:
        """Do the same as `acquire` in a coroutine; the store is used in threads."""
        claim = self._new_claim()
        with undone_on_error(self.release):
            return await wait_for_async(self._attempt, claim.pause, timeout)

    def release(self) -> None:
        """Let others have it. Nothing happens if it isn't held, or if somebody took it over."""
        if self._claim is not None:
            self._claim.release()

    def __enter__(self) -> int:
        token = self.acquire()
        assert token is not None  # noqa: S101  # it waits for ever
        return token

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    async def __aenter__(self) -> int:
        token = await self.acquire_async()
        assert token is not None  # noqa: S101  # it waits for ever
        return token

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await in_a_thread(self.release)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.store!r}, {self.name!r}, seconds={self.seconds})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Have pickle make another contender for the same lease."""
        return _reopened, (type(self), self.store, self.name, self.seconds)

    def _new_claim(self) -> Claim:
        if self._claim is not None and self._claim.may_be_ours and not self._claim.is_lost:
            raise RuntimeError(f"this object holds the lease {self.name!r} already")
        self._claim = Claim(self.store, self.name, self.seconds, keeps_token=True)
        return self._claim

    def _attempt(self) -> int | None:
        claim = self._claim
        if claim is None or not claim.look():
            return None
        claim.start_heartbeat()
        return claim.token


def _reopened(kind: type[Any], store: PersiDict[Any], name: Any, seconds: float) -> Any:
    return kind(store, name, seconds=seconds)
