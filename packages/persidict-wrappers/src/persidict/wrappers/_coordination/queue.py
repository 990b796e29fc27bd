"""`Queue`: tasks for workers in any processes, with heartbeats, retries and dead letters."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from persidict.core.base import PersiDict
from persidict.core.flags import (
    ANY_ETAG,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
)
from persidict.core.keys import NonEmptyPersiDictKey, NonEmptySafeStrTuple
from persidict.wrappers._coordination.queue_state import QueueState
from persidict.wrappers._coordination.task import Task
from persidict.wrappers._coordination.waiting import validate_seconds, wait_for

_T = TypeVar("_T")
_DIGITS = 12
_MAX_PAUSE = 0.5
_STATE = "state"
# Running tasks that an idle worker looks at in one round.
_WATCHED_AT_ONCE = 8


class DeadLetter(NamedTuple):
    """A task that failed as often as it may."""

    number: int
    value: Any
    reason: str


class _Seen(NamedTuple):
    """The version of a heartbeat that this process saw, and since when."""

    etag: object
    since: float


class Queue:
    """A queue of tasks in a dict; a task whose worker dies is given to another one.

    Claiming a task takes a fixed number of requests, however many tasks wait. Each task is
    handed out in the order it was put, retries first. Its result is recorded exactly once; the
    work itself may be done more than once, if a worker dies or gets stuck.

    Args:
        store: Holds tasks and results: any dict that takes strings and the tasks' values.
        name: What the keys of the queue's items begin with.
        visibility: Seconds without a heartbeat from its worker after which a task is given to
            another one. A worker's thread sends three heartbeats in that time.
        max_attempts: How often a task is handed out before it becomes a dead letter.

    Raises:
        TypeError: `store` is no `PersiDict`, or a number is none.
        ValueError: `store` can't hold a queue, or a number is not positive.

    Notes:
        A worker that was paused for longer than `visibility` may go on with a task that another
        one is doing by then. Therefore doing a task twice must do no harm; `Task.done` returns
        False to the slower one if the other's result was recorded. `Task.number` and
        `Task.attempt` together serve as a fencing token: a later attempt has a larger one.

    Example:
        >>> from persidict import LocalDict, Queue
        >>> queue = Queue(LocalDict(), "resize")
        >>> number = queue.put("cat.png")
        >>> with queue.get() as task:
        ...     task.done(f"small {task.value}")
        True
        >>> queue.result(number), len(queue)
        ('small cat.png', 0)
    """

    def __init__(
        self,
        store: PersiDict[Any],
        name: NonEmptyPersiDictKey,
        *,
        visibility: float = 30.0,
        max_attempts: int = 5,
    ) -> None:
        _validate_store(store)
        if not isinstance(max_attempts, int) or isinstance(max_attempts, bool):
            raise TypeError(f"max_attempts must be an int, got {max_attempts!r}")
        if max_attempts < 1:
            raise ValueError(f"max_attempts must be positive, got {max_attempts}")
        self.store = store
        self.name = NonEmptySafeStrTuple(name)
        self.visibility = validate_seconds("visibility", visibility)
        self.max_attempts = max_attempts
        self._items = store.get_subdict(self.name)
        self._seen: dict[str, _Seen] = {}

    def put(self, value: Any) -> int:
        """Add a task and return its number.

        Raises:
            TypeError: The store can't hold the value.
        """
        number, _ = self._change(QueueState.reserve)
        try:
            self._items["tasks", _digits(number)] = value
        finally:
            # A number without a value is passed by when it is handed out.
            self._change(lambda state: state.added(number))
        return number

    def get(self, timeout: float | None = None) -> Task | None:
        """Wait for a task and take it.

        Args:
            timeout: Seconds to wait; 0 tries once, None waits for ever.

        Returns:
            The task, None if the time is up.
        """
        pauses = 0

        def pause() -> float:
            nonlocal pauses
            pauses += 1
            most = min(0.005 * 1.5 ** min(pauses, 50), _MAX_PAUSE, self.visibility / 4)
            return most * random.uniform(0.5, 1)

        return wait_for(self._take, pause, timeout)

    def result(self, number: int, default: Any = None) -> Any:
        """Return the result of a task, `default` if it is not done."""
        return self._items.get(("results", _digits(number)), default)

    def pop_result(self, number: int, default: Any = None) -> Any:
        """Return the result of a task and delete it."""
        return self._items.pop(("results", _digits(number)), default)

    def results(self) -> Iterator[tuple[int, Any]]:
        """Yield number and result of the tasks that are done, by listing them."""
        for key, value in self._items.get_subdict("results").items():
            yield int(key[0]), value

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Yield the tasks that failed as often as they may, by listing them."""
        for key, letter in self._items.get_subdict("dead").items():
            yield DeadLetter(int(key[0]), *letter)

    def revive(self, number: int) -> int | None:
        """Put a dead letter again, as a new task; return the new number, None if it isn't there."""
        letter = self._items.get(("dead", _digits(number)))
        if letter is None:
            return None
        new_number = self.put(letter[0])
        self._items.discard(("dead", _digits(number)))
        return new_number

    def __len__(self) -> int:
        """Return how many tasks wait for a worker."""
        return self._state().waiting

    def __bool__(self) -> bool:
        """Return True, also for an empty queue."""
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        """Have pickle open the same queue again."""
        return _reopened, (
            type(self),
            self.store,
            self.name,
            self.visibility,
            self.max_attempts,
        )

    # What tasks call.

    def beat(self, number: int, attempt: int) -> bool:
        """Send a heartbeat for a running task; False: the attempt was given up."""
        if self._state().running.get(str(number)) != attempt:
            return False
        self._items["beats", _digits(number)] = _beat_text(attempt)
        return True

    def finish(self, number: int, attempt: int, result: Any) -> bool:
        """Record a task's result unless there is one, and end the task."""
        outcome = self._items.setdefault_if(
            ("results", _digits(number)),
            default_value=result,
            condition=ANY_ETAG,
            expected_etag=ITEM_NOT_AVAILABLE,
            retrieve_value=NEVER_RETRIEVE,
        )
        self._end(number, attempt)
        return outcome.value_was_mutated

    def give_up(self, number: int, attempt: int, reason: str) -> None:
        """Let another worker do a task, or nobody after the last attempt."""
        if attempt < self.max_attempts:
            self._change(lambda state: state.put_back(number, attempt))
            return
        if self._state().running.get(str(number)) != attempt:
            return
        value = self._items.get(("tasks", _digits(number)), ITEM_NOT_AVAILABLE)
        if value is not ITEM_NOT_AVAILABLE:
            self._items.setdefault(("dead", _digits(number)), (value, reason))
        self._end(number, attempt)

    def _end(self, number: int, attempt: int) -> None:
        """Delete a task whose outcome is recorded; the state last, so that others go on here."""
        self._items.discard(("tasks", _digits(number)))
        self._items.discard(("beats", _digits(number)))
        self._change(lambda state: state.ended(number, attempt))
        self._seen.pop(str(number), None)

    def _take(self) -> Task | None:
        while True:
            taken, state = self._change(lambda state: state.take())
            self._watch(state, 1 if taken else _WATCHED_AT_ONCE)
            if taken is None:
                return None
            task = self._begun(*taken)
            if task is not None:
                return task

    def _begun(self, number: int, attempt: int) -> Task | None:
        """Return a task that was handed out; None: a worker finished it but died then."""
        self._items["beats", _digits(number)] = _beat_text(attempt)
        value = self._items.get(("tasks", _digits(number)), ITEM_NOT_AVAILABLE)
        is_done = attempt > 1 and ("results", _digits(number)) in self._items
        if value is ITEM_NOT_AVAILABLE or is_done:
            self._end(number, attempt)
            return None
        task = Task(self, number, attempt, value)
        task.start()
        return task

    def _watch(self, state: QueueState, most: int) -> None:
        """Check the heartbeats of some running tasks, and give up the tasks without one."""
        for gone in self._seen.keys() - state.running.keys():
            self._seen.pop(gone, None)
        names = random.sample(sorted(state.running), min(most, len(state.running)))
        for name in names:
            etag = self._items.get_item_if(
                ("beats", _digits(int(name))),
                condition=ANY_ETAG,
                expected_etag=ITEM_NOT_AVAILABLE,
                retrieve_value=NEVER_RETRIEVE,
            ).actual_etag
            now = time.monotonic()
            seen = self._seen.get(name)
            if seen is None or seen.etag != etag:
                self._seen[name] = _Seen(etag, now)
            elif now - seen.since >= self.visibility:
                self._seen.pop(name, None)
                self.give_up(int(name), state.running[name], "no heartbeat from its worker")

    def _state(self) -> QueueState:
        return QueueState.parse(self._items.get(_STATE, ITEM_NOT_AVAILABLE))

    def _change(self, change: Callable[[QueueState], _T]) -> tuple[_T, QueueState]:
        """Change the state in one atomic step; return what `change` did, and the new state."""
        outcome: Any = None
        state = QueueState()

        def changed(text: Any) -> Any:
            nonlocal outcome, state
            state = QueueState.parse(text)
            outcome = change(state)
            return KEEP_CURRENT if state == QueueState.parse(text) else state.text()

        self._items.transform_item(_STATE, transformer=changed, n_retries=None)
        return outcome, state


def _digits(number: int) -> str:
    return f"{number:0{_DIGITS}d}"


def _beat_text(attempt: int) -> str:
    # The sign makes each heartbeat another version, also where equal texts would be one.
    return json.dumps({"attempt": attempt, "process": os.getpid(), "sign": os.urandom(8).hex()})


def _validate_store(store: Any) -> None:
    if not isinstance(store, PersiDict):
        raise TypeError(f"store must be a PersiDict, got {type(store).__name__}")
    expected = store.base_class_for_values
    if expected is not None and not (issubclass(str, expected) and issubclass(tuple, expected)):
        raise ValueError(
            "store can't hold a queue, which needs strings, tuples and the tasks' values: its "
            f"values must be {expected.__qualname__}"
        )
    if store.append_only:
        raise ValueError("store can't hold a queue, which changes: it is append-only")


def _reopened(
    kind: type[Any], store: PersiDict[Any], name: Any, visibility: float, max_attempts: int
) -> Any:
    return kind(store, name, visibility=visibility, max_attempts=max_attempts)
