"""Trying again what the system refuses for a moment, such as to move a file that somebody reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# Seconds for what surely passes, and for what can also mean that the user has no right to it.
MAX_WAIT = 10.0
SHORT_WAIT = 0.5
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.02


def retry(action: Callable[[], T], patience: Callable[[OSError], float]) -> T:
    """Repeat an action while it fails with errors that can pass.

    Args:
        action: Must be able to succeed after it has failed.
        patience: Returns the seconds after which an error is raised; 0: at once.
    """
    start, pause = time.monotonic(), _FIRST_PAUSE
    while True:
        try:
            return action()
        except OSError as error:
            if time.monotonic() - start >= patience(error):
                raise
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
