"""`Semaphore`: at most `limit` owners at a time, among all processes that share a store."""

from __future__ import annotations

import random
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


class Semaphore:
    """Lets at most `limit` holders in at a time; the place of one that dies is freed.

    Each holder needs an object of its own. It is a set of `limit` leases with the same
    guarantees and limits (see `Lease`), of which a holder has any one.

    Args:
        store: Holds one small item for each place: any dict that takes strings, and changes.
        name: What the keys of the items begin with.
        limit: How many may hold it; the same for all.
        seconds: How long a place outlives the last heartbeat of its holder.

    Raises:
        TypeError: `store` is no `PersiDict`, `limit` no int, or `seconds` no number.
        ValueError: `store` can't hold leases, or `limit` or `seconds` is not positive.

    Example:
        >>> from persidict import LocalDict, Semaphore
        >>> store = LocalDict()
        >>> first, second, third = (Semaphore(store, "downloads", limit=2) for _ in range(3))
        >>> first.acquire(timeout=0), second.acquire(timeout=0), third.acquire(timeout=0)
        (True, True, False)
        >>> first.release()
        >>> with third:
        ...     print("at most two at a time")
        at most two at a time
        >>> second.release()
    """

    def __init__(
        self,
        store: PersiDict[Any],
        name: NonEmptyPersiDictKey,
        *,
        limit: int,
        seconds: float = 30.0,
    ) -> None:
        if not isinstance(store, PersiDict):
            raise TypeError(f"store must be a PersiDict, got {type(store).__name__}")
        validate_claim_store(store, "store")
        if not isinstance(limit, int) or isinstance(limit, bool):
            raise TypeError(f"limit must be an int, got {limit!r}")
        if limit < 1:
            raise ValueError(f"limit must be positive, got {limit}")
        self.store = store
        self.name = NonEmptySafeStrTuple(name)
        self.limit = limit
        self.seconds = validate_seconds("seconds", seconds)
        self._claims: list[Claim] = []

    @property
    def is_held(self) -> bool:
        """Whether this object has a place and nobody else can have taken it over yet."""
        return any(claim.is_surely_held for claim in self._claims)

    def acquire(self, timeout: float | None = None) -> bool:
        """Wait for a place and take it.

        Args:
            timeout: Seconds to wait; 0 tries each place once, None waits for ever.

        Returns:
            False if the time is up.

        Raises:
            RuntimeError: This object has a place already.
        """
        self._begin()
        with undone_on_error(self.release):
            return wait_for(self._attempt, self._claims[0].pause, timeout) is not None

    async def acquire_async(
        self,
        timeout: float | None = None,  # noqa: ASYNC109  # the same argument as in `acquire`
    ) -> bool:
        """Do the same as `acquire` in a coroutine; the store is used in threads."""
        self._begin()
        with undone_on_error(self.release):
            found = await wait_for_async(self._attempt, self._claims[0].pause, timeout)
        return found is not None

    def release(self) -> None:
        """Free the place, if this object has one."""
        for claim in self._claims:
            claim.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    async def __aenter__(self) -> None:
        await self.acquire_async()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await in_a_thread(self.release)

    def __reduce__(self) -> tuple[Any, ...]:
        """Have pickle make another contender for the same places."""
        return _reopened, (type(self), self.store, self.name, self.limit, self.seconds)

    def _begin(self) -> None:
        if any(claim.may_be_ours and not claim.is_lost for claim in self._claims):
            raise RuntimeError(f"this object has a place of the semaphore {self.name!r} already")
        # In another order each, so that contenders meet less often.
        places = random.sample(range(self.limit), self.limit)
        self._claims = [
            Claim(self.store, NonEmptySafeStrTuple(self.name, str(place)), self.seconds)
            for place in places
        ]

    def _attempt(self) -> Claim | None:
        for claim in self._claims:
            if claim.look():
                claim.start_heartbeat()
                return claim
        return None


def _reopened(kind: type[Any], store: PersiDict[Any], name: Any, limit: int, seconds: float) -> Any:
    return kind(store, name, limit=limit, seconds=seconds)
