"""Measure `transform_item` under contention: `python -m tests.benchmarks.contention`.

Workers increment counters for some seconds: all on one key, or each on keys of its own. What is
said: increments per second of all, the share of the slowest worker in that of the fastest, and
the longest that anybody waited. The counters must add up.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from persidict import ITEM_NOT_AVAILABLE, FileDirDict, LocalDict
from tests.benchmarks.keeping import keep, machine, today
from tests.benchmarks.plots import bars
from tests.support.slow_s3 import SlowS3

WORKERS = (1, 2, 4, 8)
LEAST_SHARE = 0.25  # of the slowest worker in the fastest's
LONGEST_WAIT = {"FileDirDict": 1.0, "LocalDict": 1.0, "BasicS3Dict": 2.0}  # seconds


def increment(value: Any) -> int:
    """Count one up."""
    return 1 if value is ITEM_NOT_AVAILABLE else value + 1


def work(d: Any, keys: list[str], seconds: float, report: Callable[[Any], object]) -> None:
    """Increment for a while; report how often, and the longest call."""
    count, longest = 0, 0.0
    end = time.perf_counter() + seconds
    now = time.perf_counter()
    while now < end:
        d.transform_item(keys[count % len(keys)], transformer=increment, n_retries=None)
        before, now = now, time.perf_counter()
        longest = max(longest, now - before)
        count += 1
    report((count, longest, time.process_time()))


def opened(store: str, place: str) -> Any:
    """Open a dict that processes share."""
    if store == "FileDirDict":
        return FileDirDict(base_dir=place, durable=False)
    from persidict import BasicS3Dict

    return BasicS3Dict(endpoint_url=place, bucket_name="contention")


def in_process(
    store: str, place: str, keys: list[str], seconds: float, start: Any, queue: Any
) -> None:
    """Do so in a process of its own."""
    d = opened(store, place)
    "one" in d  # noqa: B015  # a client is made, and a server looked over, before it begins
    start.wait()
    work(d, keys, seconds, queue.put)


def keys_of(worker: int, shape: str) -> list[str]:
    """Return the keys that a worker counts with."""
    return ["one"] if shape == "one key" else [f"w{worker}-{number}" for number in range(20)]


def by_processes(
    store: str, place: str, workers: int, shape: str, seconds: float
) -> dict[str, Any]:
    """Let processes share a store, empty at first."""
    context = multiprocessing.get_context("spawn")
    d = opened(store, place)
    d.clear()
    start, queue = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(
            target=in_process,
            args=(store, place, keys_of(worker, shape), seconds, start, queue),
        )
        for worker in range(workers)
    ]
    for process in processes:
        process.start()
    reports = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    return summary(store, workers, shape, seconds, reports, sum(d.values()))


def by_files(workers: int, shape: str, seconds: float) -> dict[str, Any]:
    """Let processes share a `FileDirDict`."""
    with tempfile.TemporaryDirectory() as directory:
        return by_processes("FileDirDict", directory, workers, shape, seconds)


def by_s3(workers: int, shape: str, seconds: float) -> dict[str, Any]:
    """Let processes share a `BasicS3Dict` whose server takes 20 ms for each request."""
    server = SlowS3(latency=0.02)
    try:
        return by_processes("BasicS3Dict", server.url, workers, shape, 4 * seconds)
    finally:
        server.stop()


def by_threads(workers: int, shape: str, seconds: float) -> dict[str, Any]:
    """Let threads share a `LocalDict`."""
    d: LocalDict[int] = LocalDict()
    reports: list[Any] = []
    threads = [
        threading.Thread(target=work, args=(d, keys_of(worker, shape), seconds, reports.append))
        for worker in range(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return summary("LocalDict", workers, shape, seconds, reports, sum(d.values()))


def summary(
    store: str, workers: int, shape: str, seconds: float, reports: list[Any], stored: int
) -> dict[str, Any]:
    """Put together what the workers report."""
    counts = [count for count, _, _ in reports]
    if sum(counts) != stored:
        raise AssertionError(f"{sum(counts)} increments, but {stored} are stored")
    return {
        "store": store,
        "keys": shape,
        "workers": workers,
        "per_second": round(sum(counts) / seconds),
        "share": round(min(counts) / max(counts), 2),
        "longest_ms": round(max(longest for _, longest, _ in reports) * 1000, 1),
    }


def plot(rows: list[dict[str, Any]]) -> str:
    """Return a plot of throughput, as a part of what one worker reaches."""
    alone = {(row["store"], row["keys"]): row["per_second"] for row in rows if row["workers"] == 1}
    figures: dict[str, dict[str, float]] = {}
    for row in rows:
        pair = row["store"], row["keys"]
        bar = figures.setdefault(", ".join(pair), {})
        bar[f"{row['workers']} workers"] = round(row["per_second"] / alone[pair], 2)
    return bars("Increments per second of all workers", "times those of one", list(figures.items()))


def main() -> int:
    """Run all and say what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--quick", action="store_true", help="a second each")
    parser.add_argument("--save", action="store_true", help="keep figures, table, plot in docs/")
    options = parser.parse_args()
    if options.quick:
        options.seconds = 1.0
    os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")
    rows = []
    lines = [
        "| store | keys | workers | increments/s | slowest / fastest | longest wait, ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    print("\n".join(lines))
    for run in (by_files, by_threads, by_s3):
        for shape in ("one key", "own keys"):
            for workers in WORKERS:
                row = run(workers, shape, options.seconds)
                rows.append(row)
                lines.append(f"| {' | '.join(map(str, row.values()))} |")
                print(lines[-1], flush=True)
    if options.save:
        about = f"{today()}, {machine()}, {options.seconds:g} s each, on S3 four times that"
        keep("bench-contention", rows, f"{about}:\n\n" + "\n".join(lines), plot(rows))
    unfair = [
        f"{row['store']}, {row['keys']}, {row['workers']} workers"
        for row in rows
        if row["share"] < LEAST_SHARE or row["longest_ms"] > LONGEST_WAIT[row["store"]] * 1000
    ]
    print("contention:", f"UNFAIR: {'; '.join(unfair)}" if unfair else "nobody starves")
    return 1 if unfair else 0


if __name__ == "__main__":
    sys.exit(main())
