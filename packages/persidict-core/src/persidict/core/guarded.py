"""The one loop behind every conditional change: look, judge, act on exactly what was seen."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeAlias

from persidict.core.backend import Backend, ETagMismatch
from persidict.core.errors import ConcurrencyConflictError
from persidict.core.flags import (
    ALWAYS_RETRIEVE,
    ANY_ETAG,
    ETAG_HAS_CHANGED,
    ETAG_IS_THE_SAME,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    NEVER_RETRIEVE,
    VALUE_NOT_RETRIEVED,
    ETagConditionFlag,
    ItemNotAvailableFlag,
    RetrieveValueFlag,
    ValueNotRetrievedFlag,
)
from persidict.core.keys import NonEmptySafeStrTuple, trusted_key
from persidict.core.log import debug
from persidict.core.results import ConditionalOperationResult, ETagIfExists, ValueType

_CONDITIONS = (ANY_ETAG, ETAG_IS_THE_SAME, ETAG_HAS_CHANGED)
_RETRIEVALS = (ALWAYS_RETRIEVE, NEVER_RETRIEVE, IF_ETAG_CHANGED)

# The last pauses after conflicts, as a part of the first one.
_LAST_PAUSE = 1 / 16
_MOST_INSERTS = 100

_Seen: TypeAlias = "tuple[ValueType | ItemNotAvailableFlag | ValueNotRetrievedFlag, ETagIfExists]"


class GuardedLoop(Backend[ValueType]):
    """Reading and changing an item under a condition on its ETag."""

    def _guarded(
        self,
        key: NonEmptySafeStrTuple,
        condition: ETagConditionFlag,
        expected: ETagIfExists,
        retrieve_value: RetrieveValueFlag,
        act: Callable[[ETagIfExists], tuple[ETagIfExists, ValueType | ItemNotAvailableFlag]],
        *,
        look_first: bool,
    ) -> ConditionalOperationResult[ValueType]:
        """Act on the ETag for which the condition holds, round again when somebody was faster.

        `act` gets the ETag that it must find, and returns ETag and value afterwards.
        """
        attempts = 0
        while True:
            seen = self._look(key, expected, NEVER_RETRIEVE)[1] if look_first else expected
            if holds(condition, expected, seen):
                try:
                    return ConditionalOperationResult(True, seen, *act(seen))
                except ETagMismatch:
                    attempts += 1
                    if look_first:
                        self._back_off(key, attempts)
                        continue
            value, actual = self._look(key, expected, retrieve_value)
            # It can hold by now: then it is this version that the condition is judged on.
            if not holds(condition, expected, actual):
                return ConditionalOperationResult(False, actual, actual, value)

    def _look(
        self,
        key: NonEmptySafeStrTuple,
        expected: ETagIfExists,
        retrieve_value: RetrieveValueFlag,
    ) -> _Seen[ValueType]:
        """Return value and ETag of one version, as far as they are asked for."""
        try:
            if retrieve_value is NEVER_RETRIEVE:
                return VALUE_NOT_RETRIEVED, self._stat(key).etag
            known = None
            if retrieve_value is IF_ETAG_CHANGED and expected is not ITEM_NOT_AVAILABLE:
                known = expected
            value, stat = self._load(key, known)
            etag = stat.etag  # may be worked out only now, and the item be gone
        except KeyError:
            return ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE
        if value is not VALUE_NOT_RETRIEVED:
            self._validate_class(value)
        return value, etag

    def _back_off_insert(self, key: NonEmptySafeStrTuple, attempts: int) -> None:
        """Let others finish; refuse to go on when a store reports what can't be.

        An item that is there when it is inserted and absent when it is read has been deleted in
        between. That this happens many times in a row is less likely than a store that is wrong.
        """
        if attempts >= _MOST_INSERTS:
            raise ConcurrencyConflictError(trusted_key(key[len(self._prefix) :]), attempts)
        self._back_off(key, attempts)

    def _back_off(self, key: NonEmptySafeStrTuple, attempts: int) -> None:
        """Let others finish before the next attempt.

        Pauses shrink, so that who has lost most often comes first. With growing ones, winners
        (who never pause) go on winning.
        """
        debug("persidict.core", "attempt %d at %r met somebody else's change", attempts, key)
        # Jitter, so that those who lost to the same change don't meet again.
        share = max(1 / attempts, _LAST_PAUSE)
        time.sleep(self._max_first_backoff * share * random.random())


def holds(condition: ETagConditionFlag, expected: ETagIfExists, actual: ETagIfExists) -> bool:
    """Judge a condition; an absent item's ETag is `ITEM_NOT_AVAILABLE`."""
    if condition is ANY_ETAG:
        return True
    return (expected == actual) is (condition is ETAG_IS_THE_SAME)


def validate_flags(condition: object, expected_etag: object, retrieve_value: object) -> None:
    """Refuse arguments that are none of the flags."""
    if condition not in _CONDITIONS:
        raise ValueError(
            f"condition must be ANY_ETAG, ETAG_IS_THE_SAME or ETAG_HAS_CHANGED, got {condition!r}"
        )
    if retrieve_value not in _RETRIEVALS:
        raise TypeError(
            "retrieve_value must be ALWAYS_RETRIEVE, NEVER_RETRIEVE or IF_ETAG_CHANGED, "
            f"got {retrieve_value!r}"
        )
    if expected_etag is not ITEM_NOT_AVAILABLE and not isinstance(expected_etag, str):
        raise TypeError(
            f"expected_etag must be an ETag or ITEM_NOT_AVAILABLE, got {expected_etag!r}"
        )
