"""A thread that rewrites a claim's item from time to time, so that others see its owner live."""

from __future__ import annotations

import sys
import threading
import weakref
from typing import Protocol

_BEATS_PER_LEASE = 3


class Beating(Protocol):
    """A claim or task whose item a heartbeat rewrites."""

    def beat(self) -> bool:
        """Rewrite the item; False ends the heartbeat."""
        ...


class Heartbeat:
    """Calls `beat` three times per `seconds`, until `stop`.

    The thread holds only a weak reference to its owner. If an interrupt prevents `stop`, the
    heartbeat ends when the owner is garbage-collected.
    """

    def __init__(self, owner: Beating, seconds: float) -> None:
        self._stopped = threading.Event()
        self._target = (weakref.ref(owner), self._stopped, seconds / _BEATS_PER_LEASE)

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: The interpreter is exiting.
        """
        if sys.is_finalizing():  # Python 3.11 would wait for the thread for ever
            raise RuntimeError("no heartbeat can start while the interpreter exits")
        try:
            thread = threading.Thread(
                target=_beat, args=self._target, name="persidict-lease", daemon=True
            )
        except RuntimeError:
            # A subinterpreter has no daemons, and so none whose owner would never end.
            thread = threading.Thread(target=_beat, args=self._target, name="persidict-lease")
        thread.start()

    def stop(self) -> None:
        """End the thread, soon."""
        self._stopped.set()


def _beat(owner: weakref.ref[Beating], stopped: threading.Event, pause: float) -> None:
    while not stopped.wait(pause):
        alive = owner()
        if alive is None or not alive.beat():
            return
        del alive
