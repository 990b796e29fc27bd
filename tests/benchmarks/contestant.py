"""One contestant of the benchmarks: reads workloads from stdin, answers with seconds per operation.

Runs under the Python of what it measures, so it imports nothing of its siblings but `stores`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stores import STORES

VALUE = {"name": "value", "numbers": [1, 2, 3]}
DURABLE_WRITES = 100
LISTINGS = 3


class Workloads:
    """The workloads over one store; those that it has no method for are None."""

    def __init__(self, store: Any, items: int) -> None:
        self.store = store
        self.items = items
        self.keys = [f"key{number}" for number in range(items)]
        store.fill(self.keys, VALUE)

    def version(self, _: int) -> str:
        return str(self.store.version)

    def get(self, count: int) -> float | None:
        return self._each("get", count)

    def contains(self, count: int) -> float | None:
        return self._each("contains", count)

    def etag(self, count: int) -> float | None:
        return self._each("etag", count)

    def get_subdict(self, count: int) -> float | None:
        return self._each("get_subdict", count)

    def set_durable(self, _: int) -> float | None:
        return self._writes("set_durable", DURABLE_WRITES)

    def set_fast(self, count: int) -> float | None:
        return self._writes("set_fast", min(count, 500))

    def keys_20k(self, _: int) -> float | None:
        count_keys = getattr(self.store, "count_keys", None)
        if count_keys is None:
            return None
        best = min(timed(count_keys) for _ in range(LISTINGS))
        return best / self.items

    def bool_20k(self, count: int) -> float | None:
        act = getattr(self.store, "bool", None)
        return None if act is None else timed(act, times=min(count, 20))

    def _each(self, name: str, count: int) -> float | None:
        act: Callable[[str], object] | None = getattr(self.store, name, None)
        if act is None:
            return None
        keys = self.keys[:: max(1, len(self.keys) // count)][:count]
        for key in keys:
            act(key)  # warms the caches
        start = time.perf_counter()
        for key in keys:
            act(key)
        return (time.perf_counter() - start) / len(keys)

    def _writes(self, name: str, count: int) -> float | None:
        act: Callable[[str, object], object] | None = getattr(self.store, name, None)
        if act is None:
            return None
        keys = self.keys[:count]
        start = time.perf_counter()
        for key in keys:
            act(key, VALUE)
        return (time.perf_counter() - start) / len(keys)


def timed(act: Callable[[], object], times: int = 1) -> float:
    """Return the seconds that one call takes."""
    act()
    start = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - start) / times


def main() -> None:
    """Open the store and answer until stdin ends."""
    name, directory, items = sys.argv[1:]
    workloads = Workloads(STORES[name](directory), int(items))
    for line in sys.stdin:
        workload, count = json.loads(line)
        print(json.dumps(getattr(workloads, workload)(count)), flush=True)


if __name__ == "__main__":
    main()
