"""One call of a memoised function: looked up, waited for, computed, kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from persidict.core.base import PersiDict
from persidict.core.errors import BackendError, DecodingError
from persidict.core.flags import ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE
from persidict.core.forks import new_lock
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagIfExists
from persidict.wrappers._memoize.leases import Lease, Leases, Watch

_LOG = logging.getLogger("persidict.wrappers")
# No key of a result begins with it: in an encoded name, hexadecimal digits follow the sign.
_LEASES = "=leases"
# Leases that this thread or task holds while it computes: it would wait for itself.
_held: ContextVar[frozenset[tuple[int, NonEmptySafeStrTuple]]] = ContextVar(
    "persidict_held", default=frozenset()
)


class Results:
    """Where the results of one function are, who computes them, and how often that was needed."""

    def __init__(self, store: PersiDict[Any], leases: Leases | None) -> None:
        self.store = store
        self.leases = leases
        self._lock = new_lock()
        self.forget_counts()

    def call(self, key: NonEmptySafeStrTuple) -> Call:
        """Begin a call."""
        return Call(self, key)

    def forget_counts(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self._hits = self._misses = 0

    def counts(self) -> tuple[int, int]:
        """Return hits and misses."""
        return self._hits, self._misses

    def count(self, *, hit: bool) -> None:
        """Count one call."""
        with self._lock:
            self._hits += hit
            self._misses += not hit


class Call:
    """One call.

    Attributes:
        is_answered: Whether `value` is the result.
        value: The result from the store.
    """

    def __init__(self, results: Results, key: NonEmptySafeStrTuple) -> None:
        self._results = results
        self._key = key
        self._lease_key = NonEmptySafeStrTuple(_LEASES, key)
        self._watch = Watch()
        self._lease: Lease | None = None
        self._damaged: ETagIfExists = ITEM_NOT_AVAILABLE
        self.is_answered = False
        self.value: Any = None

    def look(self) -> float | None:
        """Find the result or get the right to compute it; else return the seconds to wait.

        Raises:
            RuntimeError: The function called itself with the arguments that it is computing for.
        """
        leases = self._results.leases
        if leases is None:
            self._find()
            return None
        is_waiting = self._watch.etag is not ITEM_NOT_AVAILABLE
        if is_waiting and leases.in_force(self._lease_key, self._watch):
            return self._watch.pause()
        if self._find():
            return None
        if self._mark() in _held.get():
            raise RuntimeError(f"the computation of {self._key!r} asks for its own result")
        self._lease = leases.take(self._lease_key, self._watch)
        if self._lease is None:
            return self._watch.pause()
        try:
            is_answered = self._find()  # kept since it was missed
        except BaseException:
            self.leave()
            raise
        if is_answered:
            self.leave()
        return None

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Show signs of life while the function runs."""
        self._results.count(hit=False)
        if self._lease is None:
            yield
            return
        token = _held.set(_held.get() | {self._mark()})
        try:
            self._lease.keep()
            yield
        finally:
            _held.reset(token)

    def keep(self, value: Any) -> Any:
        """Store a result, unless there is one by now, and return the one that is there.

        Raises:
            TypeError: The store can't hold such a value.
        """
        store = self._results.store
        try:
            if self._damaged is ITEM_NOT_AVAILABLE:
                return store.setdefault(self._key, value)
            if not store.append_only:
                store.set_item_if(
                    self._key,
                    value=value,
                    condition=ETAG_IS_THE_SAME,
                    expected_etag=self._damaged,
                )
        except BackendError as error:
            _LOG.warning("the result %r can't be kept: %r", self._key, error)
        return value

    def leave(self) -> None:
        """Let others compute."""
        if self._lease is not None:
            self._lease.give_back()

    def _find(self) -> bool:
        store = self._results.store
        self._damaged = ITEM_NOT_AVAILABLE
        try:
            try:
                self.value = store[self._key]
            except DecodingError:
                # Once more, to know which version is damaged: others may be mending it.
                self._damaged = store.etag(self._key)
                self.value = store[self._key]
        except KeyError:
            return False
        except DecodingError as error:
            _LOG.warning("the result %r is computed again: %r", self._key, error)
            return False
        self.is_answered = True
        self._results.count(hit=True)
        return True

    def _mark(self) -> tuple[int, NonEmptySafeStrTuple]:
        return id(self._results), self._key
