"""Leases: one owner per key among all processes that share a store, also if owners die.

A lease is an item that its owner inserts, rewrites as a sign of life, and deletes. Nobody compares
clocks: a lease has expired when somebody has watched it stay the same for as long as it says.
An owner that was only slow finds that it lost its lease; so what it guards must bear two owners.
"""

from __future__ import annotations

import json
import logging
import os
import random
import threading
import time
import uuid
from typing import Any

from persidict.core.base import PersiDict
from persidict.core.errors import BackendError
from persidict.core.flags import (
    ANY_ETAG,
    ETAG_IS_THE_SAME,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    NEVER_RETRIEVE,
)
from persidict.core.forks import new_lock
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagIfExists

_LOG = logging.getLogger("persidict.wrappers")
# Seconds between two looks at somebody else's lease: at first, and at most.
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.5
_SIGNS_OF_LIFE = 3


class Watch:
    """What somebody who waits for a lease has seen of it."""

    def __init__(self) -> None:
        self.etag: ETagIfExists = ITEM_NOT_AVAILABLE
        self.since = 0.0
        self.seconds = 0.0
        self._pauses = 0

    def pause(self) -> float:
        """Return the seconds until it pays to look again."""
        ceiling = min(_FIRST_PAUSE * 1.5 ** min(self._pauses, 50), _LONGEST_PAUSE, self.seconds / 4)
        self._pauses += 1
        return ceiling * random.uniform(0.5, 1)


class Leases:
    """The leases in one store.

    Args:
        store: Where they are: a dict that takes strings, and changes.
        seconds: How long others wait for a sign of life before they take over.
    """

    def __init__(self, store: PersiDict[Any], seconds: float) -> None:
        self.store = store
        self._seconds = seconds
        self._clock = time.monotonic

    def in_force(self, key: NonEmptySafeStrTuple, watch: Watch) -> bool:
        """Tell whether the lease that was seen before is somebody's still."""
        seen = self.store.get_item_if(
            key, condition=ANY_ETAG, expected_etag=watch.etag, retrieve_value=IF_ETAG_CHANGED
        )
        if seen.actual_etag != watch.etag:
            self._saw(watch, seen.actual_etag, seen.new_value)
        if watch.etag is ITEM_NOT_AVAILABLE:
            return False
        return self._clock() - watch.since < watch.seconds

    def take(self, key: NonEmptySafeStrTuple, watch: Watch) -> Lease | None:
        """Get the lease if there is none, or over the expired one; None if others were faster."""
        text = _text(self._seconds)
        outcome = self.store.set_item_if(
            key,
            value=text,
            condition=ETAG_IS_THE_SAME,
            expected_etag=watch.etag,
            retrieve_value=IF_ETAG_CHANGED,
        )
        if not outcome.condition_was_satisfied:
            self._saw(watch, outcome.actual_etag, outcome.new_value)
            return None
        if watch.etag is not ITEM_NOT_AVAILABLE:
            _LOG.warning(
                "the lease %r has shown no sign of life for %g seconds: taken over",
                key,
                watch.seconds,
            )
        return Lease(self.store, key, outcome.resulting_etag, self._seconds)

    def _saw(self, watch: Watch, etag: ETagIfExists, text: Any) -> None:
        watch.etag = etag
        watch.since = self._clock()
        watch.seconds = self._seconds
        try:
            watch.seconds = float(json.loads(text)["seconds"])
        except (TypeError, ValueError, LookupError):
            return  # gone by now, or nobody's that we know


class Lease:
    """One lease, held by this process."""

    def __init__(
        self, store: PersiDict[Any], key: NonEmptySafeStrTuple, etag: ETagIfExists, seconds: float
    ) -> None:
        self._store = store
        self._key = key
        self._etag = etag
        self._seconds = seconds
        self._process = os.getpid()
        self._writing = new_lock()
        self._ended = threading.Event()

    def keep(self) -> None:
        """Show signs of life, in a thread, until `end`."""
        try:
            thread = threading.Thread(target=self._renew, name="persidict-lease", daemon=True)
        except RuntimeError:
            # A subinterpreter has no daemons, and so none whose computation would never end.
            thread = threading.Thread(target=self._renew, name="persidict-lease")
        thread.start()

    def end(self) -> None:
        """Show no further sign of life."""
        if self._is_ours():
            self._ended.set()

    def give_back(self) -> None:
        """Let others have it; nothing happens if somebody took it over."""
        self.end()
        if not self._is_ours():
            return
        with self._writing:
            try:
                self._store.discard_if(
                    self._key, condition=ETAG_IS_THE_SAME, expected_etag=self._etag
                )
            except BackendError as error:
                _LOG.warning("the lease %r can't be given back: %r", self._key, error)

    def _is_ours(self) -> bool:
        """False in a forked child that goes on where its parent was."""
        return os.getpid() == self._process

    def _renew(self) -> None:
        while not self._ended.wait(self._seconds / _SIGNS_OF_LIFE):
            with self._writing:
                if self._ended.is_set() or not self._shown():
                    return

    def _shown(self) -> bool:
        """Rewrite the lease; False if it is somebody else's by now."""
        try:
            outcome = self._store.set_item_if(
                self._key,
                value=_text(self._seconds),
                condition=ETAG_IS_THE_SAME,
                expected_etag=self._etag,
                retrieve_value=NEVER_RETRIEVE,
            )
        except BackendError as error:
            _LOG.warning("the lease %r can't be renewed now: %r", self._key, error)
            return True
        if not outcome.condition_was_satisfied:
            _LOG.warning("the lease %r was taken over from this process", self._key)
            return False
        self._etag = outcome.resulting_etag
        return True


def check_lease_store(store: PersiDict[Any], name: str) -> None:
    """Refuse a dict that leases can't be kept in."""
    expected = store.base_class_for_values
    if expected is not None and not issubclass(str, expected):
        problem = f"its values must be {expected.__qualname__}"
    elif store.append_only:
        problem = "it is append-only"
    else:
        return
    raise ValueError(
        f"{name} can't hold leases, which are strings that change: {problem}; "
        "pass lease_store=, a dict that all these processes share"
    )


def _text(seconds: float) -> str:
    # The first part makes each one differ, where equal texts would be one version.
    return json.dumps({"sign": uuid.uuid4().hex, "process": os.getpid(), "seconds": seconds})
