"""The state of a queue: one small item from which workers take tasks in one atomic step.

Tasks have the numbers 0, 1, 2, … in the order they were put. Those below `taken` were handed out
or passed by; of these, `running`, `again` and `coming` name the ones that are not finished.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from persidict.core.flags import ITEM_NOT_AVAILABLE


@dataclass
class QueueState:
    """The content of the item. Its size grows with the running tasks, not with the waiting ones."""

    end: int = 0
    """The number of the next task that is put."""
    taken: int = 0
    """The first number that was not handed out yet."""
    coming: list[int] = field(default_factory=list)
    """The numbers of tasks whose values are being stored; they can't be handed out yet."""
    running: dict[str, int] = field(default_factory=dict)
    """For each running task's number, how often it was handed out."""
    again: dict[str, int] = field(default_factory=dict)
    """Likewise, of tasks below `taken` that wait for a worker: most of them failed once."""

    @classmethod
    def parse(cls, text: Any) -> Self:
        """Return what a stored text says; an absent item is an empty queue.

        Raises:
            ValueError: It is something else.
        """
        if text is ITEM_NOT_AVAILABLE:
            return cls()
        try:
            parts = json.loads(text)
            del parts["sign"]
            return cls(**parts)
        except (TypeError, ValueError, KeyError):
            raise ValueError("the item of this name is no queue, and is left alone") from None

    def text(self) -> str:
        """Return the text to store; a random part makes each text unique."""
        return json.dumps({**asdict(self), "sign": os.urandom(8).hex()})

    @property
    def waiting(self) -> int:
        """How many tasks wait for a worker."""
        not_there = sum(number >= self.taken for number in self.coming)
        return self.end - self.taken - not_there + len(self.again)

    def reserve(self) -> int:
        """Return the number of a task that is about to be put."""
        number = self.end
        self.end += 1
        self.coming.append(number)
        return number

    def added(self, number: int) -> None:
        """Note that a task's value is stored."""
        if number in self.coming:
            self.coming.remove(number)
            if number < self.taken:
                self.again[str(number)] = 0

    def take(self) -> tuple[int, int] | None:
        """Hand out a task; return its number and how often it was handed out; None: none waits."""
        while self.taken < self.end and self.taken in self.coming:
            self.taken += 1
        if self.again:
            number = next(iter(self.again))
            attempt = self.again.pop(number) + 1
        elif self.taken < self.end:
            number, attempt = str(self.taken), 1
            self.taken += 1
        else:
            return None
        self.running[number] = attempt
        return int(number), attempt

    def ended(self, number: int, attempt: int) -> bool:
        """Note that a task is finished; False: this attempt was given up, another one counts."""
        if self.running.get(str(number)) != attempt:
            return False
        del self.running[str(number)]
        return True

    def put_back(self, number: int, attempt: int) -> bool:
        """Let another worker have a task; False: this attempt was given up already."""
        if not self.ended(number, attempt):
            return False
        self.again[str(number)] = attempt
        return True
