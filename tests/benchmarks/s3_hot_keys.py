"""Measure many threads that change one item on S3: `python -m tests.benchmarks.s3_hot_keys`.

The server answers each request after 20 ms. Threads increment one counter for some seconds, alone,
many in one process, and some in each of several processes. The counter must add up. One thread is
compared with one that reads the item and writes it, by two requests, in the same run.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from persidict import BasicS3Dict
from tests.benchmarks.contention import increment, work
from tests.benchmarks.scripts import conclude, options_of
from tests.support.slow_s3 import SlowS3

LATENCY = 0.02
KEY = "counter"
WARM = f"warm-{os.getpid()}"  # of this process alone
ROUNDS = 5


class Case(NamedTuple):
    """So many processes with so many threads each.

    Attributes:
        name: What the table calls it.
        processes: How many share the item.
        threads: How many each of them has.
        faster: Times the rate of two requests per increment, at least.
        least: Increments per second of all together, at least.
        most: Requests per increment, at most.
    """

    name: str
    processes: int
    threads: int
    faster: float | None = None
    least: float | None = None
    most: float | None = None


CASES = [
    Case("1 thread", 1, 1, faster=1.8),
    Case("64 threads", 1, 64, least=1000, most=0.1),
    Case("8 processes, 8 threads each", 8, 8),
]


def opened(url: str) -> Any:
    """Return a dict that has its client, and has found out what the server can do."""
    d: Any = BasicS3Dict("hot", endpoint_url=url)
    for _ in range(2):
        d.transform_item(WARM, transformer=increment)
    return d


def in_threads(url: str, threads: int, seconds: float, report: Callable[[Any], object]) -> None:
    """Increment in threads for a while; report what each of them has done, and in how long."""
    d = opened(url)
    reports: list[Any] = []
    running = [
        threading.Thread(target=work, args=(d, [KEY], seconds, reports.append))
        for _ in range(threads)
    ]
    begin = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    taken = time.perf_counter() - begin
    report(([(count, longest) for count, longest, _ in reports], taken))


def by_two_requests(url: str, seconds: float) -> float:
    """Return increments per second of one thread that reads and writes."""
    d = opened(url)
    count, begin = 0, time.perf_counter()
    while time.perf_counter() < begin + seconds:
        d[WARM] = d[WARM] + 1
        count += 1
    return count / (time.perf_counter() - begin)


def measured(case: Case, server: SlowS3, seconds: float) -> dict[str, Any]:
    """Run one case.

    Raises:
        AssertionError: An increment was lost, or counted twice.
    """
    d = opened(server.url)
    d[KEY] = 0
    reports: list[Any] = []
    with server.counting() as counts:
        if case.processes == 1:
            in_threads(server.url, case.threads, seconds, reports.append)
        else:
            reports = in_processes(case, server.url, seconds)
    done = [one for of_threads, _ in reports for one in of_threads]
    total = sum(count for count, _ in done)
    if d[KEY] != total:
        raise AssertionError(f"{case.name}: {total} increments, but {d[KEY]} are stored")
    requests = sum(n for kind, n in counts.items() if kind in ("HEAD", "GET", "PUT"))
    return {
        "name": case.name,
        "per_second": total / max(taken for _, taken in reports),
        "requests": requests / total,
        "longest": max(longest for _, longest in done),
    }


def in_processes(case: Case, url: str, seconds: float) -> list[Any]:
    """Run a case that has several processes; return what they report."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [
        context.Process(target=_in_threads, args=(url, case.threads, seconds, queue))
        for _ in range(case.processes)
    ]
    for process in processes:
        process.start()
    reports = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    return reports


def _in_threads(url: str, threads: int, seconds: float, queue: Any) -> None:
    in_threads(url, threads, seconds, queue.put)


def beside_two_requests(case: Case, server: SlowS3, seconds: float) -> dict[str, Any]:
    """Run a case and two requests per increment in turn; add the median of the ratios."""
    rounds = []
    for _ in range(ROUNDS):
        two = by_two_requests(server.url, seconds / ROUNDS)
        found = measured(case, server, seconds / ROUNDS)
        rounds.append(found | {"faster": found["per_second"] / two})
    return sorted(rounds, key=lambda found: found["faster"])[ROUNDS // 2]


def missed(case: Case, found: dict[str, Any]) -> list[str]:
    """Return the limits that a case misses."""
    texts = []
    if case.faster is not None and found["faster"] < case.faster:
        texts.append(f"{case.name}: {found['faster']:.2f} < {case.faster} times two requests")
    if case.least is not None and found["per_second"] < case.least:
        texts.append(f"{case.name}: {found['per_second']:.0f} < {case.least:.0f} per second")
    if case.most is not None and found["requests"] > case.most:
        texts.append(f"{case.name}: {found['requests']:.2f} > {case.most} requests")
    return texts


def row(case: Case, found: dict[str, Any]) -> str:
    """Return a line of the table."""
    faster = "" if case.faster is None else f"{found['faster']:.2f} (at least {case.faster})"
    least = "" if case.least is None else f" (at least {case.least:.0f})"
    most = "" if case.most is None else f" (at most {case.most})"
    return (
        f"| {case.name} | {found['per_second']:.0f}{least} | {faster} "
        f"| {found['requests']:.3f}{most} | {found['longest'] * 1000:.0f} ms |"
    )


def main() -> int:
    """Run all and say what missed its limit."""
    options = options_of(__doc__, "a second each").parse_args()
    lines = [
        "| | increments per second | times two requests | requests per increment | longest wait |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows, above = [], []
    server = SlowS3(latency=LATENCY)
    try:
        for case in CASES:
            run = measured if case.faster is None else beside_two_requests
            found = run(case, server, 1.0 if options.quick else 5.0)
            rows.append(found)
            above += missed(case, found)
            lines.append(row(case, found))
    finally:
        server.stop()
    text = f"{LATENCY * 1000:.0f} ms per request:\n\n" + "\n".join(lines)
    return conclude("s3_hot_keys", text, above, options, "bench-s3-hot-keys", rows)


if __name__ == "__main__":
    sys.exit(main())
