"""The writes of a copy, several at a time where the target is slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

from persidict.core.conditional import ConditionalOperations
from persidict.core.copied_values import ITEM_ERRORS
from persidict.core.copy_counts import Outcome
from persidict.core.keys import NonEmptySafeStrTuple

# Writes that wait for their turn, per worker.
_AHEAD = 2


class Writer:
    """Runs writes, several at a time where the store is slow, and notes outcomes in order."""

    def __init__(
        self,
        target: ConditionalOperations[Any],
        note: Callable[[NonEmptySafeStrTuple, Outcome | Exception], None],
    ) -> None:
        self._workers: int = target._max_workers
        self._note = note
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[tuple[NonEmptySafeStrTuple, Future[Outcome]]] = deque()

    def __enter__(self) -> Self:
        if self._workers > 1:
            self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="persidict-copy")
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(
        self, key: NonEmptySafeStrTuple, write: Callable[..., Outcome], *arguments: Any
    ) -> None:
        """Write an item, now or as soon as a worker is free, and note the outcome."""
        if self._pool is None:
            self._note_result(key, lambda: write(*arguments))
            return
        self._pending.append((key, self._pool.submit(write, *arguments)))
        if len(self._pending) > self._workers * _AHEAD:
            self._note_first()

    def finish(self) -> None:
        """Wait for all writes."""
        while self._pending:
            self._note_first()

    def _note_first(self) -> None:
        key, future = self._pending.popleft()
        self._note_result(key, future.result)

    def _note_result(self, key: NonEmptySafeStrTuple, result: Callable[[], Outcome]) -> None:
        outcome: Outcome | Exception
        try:
            outcome = result()
        except ITEM_ERRORS as error:
            outcome = error
        self._note(key, outcome)
