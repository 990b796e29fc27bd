"""Claims: one owner of an item among all processes that share a store, even if owners die.

An owner writes the item, rewrites it as a heartbeat, and deletes or frees it. Processes do not
compare clocks: a claim expires when another contender has seen the item unchanged for `seconds`.
A slow owner may not know yet that it lost the claim. Therefore two owners at a time must do no
harm, or the guarded resource must reject the smaller token.
"""

from __future__ import annotations

import json
import logging
import math
import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from persidict.core.base import PersiDict
from persidict.core.errors import BackendError
from persidict.core.flags import (
    ANY_ETAG,
    ETAG_IS_THE_SAME,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    NEVER_RETRIEVE,
)
from persidict.core.keys import NonEmptySafeStrTuple, shown_key
from persidict.core.results import ETagIfExists
from persidict.wrappers._coordination.heartbeat import Heartbeat

_LOG = logging.getLogger("persidict.wrappers")
# Seconds between two looks at somebody else's claim: at first, and at most.
_FIRST_PAUSE = 0.005
_MAX_PAUSE = 0.5


class ClaimText(NamedTuple):
    """The content of a claim's item."""

    owner: str
    """Random for each claim; empty: nobody's."""
    seconds: float
    token: int
    """How often the item was claimed so far."""

    def text(self) -> str:
        """Return the text to store.

        A random part makes each text unique: on S3, equal texts can have equal ETags.
        """
        return json.dumps({**self._asdict(), "sign": os.urandom(8).hex(), "process": os.getpid()})

    @classmethod
    def from_text(cls, text: Any, seconds: float) -> ClaimText:
        """Parse a claim. Treat any other text as another owner's claim that lasts `seconds`."""
        try:
            parts = json.loads(text)
            return cls(str(parts["owner"]), float(parts["seconds"]), int(parts["token"]))
        except (TypeError, ValueError, LookupError):
            return cls("?", seconds, 0)


_ABSENT = ClaimText("", 0.0, 0)

# Seconds that pass also while the machine is suspended, when others may take over.
_boot_time: Callable[[], float] = time.monotonic
if sys.platform == "linux":
    _boot_time = partial(time.clock_gettime, time.CLOCK_BOOTTIME)


class Claim:
    """One contender for an item, and its ownership.

    Call `look` until it returns True. Always call `release`, even after an interrupt: it undoes
    every write of this claim.

    Args:
        store: Holds the item: a dict that takes strings, and changes.
        key: The item's key.
        seconds: How long others wait for a heartbeat before they take over.
        keeps_token: Free the item instead of deleting it, so that tokens go on growing.

    Attributes:
        may_be_ours: Whether the item is, or may be, written by this claim.
        is_lost: Whether a heartbeat found that somebody else had taken over.
    """

    clock = staticmethod(time.monotonic)
    holder_clock = staticmethod(_boot_time)
    may_be_ours = False

    def __init__(
        self,
        store: PersiDict[Any],
        key: NonEmptySafeStrTuple,
        seconds: float,
        *,
        keeps_token: bool = False,
    ) -> None:
        self._store = store
        self.key = key
        self._seconds = seconds
        self._keeps_token = keeps_token
        self._owner = os.urandom(16).hex()
        self._etag: ETagIfExists = ITEM_NOT_AVAILABLE
        self._seen = _ABSENT
        self._since = 0.0
        self._pauses = 0
        self._process = os.getpid()
        self._heartbeat: Heartbeat | None = None
        self._confirmed = -math.inf
        self.is_lost = False

    @property
    def is_surely_held(self) -> bool:
        """Whether, by this machine's clock, nobody else can have taken over."""
        age = self.holder_clock() - self._confirmed
        return self.may_be_ours and not self.is_lost and age < self._seconds

    @property
    def is_waiting(self) -> bool:
        """Whether somebody else's claim was seen."""
        return bool(self._seen.owner) and not self.may_be_ours

    @property
    def token(self) -> int:
        """The fencing token: larger than those of all earlier owners."""
        return self._seen.token

    def is_about_same_item(self, other: Claim) -> bool:
        """Tell whether two claims are about one item of one store."""
        return self.key == other.key and (
            self._store is other._store or self._store._location() == other._store._location()
        )

    def is_in_force(self) -> bool:
        """Tell whether somebody else's claim is still there and hasn't expired."""
        found = self._store.get_item_if(
            self.key,
            condition=ANY_ETAG,
            expected_etag=self._etag,
            retrieve_value=IF_ETAG_CHANGED,
        )
        if found.actual_etag != self._etag:
            self._saw(found.actual_etag, found.new_value)
        return bool(self._seen.owner) and self.clock() - self._since < self._seen.seconds

    def take(self) -> bool:
        """Claim the item if it is free or expired; False: others were faster."""
        while not self._is_taken():
            if self._seen.owner:
                return False
        return True

    def _is_taken(self) -> bool:
        """Claim the item if it still is the version that was seen."""
        expired = self._seen.owner
        mine = ClaimText(self._owner, self._seconds, self._seen.token + 1)
        self.may_be_ours = True
        begun = self.holder_clock()
        outcome = self._store.set_item_if(
            self.key,
            value=mine.text(),
            condition=ETAG_IS_THE_SAME,
            expected_etag=self._etag,
            retrieve_value=IF_ETAG_CHANGED,
        )
        if not outcome.condition_was_satisfied:
            self.may_be_ours = False
            self._saw(outcome.actual_etag, outcome.new_value)
            return False
        if expired:
            _LOG.warning(
                "the lease %r had no heartbeat for %g seconds: taken over",
                self.key,
                self._seen.seconds,
            )
        self._seen = mine
        self._etag = outcome.resulting_etag
        self._confirmed = begun
        self.may_be_ours = True  # also if `release` was called meanwhile, in another thread
        return True

    def look(self) -> bool:
        """Claim the item unless somebody else's claim is in force."""
        if self.is_waiting and self.is_in_force():
            return False
        return self.take()

    def pause(self) -> float:
        """Return the seconds to wait before the next `look`."""
        ceiling = min(
            _FIRST_PAUSE * 1.5 ** min(self._pauses, 50), _MAX_PAUSE, self._seen.seconds / 4
        )
        self._pauses += 1
        return ceiling * random.uniform(0.5, 1)

    def start_heartbeat(self) -> None:
        """Rewrite the item from time to time, in a thread, until `release`."""
        self._heartbeat = Heartbeat(self, self._seconds)
        self._heartbeat.start()

    def release(self) -> None:
        """Let others claim the item; nothing happens to the item if somebody took it over."""
        if os.getpid() != self._process:
            return  # a forked child that goes on where its parent was
        if self._heartbeat is not None:
            self._heartbeat.stop()
        if self.may_be_ours:
            try:
                self._give_up()
            except BackendError as error:
                _LOG.warning("the lease %r can't be released: %r", self.key, error)
            else:
                self.may_be_ours = False

    def __del__(self) -> None:
        # An interrupt came in the middle of `release`, or before it.
        if self.may_be_ours:
            self.release()

    def beat(self) -> bool:
        """Rewrite the item; False if it is somebody else's by now, or was released."""
        begun = self.holder_clock()
        try:
            outcome = self._store.set_item_if(
                self.key,
                value=self._seen.text(),
                condition=ETAG_IS_THE_SAME,
                expected_etag=self._etag,
                retrieve_value=NEVER_RETRIEVE,
            )
        except BackendError as error:
            _LOG.warning("the lease %r can't be renewed now: %r", self.key, error)
            return True
        if outcome.condition_was_satisfied:
            self._etag = outcome.resulting_etag
            self._confirmed = begun
            return True
        if self._heartbeat is None or not self._heartbeat.is_stopped:
            _LOG.warning("the lease %r was taken over from this process", self.key)
            self.is_lost = True
        return False

    def _give_up(self) -> None:
        """Delete or free the item if it is ours.

        A write that was interrupted, or a heartbeat that is under way, may have changed it.
        """
        if self._change_if(self._etag) or self.is_lost:
            return
        found = self._store.get_with_etag(self.key)
        if ClaimText.from_text(found.new_value, self._seconds).owner == self._owner:
            self._change_if(found.actual_etag)

    def _change_if(self, etag: ETagIfExists) -> bool:
        if self._seen.owner != self._owner and etag == self._etag:
            return False  # not ours: the version from before our write
        if not self._keeps_token:
            outcome = self._store.discard_if(
                self.key, condition=ETAG_IS_THE_SAME, expected_etag=etag
            )
            return outcome.condition_was_satisfied
        freed = ClaimText("", self._seconds, self._seen.token)
        outcome = self._store.set_item_if(
            self.key,
            value=freed.text(),
            condition=ETAG_IS_THE_SAME,
            expected_etag=etag,
            retrieve_value=NEVER_RETRIEVE,
        )
        return outcome.condition_was_satisfied

    def _saw(self, etag: ETagIfExists, text: Any) -> None:
        self._etag = etag
        self._since = self.clock()
        is_absent = etag is ITEM_NOT_AVAILABLE
        if not is_absent and not isinstance(text, str):
            raise TypeError(
                f"the item {shown_key(self.key)} can't be a lease, because its value is of type "
                f"{type(text).__name__}; it is left alone"
            )
        self._seen = _ABSENT if is_absent else ClaimText.from_text(text, self._seconds)


def validate_claim_store(store: PersiDict[Any], name: str, what: str = "leases") -> None:
    """Raise ``ValueError`` if a dict can't hold claims."""
    expected = store.base_class_for_values
    if expected is not None and not issubclass(str, expected):
        problem = f"its values must be {expected.__qualname__}"
    elif store.append_only:
        problem = "it is append-only"
    else:
        return
    raise ValueError(
        f"{name} can't hold {what}, which are strings that change: {problem}; "
        "pass lease_store=, a dict that all these processes share"
    )
