"""Measure many threads that change one item on S3: `python -m tests.benchmarks.s3_hot_keys`.

The server answers each request after 20 ms. Threads increment one counter for some seconds, alone,
many in one process, and some in each of several processes. The counter must add up.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from persidict import BasicS3Dict
from tests.benchmarks.contention import work
from tests.benchmarks.keeping import keep, machine, today
from tests.support.slow_s3 import SlowS3

LATENCY = 0.02
KEY = "counter"


class Case(NamedTuple):
    """So many processes with so many threads each.

    Attributes:
        name: What the table calls it.
        processes: How many share the item.
        threads: How many each of them has.
        least: Increments per second of all together, at least.
        most: Requests per increment, at most.
    """

    name: str
    processes: int
    threads: int
    least: float | None = None
    most: float | None = None


CASES = [
    # Reading and writing took two requests each time: 25 per second.
    Case("1 thread", 1, 1, least=1.8 * 0.5 / LATENCY),
    Case("64 threads", 1, 64, least=1000, most=0.1),
    Case("8 processes, 8 threads each", 8, 8),
]


def in_threads(url: str, threads: int, seconds: float, report: Callable[[Any], object]) -> None:
    """Increment in threads for a while; report what each of them has done."""
    d: Any = BasicS3Dict("hot", endpoint_url=url)
    d.etag(KEY)  # a client is made, and a server looked over, before it begins
    reports: list[Any] = []
    running = [
        threading.Thread(target=work, args=(d, [KEY], seconds, reports.append))
        for _ in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    report([(count, longest) for count, longest, _ in reports])


def measured(case: Case, server: SlowS3, seconds: float) -> dict[str, Any]:
    """Run one case.

    Raises:
        AssertionError: An increment was lost, or counted twice.
    """
    d: Any = BasicS3Dict("hot", endpoint_url=server.url)
    d[KEY] = 0
    reports: list[Any] = []
    with server.counting() as counts:
        begin = time.perf_counter()
        if case.processes == 1:
            in_threads(server.url, case.threads, seconds, reports.append)
        else:
            reports = in_processes(case, server.url, seconds)
        taken = time.perf_counter() - begin if case.processes == 1 else seconds
    done = [one for report in reports for one in report]
    total = sum(count for count, _ in done)
    if d[KEY] != total:
        raise AssertionError(f"{case.name}: {total} increments, but {d[KEY]} are stored")
    requests = sum(n for kind, n in counts.items() if kind in ("HEAD", "GET", "PUT"))
    return {
        "name": case.name,
        "per_second": total / taken,
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


def missed(case: Case, found: dict[str, Any]) -> list[str]:
    """Return the limits that a case misses."""
    texts = []
    if case.least is not None and found["per_second"] < case.least:
        texts.append(f"{case.name}: {found['per_second']:.0f} < {case.least:.0f} per second")
    if case.most is not None and found["requests"] > case.most:
        texts.append(f"{case.name}: {found['requests']:.2f} > {case.most} requests")
    return texts


def main() -> int:
    """Run all and say what missed its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a second each")
    parser.add_argument("--save", action="store_true", help="keep figures and table in docs/")
    options = parser.parse_args()
    os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    lines = [
        "| | increments per second | limit | requests per increment | limit | longest wait |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows, above = [], []
    server = SlowS3(latency=LATENCY)
    try:
        for case in CASES:
            found = measured(case, server, 1.0 if options.quick else 5.0)
            rows.append(found)
            above += missed(case, found)
            lines.append(
                f"| {case.name} | {found['per_second']:.0f} "
                f"| {'' if case.least is None else f'{case.least:.0f}'} "
                f"| {found['requests']:.3f} | {'' if case.most is None else case.most} "
                f"| {found['longest'] * 1000:.0f} ms |"
            )
    finally:
        server.stop()
    about = f"{today()}, {LATENCY * 1000:.0f} ms per request, {machine()}"
    text = "\n".join(lines)
    print(f"\n{about}\n\n{text}\n")
    if options.save:
        keep("bench-s3-hot-keys", rows, f"{about}:\n\n{text}")
    print(f"s3_hot_keys: {'MISSED: ' + '; '.join(above) if above else 'within its limits'}")
    return 1 if above and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
