"""One call of a memoized function: looks up, waits for, computes and stores its result."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from persidict.core.errors import BackendError
from persidict.core.flags import ITEM_NOT_AVAILABLE
from persidict.core.keys import NonEmptySafeStrTuple, shown_key
from persidict.core.results import ETagIfExists
from persidict.wrappers._coordination.claim import Claim
from persidict.wrappers._memoize.outcomes import Awaited, Raised, awaitable
from persidict.wrappers._memoize.results import Results

_LOG = logging.getLogger("persidict.wrappers")
# No key of a result begins with it: in an encoded name, hexadecimal digits follow the sign.
_LEASES = "=leases"
# The claims that this thread or task holds while it computes: it would wait for itself. An
# interrupt can leave one behind: it doesn't count any more once it is released or collected.
_held: ContextVar[tuple[weakref.ref[Claim], ...]] = ContextVar("persidict_held", default=())


class Call:
    """One call. Always call `leave` at the end, even after an interrupt.

    Attributes:
        is_answered: Whether the store had the result; `answer` returns it.
    """

    def __init__(self, results: Results, key: NonEmptySafeStrTuple) -> None:
        self._results = results
        self._key = key
        self._claim: Claim | None = None
        self._replaces: ETagIfExists = ITEM_NOT_AVAILABLE
        self._value: Any = None
        self.is_answered = False

    def look(self) -> float | None:
        """Find the result or get the right to compute it; else return the seconds to wait.

        Raises:
            RuntimeError: The function called itself with the arguments that it is computing for.
        """
        claim = self._claim
        if claim is not None and claim.is_waiting and claim.is_in_force():
            return claim.pause()
        if self._find(or_stale=False):
            return None
        settings = self._results.settings
        if settings.lease_store is None:
            if settings.stale is not None and not self._is_refresher():
                self._find(or_stale=True)
            return None
        if claim is None:
            lease_key = NonEmptySafeStrTuple(_LEASES, self._key)
            claim = self._claim = Claim(settings.lease_store, lease_key, settings.lease)
            _validate_not_held(claim)
        if not claim.take():
            return None if self._find(or_stale=True) else claim.pause()
        if self._find(or_stale=False):  # kept since it was missed
            self.leave()
        return None

    def answer(self) -> Any:
        """Return the result from the store, or raise the exception that was kept."""
        return _unpacked(self._value)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Send heartbeats while the function runs."""
        self._results.misses.add()
        if self._claim is None:
            yield
            return
        living = (one for one in _held.get() if one() is not None)
        held = _held.set((*living, weakref.ref(self._claim)))
        try:
            self._claim.start_heartbeat()
            yield
        finally:
            _held.reset(held)

    def keep(self, value: Any) -> Any:
        """Store a result, unless there is one by now, and return the one that is there."""
        return _unpacked(self._results.keep(self._key, value, self._replaces))

    def keep_awaited(self, value: Any) -> Any:
        """Do the same for what an awaitable returned."""
        kept = self._results.keep(self._key, Awaited(value), self._replaces)
        return kept.value if isinstance(kept, Awaited) else kept

    def keep_exception(self, exception: Exception) -> None:
        """Store an exception; one that can't be stored is only logged."""
        try:
            self._results.keep(self._key, Raised(exception), self._replaces)
        except (BackendError, TypeError, ValueError) as error:
            _LOG.warning("the exception of %r can't be kept: %r", self._key, error)

    @property
    def holds_right(self) -> bool:
        """Whether `leave` has something to do."""
        if self._claim is not None:
            return self._claim.may_be_ours
        return self._results.refreshing.get(self._key) is self

    def leave(self) -> None:
        """Let others compute."""
        if self._claim is not None:
            self._claim.release()
        elif self._results.refreshing.get(self._key) is self:
            del self._results.refreshing[self._key]

    def _find(self, *, or_stale: bool) -> bool:
        found = self._results.find(self._key)
        self._replaces = found.replaces
        if found.is_current or (or_stale and found.is_usable):
            self._value = found.value
            self.is_answered = True
            self._results.hits.add()
        return self.is_answered

    def _is_refresher(self) -> bool:
        """Tell whether this call is the one in this process that computes the next result."""
        return self._results.refreshing.setdefault(self._key, self) is self


def _validate_not_held(claim: Claim) -> None:
    """Raise ``RuntimeError`` if this thread or task computes what it is about to wait for."""
    for reference in _held.get():
        held = reference()
        if held is not None and held.may_be_ours and held.is_about_same_item(claim):
            key = shown_key(claim.key[1:])
            raise RuntimeError(f"the computation of {key} asks for its own result")


def _unpacked(value: Any) -> Any:
    if isinstance(value, Raised):
        raise value.exception
    return awaitable(value.value) if isinstance(value, Awaited) else value
