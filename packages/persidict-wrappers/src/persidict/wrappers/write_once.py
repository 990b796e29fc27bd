"""`WriteOnceDict`: keeps the first value of each key, and ignores or compares later ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, NoReturn, Self, overload

from persidict.core._codecs.equality import strictly_equal
from persidict.core.backend import ETagMismatch
from persidict.core.base import PersiDict
from persidict.core.conditions import holds, validate_flags, validate_transform_arguments
from persidict.core.errors import MutationPolicyError, raise_if_from_handler
from persidict.core.flags import (
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
    ETagConditionFlag,
    ItemNotAvailableFlag,
    Joker,
    KeepCurrentFlag,
)
from persidict.core.forks import new_lock
from persidict.core.guarded import look
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.results import (
    ConditionalOperationResult,
    ETagIfExists,
    OperationResult,
    ValueType,
)
from persidict.core.transformers import TransformingFunction
from persidict.wrappers.wrapper import Answers, ForwardingDict, batches, validate_wrapped

# Items written to a dict that runs several operations at a time, before repeated ones are compared.
_WRITTEN_AT_ONCE = 256


class WriteOnceDict(ForwardingDict[ValueType]):
    """A dict that keeps the first value of every key and ignores later ones.

    Use it for results that are computed more than once. With some probability it compares a
    repeated value with the stored one, and so finds computations that are not deterministic.

    Args:
        wrapped_dict: The append-only dict to write to; None creates a
            ``FileDirDict(append_only=True)``.
        p_consistency_checks: The probability, 0 to 1, that a repeated write is compared with what
            is stored; None means 0.

    Raises:
        TypeError: `wrapped_dict` is not a `PersiDict`, or the probability not a number.
        ValueError: `wrapped_dict` is not append-only, or the probability not in [0, 1].
        ImportError: `wrapped_dict` is None and persidict-file is not installed.

    Notes:
        Two values agree if they have the same type and are equal, or if everything that a pickle
        of them would hold agrees (arrays, frames, NaN). Counters belong to the handle: a copy or
        a sub-dict starts at 0. All other public attributes are those of the wrapped dict.

    Example:
        >>> from persidict import LocalDict
        >>> d = WriteOnceDict(wrapped_dict=LocalDict(append_only=True), p_consistency_checks=0)
        >>> d["answer"] = 42
        >>> d["answer"] = 43
        >>> d["answer"]
        42
        >>> d.p_consistency_checks = 1
        >>> d["answer"] = 43
        Traceback (most recent call last):
        ...
        persidict.core.errors.MutationPolicyError: the dict is write-once: ...
    """

    def __init__(
        self,
        wrapped_dict: PersiDict[ValueType] | None = None,
        *,
        p_consistency_checks: float | None = None,
    ) -> None:
        if wrapped_dict is None:
            wrapped_dict = _default_store()
        if not validate_wrapped("wrapped_dict", wrapped_dict).append_only:
            raise ValueError("wrapped_dict must be append-only")
        super().__init__(wrapped_dict)
        self._probability = _validate_probability(p_consistency_checks)
        self._start_counting()

    @property
    def wrapped_dict(self) -> PersiDict[ValueType]:
        """The dict that holds the items; a sub-dict's, its sub-dict."""
        return self._main_here()

    @property
    def p_consistency_checks(self) -> float:
        """The probability that a repeated write is compared with what is stored.

        Assigning `KEEP_CURRENT` leaves it as it is, None makes it 0.
        """
        return self._probability

    @p_consistency_checks.setter
    def p_consistency_checks(self, probability: float | KeepCurrentFlag | None) -> None:
        if probability is not KEEP_CURRENT:
            self._probability = _validate_probability(probability)

    @property
    def consistency_checks_attempted(self) -> int:
        """How many repeated writes were compared."""
        return self._passed + self._failed

    @property
    def consistency_checks_passed(self) -> int:
        """How many of them agreed with what is stored."""
        return self._passed

    @property
    def consistency_checks_failed(self) -> int:
        """How many of them did not."""
        return self._failed

    def __setitem__(self, key: NonEmptyPersiDictKey, value: ValueType | Joker) -> None:
        """Write the value if the key has none; otherwise ignore it, or compare it.

        Raises:
            MutationPolicyError: The value was compared with the stored one and differs.
        """
        complete = self._complete(key)
        if isinstance(value, Joker):
            super().__setitem__(key, value)
        else:
            self._write(complete, self._validate_value(value))

    def __delitem__(self, key: NonEmptyPersiDictKey) -> None:
        self._refuse(key)

    def set_item_if(self, key: NonEmptyPersiDictKey, **_: Any) -> NoReturn:
        """Raise `MutationPolicyError`: the first write decides, not a condition."""
        self._refuse(key)

    def discard_if(
        self,
        key: NonEmptyPersiDictKey,
        *,
        condition: ETagConditionFlag,
        expected_etag: ETagIfExists,
    ) -> ConditionalOperationResult[ValueType]:
        """Raise if the item exists and the condition holds; do nothing for an absent key.

        Raises:
            MutationPolicyError: The item exists and the condition holds.
        """
        complete = self._complete(key)
        validate_flags(condition, expected_etag, NEVER_RETRIEVE)
        _, actual = look(self, complete, expected_etag, NEVER_RETRIEVE)
        if actual is ITEM_NOT_AVAILABLE:
            satisfied = holds(condition, expected_etag, actual)
            return ConditionalOperationResult(satisfied, actual, actual, actual)
        return super().discard_if(key, condition=condition, expected_etag=expected_etag)

    @overload
    def transform_item(
        self,
        key: NonEmptyPersiDictKey,
        *,
        transformer: Callable[[ValueType], ValueType | Joker],
        n_retries: int | None = 6,
        default: ValueType,
    ) -> OperationResult[ValueType]: ...
    @overload
    def transform_item(
        self,
        key: NonEmptyPersiDictKey,
        *,
        transformer: TransformingFunction[ValueType],
        n_retries: int | None = 6,
        default: ValueType | ItemNotAvailableFlag = ITEM_NOT_AVAILABLE,
    ) -> OperationResult[ValueType]: ...
    def transform_item(
        self, key: Any, *, transformer: Any, n_retries: Any = 6, default: Any = ITEM_NOT_AVAILABLE
    ) -> OperationResult[ValueType]:
        """Call the transformer, which must return `KEEP_CURRENT`.

        Raises:
            MutationPolicyError: The transformer returns anything else.
        """
        validate_transform_arguments(transformer, n_retries, default)

        def only_keep(value: Any) -> Any:
            outcome = transformer(value)
            if not isinstance(outcome, Joker):
                raise MutationPolicyError("write-once")
            return outcome

        return super().transform_item(
            key, transformer=only_keep, n_retries=n_retries, default=default
        )

    def __getattr__(self, name: str) -> Any:
        # Attributes that only the wrapped dict has, such as `base_dir`, belong to the interface.
        # Private ones don't; and `_main` is looked up here if a subclass reads it too early.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.wrapped_dict, name)

    def _at(self, prefix: SafeStrTuple) -> Self:
        """Return a handle on the same store, with counters of its own."""
        twin = super()._at(prefix)
        twin._start_counting()
        return twin

    def _store_run(self, items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]]) -> None:
        if self._max_workers == 1:
            for key, value in items:
                self._write(key, value)
            return
        for batch in batches(items, _WRITTEN_AT_ONCE):
            self._write_batch(batch)

    def _write_batch(self, batch: list[tuple[NonEmptySafeStrTuple, ValueType]]) -> None:
        repeated = []
        failure: Exception | None = None
        try:
            for item, is_first in zip(batch, self._main._insert_many(batch), strict=True):
                if not is_first and self._draws():
                    repeated.append(item)
        except Exception as error:  # noqa: BLE001  # raised below, after the comparison of the items before it
            failure = error
        if repeated:
            stored = Answers(self._main._load_many((key, None) for key, _ in repeated))
            with closing(stored):
                for key, value in repeated:
                    found = stored.of(key)
                    if found is None:
                        self._write(key, value)
                    else:
                        self._compare(found[0], value)
        if failure is not None:
            raise failure

    def _write(self, key: NonEmptySafeStrTuple, value: ValueType) -> None:
        while True:
            try:
                self._main._store(key, value, ITEM_NOT_AVAILABLE)
            except ETagMismatch:
                pass
            else:
                return
            if not self._draws():
                return
            try:
                stored, _ = self._main._load(key, None)
            except KeyError:
                continue  # somebody deleted it against the policy: this is the first write
            self._compare(stored, value)
            return

    def _draws(self) -> bool:
        """Draw whether a repeated value is compared with the stored one."""
        p = self._probability
        return p >= 1 or (p > 0 and random.random() < p)

    def _compare(self, stored: object, value: object) -> None:
        agrees = _is_consistent(stored, value)
        with self._counting:
            self._passed += agrees
            self._failed += not agrees
        if not agrees:
            raise MutationPolicyError("write-once")

    def _start_counting(self) -> None:
        self._counting = new_lock()
        self._passed = 0
        self._failed = 0

    def _refuse(self, key: NonEmptyPersiDictKey) -> NoReturn:
        self._complete(key)
        raise MutationPolicyError("write-once")


def _is_consistent(stored: object, value: object) -> bool:
    if type(stored) is not type(value):
        return False
    try:
        return bool(stored == value) or strictly_equal(stored, value)
    except Exception as error:  # noqa: BLE001  # `==` of arrays gives no bool: compare their parts
        raise_if_from_handler(error)
        return strictly_equal(stored, value)


def _validate_probability(p: Any) -> float:
    if p is None:
        return 0.0
    if isinstance(p, Joker):
        raise TypeError(f"p_consistency_checks must be a number at first, got {p!r}")
    try:
        p = float(p) if not isinstance(p, str) else None
    except (TypeError, ValueError):
        p = None
    if p is None:
        raise TypeError("p_consistency_checks must be a number or None")
    if not 0 <= p <= 1:
        raise ValueError(f"p_consistency_checks must be in [0, 1], got {p}")
    return float(p)


def _default_store() -> PersiDict[Any]:
    try:
        from persidict.file import FileDirDict
    except ModuleNotFoundError as error:
        if error.name != "persidict.file":
            raise
        raise ImportError(
            "WriteOnceDict without a wrapped_dict keeps its items in a FileDirDict: "
            "pip install persidict-file",
            name="persidict.file",
        ) from error
    return FileDirDict(append_only=True)
