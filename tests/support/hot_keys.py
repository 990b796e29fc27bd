"""Threads that change one item at once, and a way to know that they wait for each other."""

from __future__ import annotations

import contextlib
import sys
import threading
import time

_PATIENCE = 60


class Caller(threading.Thread):
    """A thread that does one thing, and keeps what comes out."""

    def __init__(self, act) -> None:
        super().__init__(daemon=True)
        self._act = act
        self.result = self.error = None
        self.start()

    def run(self):
        try:
            self.result = self._act()
        except BaseException as error:  # noqa: BLE001  # kept
            self.error = error

    def outcome(self):
        """Wait for the end; return the result, or raise the error."""
        self.join(_PATIENCE)
        assert not self.is_alive(), "still waiting"
        if self.error is not None:
            raise self.error
        return self.result


def wait_until(condition) -> None:
    """Look again and again, and fail if it never holds."""
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.001)


def waits(thread: threading.Thread) -> bool:
    """Tell whether a thread waits for the leader of a hot key."""
    frame = sys._current_frames().get(thread.ident)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "_wait" and code.co_filename.endswith("combining.py"):
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def held_write(moto, *, unless=None):
    """Hold the first PUT meanwhile, so that threads queue behind the one that sent it.

    It gives an event that is set when the request has arrived. The server lets it go earlier if
    the condition `unless` holds.
    """
    arrived, go = threading.Event(), threading.Event()

    def gate(environ):
        if environ["REQUEST_METHOD"] == "PUT" and not arrived.is_set():
            arrived.set()
            wait_until(lambda: go.is_set() or (unless is not None and unless()))

    moto.gate = gate
    try:
        yield arrived
    finally:
        go.set()
        moto.gate = None


def queue_up(moto, first, others):
    """Let calls queue, in this order, behind a first one; return their threads."""
    with held_write(moto) as arrived:
        leader = Caller(first)
        assert arrived.wait(_PATIENCE)
        callers = []
        for act in others:
            callers.append(Caller(act))
            wait_until(lambda: waits(callers[-1]))
    leader.outcome()
    return callers
