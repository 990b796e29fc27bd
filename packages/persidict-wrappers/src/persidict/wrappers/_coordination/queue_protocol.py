"""The methods of a queue that its tasks call."""

from __future__ import annotations

from typing import Any, Protocol


class TaskKeeper(Protocol):
    """A queue, as its tasks see it."""

    visibility: float

    def beat(self, number: int, attempt: int) -> bool:
        """Send a heartbeat; False: the attempt was given up."""
        ...

    def finish(self, number: int, attempt: int, result: Any) -> bool:
        """Record a result; False: there is another one."""
        ...

    def give_up(self, number: int, attempt: int, reason: str) -> None:
        """Let somebody else do the task, or nobody after the last attempt."""
        ...
