"""Several changes of one item, applied one after the other and written at once."""

from __future__ import annotations

import copy
import os
from typing import Any, NamedTuple

from persidict.core import guarded
from persidict.core.backend import PLAIN_TYPES, ETagMismatch
from persidict.core.errors import BackendError, ConcurrencyConflictError, MutationPolicyError
from persidict.core.flags import (
    ALWAYS_RETRIEVE,
    DELETE_CURRENT,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
)
from persidict.core.isolation import isolated
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagIfExists, ETagValue, OperationResult
from persidict.core.transform_call import Call

_IMMUTABLE = PLAIN_TYPES - {dict, list, tuple}


class _Outcome(NamedTuple):
    """What a transformer did to a version."""

    version: int
    """The number of the version that there is then."""
    value: Any
    error: BaseException | None = None


class Chain:
    """The versions of an item that transformers make in turn, of which the last one is written.

    Each transformer gets a value of its own, as if it were read. Each version has an ETag of its
    own, as if it were written: the item never has that of one that is replaced at once.

    Args:
        store: Where the item is.
        key: Its complete key.

    Attributes:
        is_shared: Whether there is more than one transformer.
        is_conflict: Whether somebody else has changed the item since it was read.
    """

    def __init__(self, store: Any, key: NonEmptySafeStrTuple) -> None:
        self._store = store
        self._key = key
        self.is_shared = False
        self.is_conflict = False
        self._is_settled = False
        self._is_read = False
        self._values: list[Any] = []
        self._etags: list[ETagIfExists] = []
        self._frozen: Any = None
        self._outcomes: dict[Call, _Outcome] = {}

    def begin(self) -> Exception | None:
        """Read the item, or take the version that this process wrote last; return what failed."""
        store = self._store
        try:
            written = store._last_written(self._key)
            if written is None:
                written = guarded.look(store, self._key, ITEM_NOT_AVAILABLE, ALWAYS_RETRIEVE)
                self._is_read = True
        except Exception as error:  # noqa: BLE001  # raised by each caller
            return error
        self._values.append(written[0])
        self._etags.append(written[1])
        return None

    def apply(self, call: Call, *, is_own: bool) -> None:
        """Call a transformer with the last version."""
        if call.written_over not in (None, self._etags[0]):
            call.error = _interrupted(call, self._key)
            return
        value, version = self._values[-1], len(self._values) - 1
        try:
            given = self._copy(call, value)
            transform = call.transformer if is_own else call.in_own_context
            new_value = transform(given)
            if new_value is KEEP_CURRENT:
                kept = ITEM_NOT_AVAILABLE if value is ITEM_NOT_AVAILABLE else given
                self._outcomes[call] = _Outcome(version, kept)
                return
            frozen = self._validated(call, value, new_value)
        except BaseException as error:  # noqa: BLE001  # raised by its caller
            self._outcomes[call] = _Outcome(version, None, error)
            return
        becomes = ITEM_NOT_AVAILABLE if new_value is DELETE_CURRENT else new_value
        if becomes is not ITEM_NOT_AVAILABLE or value is not ITEM_NOT_AVAILABLE:
            self._values.append(becomes)
            self._frozen = frozen
            version += 1
        self._outcomes[call] = _Outcome(version, becomes)

    def end(self) -> Exception | None:
        """Write the last version; return what failed."""
        first, last = self._etags[0], self._values[-1]
        made = [
            ITEM_NOT_AVAILABLE if value is ITEM_NOT_AVAILABLE else _new_etag()
            for value in self._values[1:]
        ]
        self._etags += made
        if not made or (first is ITEM_NOT_AVAILABLE and last is ITEM_NOT_AVAILABLE):
            # Without a write, only reading shows that the first version was current.
            self._is_settled = self._is_read
            return None
        value = DELETE_CURRENT if last is ITEM_NOT_AVAILABLE else last
        try:
            self._etags[-1] = guarded.replace(self._store, self._key, value, first)[0]
        except ETagMismatch:
            self.is_conflict = self._is_read
            return None
        except Exception as error:  # noqa: BLE001  # raised by each caller
            # Others may be due to an outdated value: the next attempt reads it.
            return error if self._is_read or isinstance(error, BackendError) else None
        except BaseException:
            for call in self._outcomes:
                call.written_over = first
            raise
        self._is_settled = True
        return None

    def settle(self, call: Call, failure: Exception | None) -> None:
        """Give a call its result or its error, if that is known by now."""
        outcome = self._outcomes.get(call)
        if outcome is not None and (self._is_settled or (self._is_read and outcome.version == 0)):
            call.error = outcome.error
            if outcome.error is None:
                etag = self._etags[outcome.version]
                call.result = OperationResult(etag, outcome.value)
        elif failure is not None:
            call.error = call.error or _copy_of(failure, guarded.shown(call.store, self._key))
        elif outcome is not None and self.is_conflict:
            call.conflicts += 1
            if call.n_retries is not None and call.conflicts > call.n_retries:
                key = guarded.shown(call.store, self._key)
                call.error = ConcurrencyConflictError(key, call.conflicts)

    def _copy(self, call: Call, value: Any) -> Any:
        """Return a value that only one transformer gets."""
        if value is ITEM_NOT_AVAILABLE:
            return isolated(call.default)
        if not self.is_shared or type(value) in _IMMUTABLE:
            return value
        if self._frozen is None:
            self._frozen = call.store._combiner.freeze(call.store, self._key, value)
        return call.store._combiner.thaw(call.store, self._key, self._frozen)

    def _validated(self, call: Call, value: Any, new_value: Any) -> Any:
        """Raise what writing a version would raise; return it encoded if others may follow."""
        if self._store.append_only and (
            value is not ITEM_NOT_AVAILABLE or new_value is DELETE_CURRENT
        ):
            raise MutationPolicyError("append-only")
        if new_value is DELETE_CURRENT:
            return None
        call.store._validate_value(new_value)
        if not self.is_shared:
            return None
        return call.store._combiner.freeze(call.store, self._key, new_value)


def _new_etag() -> ETagValue:
    return ETagValue(f'"{os.urandom(16).hex()}"')


def _copy_of(error: Exception, key: NonEmptySafeStrTuple) -> Exception:
    """Return an error for one more thread to raise, with the key that its caller knows."""
    try:
        twin = copy.copy(error)
    except Exception:  # noqa: BLE001  # somebody else's class
        return error
    twin.__cause__ = error.__cause__
    if isinstance(twin, BackendError) and twin.key is not None:
        twin.key = key
    return twin.with_traceback(error.__traceback__)


def _interrupted(call: Call, key: NonEmptySafeStrTuple) -> BackendError:
    return BackendError(
        "the thread that made this change together with its own was interrupted while it wrote, "
        "and the item has changed since: nothing shows whether this change was made",
        backend=type(call.store).__name__,
        operation="transform_item",
        key=guarded.shown(call.store, key),
    )
