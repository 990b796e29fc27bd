"""One contestant of the benchmarks: reads rows from stdin, answers with seconds per operation.

Runs under the Python of what it measures, so it imports nothing but its neighbours.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks.rows import Row


class BulkWorkloads:
    """The rows about many items, large values and threads, done on one store."""

    def __init__(self, store: Any) -> None:
        self.store = store
        store.fill()
        gc.freeze()  # what was created for the measurements takes no part in them

    def seconds(self, row: Row) -> tuple[float, float] | None:
        """Return wall and processor seconds of an operation, None if there is no such thing."""
        act: Callable[..., Any] | None = getattr(self.store, row.name, None)
        if act is None:
            return None
        prepare: Callable[[], object] | None = getattr(self.store, f"before_{row.name}", None)
        if prepare is not None:
            prepare()
            if hasattr(os, "sync"):
                os.sync()  # deleting what was never flushed costs less
        if row.keys:
            return timed_on(act, self.store.keys[: row.keys])
        done: list[int] = []
        wall, processor = timed(lambda: done.append(act()), 1)
        return wall / done[0], processor / done[0]


class Workloads:
    """The rows about single items and listings, done on one store."""

    def __init__(self, store: Any, items: int) -> None:
        self.store = store
        self.keys = [f"key{number}" for number in range(items)]
        store.fill(self.keys, large_values())
        self._is_refilled = False

    def seconds(self, row: Row) -> tuple[float, float] | None:
        """Return wall and processor seconds of an operation, None if there is no such thing."""
        act: Callable[..., object] | None = getattr(self.store, row.name, None)
        if act is None:
            return None
        if row.name in ("list_items", "clear"):
            self._refill(row.unit)
            self._is_refilled = row.name != "clear"
        if not row.keys:
            return timed(act, row.unit)
        keys = self.keys[:: max(1, len(self.keys) // row.keys)][: row.keys]
        return timed_on(act, keys)

    def _refill(self, items: int) -> None:
        if not self._is_refilled:
            self.store.refill(self.keys[:items])


def large_values() -> dict[str, Any]:
    """Return values of one and of ten megabytes that no compression makes smaller."""
    noise = random.Random(1)
    values: dict[str, Any] = {"bytes": noise.randbytes(1 << 20), "noise": noise.randbytes(10**7)}
    try:
        import numpy as np
    except ImportError:
        values["array"] = None
    else:
        values["array"] = np.frombuffer(values["noise"], dtype=np.float64).copy()
    return values


def timed(act: Callable[[], object], parts: int) -> tuple[float, float]:
    """Return the wall and the processor seconds that each of so many parts takes."""
    wall, processor = time.perf_counter(), time.process_time()
    act()
    end = time.process_time()
    return (time.perf_counter() - wall) / parts, (end - processor) / parts


def timed_on(act: Callable[[str], object], keys: list[str]) -> tuple[float, float]:
    """Return the wall and the processor seconds that each key takes."""
    act(keys[0])

    def do_all() -> None:
        for key in keys:
            act(key)

    return timed(do_all, len(keys))


def opened(name: str, kind: str, directory: str, items: int) -> BulkWorkloads | Workloads:
    """Return the workloads of one kind of rows, on the store of a contestant."""
    if kind == "bulk":
        from tests.benchmarks.bulk_minimum import DiskcacheBulk, MinimumBulk
        from tests.benchmarks.bulk_stores import FileBulk, OurBulk, Reference

        kinds: dict[str, Callable[[str, int], Any]] = {
            "minimum": MinimumBulk,
            "ours": OurBulk,
            "reference": Reference,
            "published": FileBulk,
            "diskcache": DiskcacheBulk,
        }
        return BulkWorkloads(kinds[name](directory, items))
    from tests.benchmarks.stores import STORES

    return Workloads(STORES[name](directory), items)


def main() -> None:
    """Open the store and answer until stdin ends."""
    name, kind, directory, items = sys.argv[1:]
    workloads = opened(name, kind, directory, int(items))
    print(json.dumps(str(workloads.store.version)), flush=True)
    for line in sys.stdin:
        print(json.dumps(workloads.seconds(Row(*json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
