"""The loops behind every conditional change: look, judge, act on exactly the version seen."""

from __future__ import annotations

import os
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from persidict.core.backend import Backend, ETagMismatch
from persidict.core.conditions import holds
from persidict.core.errors import (
    BackendError,
    ConcurrencyConflictError,
    MutationPolicyError,
    raise_if_from_handler,
)
from persidict.core.flags import (
    ALWAYS_RETRIEVE,
    DELETE_CURRENT,
    ETAG_IS_THE_SAME,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
    VALUE_NOT_RETRIEVED,
    DeleteCurrentFlag,
    ETagConditionFlag,
    ItemNotAvailableFlag,
    RetrieveValueFlag,
)
from persidict.core.isolation import isolated
from persidict.core.keys import NonEmptySafeStrTuple, trusted_key
from persidict.core.log import debug
from persidict.core.mapping import closable
from persidict.core.results import (
    ConditionalOperationResult,
    ETagIfExists,
    OperationResult,
    ValueType,
)

if TYPE_CHECKING:
    from persidict.core.transformers import TransformingFunction

# The shortest maximum of a back-off, as a part of the first one.
_MIN_BACKOFF_SHARE = 1 / 16
_MAX_INSERTS = 100


def look(
    store: Backend[Any],
    key: NonEmptySafeStrTuple,
    expected: ETagIfExists,
    retrieve_value: RetrieveValueFlag,
) -> tuple[Any, ETagIfExists]:
    """Return ETag and, if `retrieve_value` asks for it, value of one version."""
    try:
        if retrieve_value is NEVER_RETRIEVE:
            return VALUE_NOT_RETRIEVED, store._stat(key).etag
        known = None
        if retrieve_value is IF_ETAG_CHANGED and expected is not ITEM_NOT_AVAILABLE:
            known = expected
        value, stat = store._load(key, known)
        etag = stat.etag  # may be read only now, and the item be gone
    except KeyError:
        return ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE
    if store.base_class_for_values is not None and value is not VALUE_NOT_RETRIEVED:
        store._validate_class(value)
    return value, etag


def change_if(
    store: Backend[ValueType],
    key: NonEmptySafeStrTuple,
    value: ValueType | DeleteCurrentFlag,
    condition: ETagConditionFlag,
    expected: ETagIfExists,
    retrieve_value: RetrieveValueFlag,
) -> ConditionalOperationResult[ValueType]:
    """Write a value, or delete the item, if the condition holds; retry after others' changes."""
    # A store compares an expected ETag itself; look where there is something else to find out.
    look_first = condition is not ETAG_IS_THE_SAME or (
        value is DELETE_CURRENT if expected is ITEM_NOT_AVAILABLE else store.append_only
    )
    attempts = 0
    while True:
        seen = look(store, key, expected, NEVER_RETRIEVE)[1] if look_first else expected
        if holds(condition, expected, seen):
            try:
                return ConditionalOperationResult(True, seen, *replace(store, key, value, seen))
            except ETagMismatch:
                attempts += 1
                if look_first:
                    back_off(store, key, attempts)
                    continue
        current, actual = look(store, key, expected, retrieve_value)
        # If the condition holds now, the item has changed: retry against the new version.
        if not holds(condition, expected, actual):
            return ConditionalOperationResult(False, actual, actual, current)


def insert_if(
    store: Backend[ValueType],
    key: NonEmptySafeStrTuple,
    default: ValueType,
    condition: ETagConditionFlag,
    expected: ETagIfExists,
    retrieve_value: RetrieveValueFlag,
) -> ConditionalOperationResult[ValueType]:
    """Write a value if there is no item and the condition holds."""
    may_insert = holds(condition, expected, ITEM_NOT_AVAILABLE)
    attempts = 0
    while True:
        if may_insert:
            try:
                etag = store._store(key, default, ITEM_NOT_AVAILABLE).etag
            except ETagMismatch:
                pass
            else:
                return ConditionalOperationResult(True, ITEM_NOT_AVAILABLE, etag, default)
        value, actual = look(store, key, expected, retrieve_value)
        if actual is not ITEM_NOT_AVAILABLE or not may_insert:
            satisfied = holds(condition, expected, actual)
            return ConditionalOperationResult(satisfied, actual, actual, value)
        attempts += 1  # deleted since the insert failed
        back_off_insert(store, key, attempts)


def transform(
    store: Backend[ValueType],
    key: NonEmptySafeStrTuple,
    transformer: TransformingFunction[ValueType],
    n_retries: int | None,
    default: ValueType | ItemNotAvailableFlag,
) -> OperationResult[ValueType]:
    """Read, compute and write back until nobody else has written in between."""
    changed = _transform_last_written(store, key, transformer)
    if changed is not None:
        return changed
    attempts = 0
    while True:
        value, etag = look(store, key, ITEM_NOT_AVAILABLE, ALWAYS_RETRIEVE)
        given = isolated(default) if value is ITEM_NOT_AVAILABLE else value
        new_value: Any = transformer(given)
        if new_value is KEEP_CURRENT:
            return OperationResult(etag, value)
        if new_value is not DELETE_CURRENT:
            store._validate_value(new_value)
        try:
            return OperationResult(*replace(store, key, new_value, etag))
        except ETagMismatch:
            attempts += 1
            if n_retries is not None and attempts > n_retries:
                raise ConcurrencyConflictError(shown(store, key), attempts) from None
        back_off(store, key, attempts)


def _transform_last_written(
    store: Backend[ValueType], key: NonEmptySafeStrTuple, transformer: TransformingFunction[Any]
) -> OperationResult[ValueType] | None:
    """Transform the version that this process wrote last; None if it may be outdated."""
    written = store._last_written(key)
    if written is None:
        return None
    value, etag = written
    try:
        new_value = transformer(value)
        if new_value is KEEP_CURRENT:
            return None  # only reading tells what is there
        if new_value is not DELETE_CURRENT:
            store._validate_value(new_value)
        return OperationResult(*replace(store, key, new_value, etag))
    except ETagMismatch:
        return None
    except BackendError:
        raise
    except Exception as error:  # noqa: BLE001  # may be due to an outdated value: raised again if not
        raise_if_from_handler(error)
        return None


def set_default(store: Backend[ValueType], key: NonEmptySafeStrTuple, default: Any) -> ValueType:
    """Insert a value if there is no item, and return the item's value."""
    attempts = 0
    while True:
        refusal = None
        try:
            store._store(key, store._validate_value(default), ITEM_NOT_AVAILABLE)
        except ETagMismatch:
            pass
        except (TypeError, ValueError) as error:
            raise_if_from_handler(error)
            refusal = error  # raised only if there is no item
        else:
            return default  # type: ignore[no-any-return]  # just validated
        value = value_of(store, key)
        if value is not ITEM_NOT_AVAILABLE:
            return value  # type: ignore[no-any-return]  # validated
        if refusal is not None:
            raise refusal from refusal.__cause__
        attempts += 1  # deleted since the insert failed
        back_off_insert(store, key, attempts)


def pop_item(store: Backend[ValueType], key: NonEmptySafeStrTuple) -> ValueType:
    """Delete the item and return its value; ``KeyError`` if there is none."""
    attempts = 0
    while True:
        value, stat = store._load(key, None)
        store._validate_class(value)
        try:
            store._erase(key, stat.etag)
        except ETagMismatch:
            attempts += 1
            back_off(store, key, attempts)
        else:
            return value  # type: ignore[return-value]  # without `known`, a value always comes


def pop_any(store: Backend[ValueType]) -> tuple[NonEmptySafeStrTuple, ValueType]:
    """Delete any item and return it; ``KeyError`` if there is none."""
    found = True
    while found:
        found = False
        with closing(closable(store._keys(store._prefix))) as keys:
            for key in keys:
                found = True
                try:
                    value, stat = store._load(key, None)
                    store._validate_class(value)
                    store._erase(key, stat.etag)
                except (KeyError, ETagMismatch):
                    continue  # deleted or changed by somebody else
                return shown(store, key), value  # type: ignore[return-value]  # always retrieved
    raise KeyError("popitem(): the dict is empty")


def replace(
    store: Backend[ValueType],
    key: NonEmptySafeStrTuple,
    value: ValueType | DeleteCurrentFlag,
    seen: ETagIfExists,
) -> tuple[ETagIfExists, ValueType | ItemNotAvailableFlag]:
    """Write a value over the version that was seen, or delete it; return what is there then."""
    if store.append_only and (seen is not ITEM_NOT_AVAILABLE or value is DELETE_CURRENT):
        raise MutationPolicyError("append-only")
    if value is not DELETE_CURRENT:
        return store._store(key, value, seen).etag, value
    if seen is not ITEM_NOT_AVAILABLE:
        try:
            store._erase(key, seen)
        except KeyError:
            raise ETagMismatch from None
    return ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE


def back_off_insert(store: Backend[Any], key: NonEmptySafeStrTuple, attempts: int) -> None:
    """Wait after an insert that failed although the item is absent.

    An item that is there when it is inserted and absent when it is read has been deleted in
    between. If that happens many times in a row, the store is more likely to be wrong.
    """
    if attempts >= _MAX_INSERTS:
        raise ConcurrencyConflictError(shown(store, key), attempts)
    back_off(store, key, attempts)


def back_off(store: Backend[Any], key: NonEmptySafeStrTuple, attempts: int) -> None:
    """Wait before the next attempt, so that others can finish.

    Back-offs shrink, so that whoever has lost most often comes first. With growing ones, winners
    (who never back off) would go on winning.
    """
    debug("persidict.core", "attempt %d at %r met somebody else's change", attempts, key)
    # Jitter keeps those who lost to the same change from meeting again. It comes from the system,
    # since `random` takes two milliseconds to import, and can't be while the interpreter exits.
    jitter = int.from_bytes(os.urandom(2), "big") / 2**16
    time.sleep(store._max_first_backoff * max(1 / attempts, _MIN_BACKOFF_SHARE) * jitter)


def shown(store: Backend[Any], key: NonEmptySafeStrTuple) -> NonEmptySafeStrTuple:
    """Return a complete key as the user of this (sub-)dict knows it."""
    return trusted_key(key[len(store._prefix) :])


def value_of(store: Backend[Any], key: NonEmptySafeStrTuple) -> Any:
    """Return the item's value, `ITEM_NOT_AVAILABLE` if there is none; `look` without the ETag."""
    try:
        value, _ = store._load(key, None)
    except KeyError:
        return ITEM_NOT_AVAILABLE
    if store.base_class_for_values is not None:
        store._validate_class(value)
    return value
