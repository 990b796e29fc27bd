"""`Task`: a value that a worker got from a queue, until it is done, failed, or taken over."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from persidict.wrappers._coordination.heartbeat import Heartbeat

if TYPE_CHECKING:
    from persidict.wrappers._coordination.queue_protocol import TaskKeeper


class Task:
    """A task that this worker is doing. A thread sends heartbeats until it is done or failed.

    As a context manager it is failed if its block raises, and done with the result None if the
    block called neither `done` nor `fail`.

    Attributes:
        number: The task's number in its queue, as `Queue.put` returned it.
        attempt: How often it was handed out, 1 for the first time.
        value: What was put.
    """

    def __init__(self, keeper: TaskKeeper, number: int, attempt: int, value: Any) -> None:
        self.number = number
        self.attempt = attempt
        self.value = value
        self._keeper = keeper
        self._heartbeat = Heartbeat(self, keeper.visibility)
        self._is_ended = False

    def start(self) -> None:
        """Send heartbeats; the queue calls it."""
        self._heartbeat.start()

    def beat(self) -> bool:
        """Send a heartbeat; the thread calls it."""
        return not self._heartbeat.is_stopped and self._keeper.beat(self.number, self.attempt)

    def done(self, result: Any = None) -> bool:
        """Record the result and end the task.

        Returns:
            False if the result of another worker was recorded first: this one was so slow that
            the task was given to somebody else. The recorded result stays.

        Raises:
            RuntimeError: The task was ended before.
            TypeError: The store can't hold the result; the task goes on.
        """
        self._validate_not_ended()
        is_recorded = self._keeper.finish(self.number, self.attempt, result)
        self._end()
        return is_recorded

    def fail(self, reason: object = "") -> None:
        """Give the task to another worker, or to the dead letters after the last attempt.

        Raises:
            RuntimeError: The task was ended before.
        """
        self._validate_not_ended()
        self._end()
        self._keeper.give_up(self.number, self.attempt, str(reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_ended:
            return
        if error is None:
            self.done()
        else:
            self.fail(f"{type(error).__name__}: {error}")

    def __repr__(self) -> str:
        return f"Task(number={self.number}, attempt={self.attempt}, value={self.value!r:.100})"

    def _end(self) -> None:
        self._is_ended = True
        self._heartbeat.stop()

    def _validate_not_ended(self) -> None:
        if self._is_ended:
            raise RuntimeError(f"the task {self.number} was ended before")
