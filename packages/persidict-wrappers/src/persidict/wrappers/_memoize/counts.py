"""Counts that threads, finalizers and signal handlers may add to at any time, without locks."""

from __future__ import annotations

import threading


class Count:
    """A number that grows; every thread has a share of its own."""

    def __init__(self) -> None:
        self._shares: dict[int, int] = {}

    def add(self) -> None:
        """Add one."""
        me = threading.get_ident()
        self._shares[me] = self._shares.get(me, 0) + 1

    @property
    def total(self) -> int:
        """The sum of all shares."""
        return sum(self._shares.copy().values())
