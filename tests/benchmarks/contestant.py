"""One contestant of the benchmarks: reads rows from stdin, answers with seconds per operation.

Runs under the Python of what it measures, so it imports nothing but its neighbours.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks.rows import Row
from tests.benchmarks.stores import STORES


class Workloads:
    """The rows, done on one store."""

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
        act(keys[0])

        def do_all() -> None:
            for key in keys:
                act(key)

        return timed(do_all, len(keys))

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


def main() -> None:
    """Open the store and answer until stdin ends."""
    name, directory, items = sys.argv[1:]
    store = STORES[name](directory)
    workloads = Workloads(store, int(items))
    print(json.dumps(str(store.version)), flush=True)
    for line in sys.stdin:
        print(json.dumps(workloads.seconds(Row(*json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
