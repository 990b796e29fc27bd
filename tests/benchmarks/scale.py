"""Measure how cost grows with the number of items: `python -m tests.benchmarks.scale [--items N]`.

Each row is a process of its own: one store of one size, ours or the minimum of system calls, with
keys that are flat or nested. What the kernel itself costs more in a large directory shows in the
minimum. The sizes of one shape follow each other at once, so that both meet the same machine.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks.keeping import keep, machine, today
from tests.benchmarks.plots import bars

FAN_OUT = 1000  # items below one prefix, where keys are nested
READS = 5000
SMALL = 10_000
STEPS = ("build", "iterate", "read", "oldest", "clear")
MOST_GROWTH = 1.5


class Minimum:
    """The system calls alone, by plain Python."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.made: set[str] = set()

    def build(self, keys: Iterator[tuple[str, ...]]) -> None:
        temporary = f"{self.directory}/+tmp"
        for number, key in enumerate(keys):
            if len(key) > 1 and key[0] not in self.made:
                os.mkdir(f"{self.directory}/{key[0]}")
                self.made.add(key[0])
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(descriptor, pickle.dumps(number, 5))
            finally:
                os.close(descriptor)
            os.rename(temporary, self._path(key))

    def read(self, key: tuple[str, ...]) -> Any:
        descriptor = os.open(self._path(key), os.O_RDONLY)
        try:
            return pickle.loads(os.read(descriptor, os.fstat(descriptor).st_size))
        finally:
            os.close(descriptor)

    def iterate(self) -> int:
        return sum(1 for _ in self._files(self.directory))

    def oldest(self) -> object:
        found = ((entry.stat().st_mtime, entry.path) for entry in self._files(self.directory))
        return heapq.nsmallest(10, found)

    def clear(self) -> None:
        for entry in self._files(self.directory):
            os.unlink(entry.path)
        for name in self.made:
            os.rmdir(f"{self.directory}/{name}")

    def _path(self, key: tuple[str, ...]) -> str:
        return f"{self.directory}/{'/'.join(key)}.pkl"

    def _files(self, path: str) -> Iterator[os.DirEntry[str]]:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.endswith(".pkl") and entry.is_file():
                    yield entry
                elif entry.is_dir():
                    yield from self._files(entry.path)


class Ours:
    """A `FileDirDict` that does not wait for the disk."""

    def __init__(self, directory: str) -> None:
        from persidict import FileDirDict

        self.dict: Any = FileDirDict(base_dir=directory, durable=False)
        self.read = self.dict.__getitem__
        self.clear = self.dict.clear

    def build(self, keys: Iterator[tuple[str, ...]]) -> None:
        for number, key in enumerate(keys):
            self.dict[key] = number

    def iterate(self) -> int:
        return sum(1 for _ in self.dict)

    def oldest(self) -> object:
        return self.dict.oldest_keys(max_n=10)


def key_of(shape: str, number: int) -> tuple[str, ...]:
    """Return the key of one item."""
    return (f"key{number}",) if shape == "flat" else (f"p{number // FAN_OUT}", f"key{number}")


def one_store(name: str, directory: str, shape: str, items: int) -> dict[str, float]:
    """Take one store through its life; return microseconds of CPU per item, and megabytes."""
    store: Any = Ours(directory) if name == "ours" else Minimum(directory)
    result: dict[str, float] = {}

    def measure(step: str, act: Callable[[], object], times: int) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        act()
        result[f"{step}_cpu"] = (time.process_time() - cpu) / times * 1e6
        result[f"{step}_wall"] = (time.perf_counter() - wall) / times * 1e6

    measure("build", lambda: store.build(key_of(shape, number) for number in range(items)), items)
    before = peak_megabytes()
    chosen = random.Random(1)
    numbers = chosen.sample(range(items), min(READS, items))
    wanted = [key_of(shape, number) for number in numbers]
    measure("iterate", store.iterate, items)
    measure("read", lambda: [store.read(key) for key in wanted], len(wanted))
    measure("oldest", store.oldest, items)
    measure("clear", store.clear, items)
    return result | {"built_mb": before, "peak_mb": peak_megabytes()}


def peak_megabytes() -> float:
    """Return the most memory that the process ever had."""
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Run all stores, or the one that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="100,000 items")
    parser.add_argument("--directory", help="where the stores are made; a temporary one if absent")
    parser.add_argument("--save", action="store_true", help="keep figures, table, plot in docs/")
    parser.add_argument("--shapes", nargs="+", default=["nested", "flat"])
    parser.add_argument(
        "--store", nargs=3, metavar=("NAME", "SHAPE", "ITEMS"), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.quick:
        options.items = 100_000
    with tempfile.TemporaryDirectory(prefix="scale-", dir=options.directory) as directory:
        if options.store:
            name, shape, items = options.store
            print(json.dumps(one_store(name, directory, shape, int(items))))
            return 0
    rows: list[dict[str, Any]] = []
    # All small ones first: a disk is busy long after a million deletions.
    for items in (SMALL, options.items):
        for shape in options.shapes:
            for name in ("ours", "minimum"):
                place = ("--directory", options.directory) if options.directory else ()
                command = (
                    sys.executable,
                    "-m",
                    __spec__.name,
                    "--store",
                    name,
                    shape,
                    str(items),
                    *place,
                )
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                rows.append(
                    {"name": name, "shape": shape, "items": items} | json.loads(done.stdout)
                )
                print(json.dumps(rows[-1]), flush=True)
    if options.save:
        page = f"{today()}, {machine()}:\n\n{table(rows, options.items)}"
        keep("bench-scale", rows, page, plot(rows))
    above = growth(rows, options.items)
    print(
        "scale:",
        f"ABOVE THE LIMIT: {'; '.join(above)}"
        if above
        else "no step grows more than the system's own",
    )
    return 1 if above else 0


def table(rows: list[dict[str, Any]], items: int) -> str:
    """Return microseconds of processor time per item, and what the process had at most."""
    found = {(row["name"], row["shape"], row["items"]): row for row in rows}
    columns = [(name, size) for name in ("ours", "minimum") for size in (SMALL, items)]
    lines = ["| step | shape | " + " | ".join(f"{name}, {n:,}" for name, n in columns) + " |"]
    lines.append("| --- " * (len(columns) + 2) + "|")
    for step, unit in [*((step, f"{step}_cpu") for step in STEPS), ("most MB", "peak_mb")]:
        for shape in dict.fromkeys(row["shape"] for row in rows):
            cells = (f"{found[name, shape, size][unit]:.3g}" for name, size in columns)
            lines.append(f"| {step} | {shape} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]]) -> str:
    """Return a plot of what ours costs per item, by size."""
    figures: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["name"] == "ours":
            for step in STEPS:
                bar = figures.setdefault(f"{step}, {row['shape']}", {})
                bar[f"{row['items']:,} items"] = row[f"{step}_cpu"]
    title, unit = "FileDirDict: cost per item by size", "µs of processor time per item"
    return bars(title, unit, list(figures.items()))


def growth(rows: list[dict[str, Any]], items: int) -> list[str]:
    """Return the steps whose cost per item grows more than the minimum's, and say all."""
    found = {(row["name"], row["shape"], row["items"]): row for row in rows}
    above = []
    for shape in dict.fromkeys(row["shape"] for row in rows):
        for step in STEPS:
            factors = {}
            for name in ("ours", "minimum"):
                small, large = found[name, shape, SMALL], found[name, shape, items]
                factors[name] = large[f"{step}_cpu"] / small[f"{step}_cpu"]
            # What gets cheaper for the system takes nothing from what ours may cost.
            own = factors["ours"] / max(1.0, factors["minimum"])
            print(
                f"{shape} {step}: ours grows {factors['ours']:.2f}, "
                f"minimum {factors['minimum']:.2f}, own {own:.2f}"
            )
            if own > MOST_GROWTH:
                above.append(f"{shape} {step} {own:.2f}")
    return above


if __name__ == "__main__":
    sys.exit(main())
