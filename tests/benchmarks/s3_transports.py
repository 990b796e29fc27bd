"""Measure the S3 dicts through obstore beside boto3: `python -m tests.benchmarks.s3_transports`.

The server is a process of its own that answers at once. Both take turns in every round; a ratio is
the median of the rounds'. The server needs processor time too, so rates on few cores are its.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from persidict import BasicS3Dict
from tests.benchmarks.keeping import keep, machine, today
from tests.support.slow_s3 import SlowS3

VALUE = b"x" * 150
SINGLES = 200
BULK_CPU = 150.0  # microseconds of the client's processor time per object, at most
BULK_RATE = 3.0  # times boto3's rate, at least
SINGLE_TIME = 1.0  # times boto3's time, at most


def measured(act: Callable[[], object], count: int) -> tuple[float, float]:
    """Return microseconds of processor time and of time per object."""
    cpu, wall = time.process_time(), time.perf_counter()
    act()
    spent = time.process_time() - cpu, time.perf_counter() - wall
    return spent[0] / count * 1e6, spent[1] / count * 1e6


def dicts(url: str) -> dict[str, BasicS3Dict[Any]]:
    """Return one dict per transport."""
    found = {}
    for name in ("boto3", "obstore"):
        os.environ["PERSIDICT_S3_TRANSPORT"] = name
        found[name] = BasicS3Dict("bench", endpoint_url=url, root_prefix=name)
    return found


def operations(d: BasicS3Dict[Any], items: dict[str, bytes]) -> dict[str, tuple[Any, int]]:
    """Return what is measured of a dict, and of how many objects."""
    return {
        "update": (lambda: d.update(items), len(items)),
        "items()": (lambda: sum(1 for _ in d.items()), len(items)),
        "get": (lambda: [d["k0000"] for _ in range(SINGLES)], SINGLES),
        "set": (lambda: [d.__setitem__("k0000", VALUE) for _ in range(SINGLES)], SINGLES),
    }


def main() -> int:
    """Run all and say what missed its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer items")
    parser.add_argument("--save", action="store_true", help="keep the table in docs/")
    options = parser.parse_args()
    os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    items = {f"k{number:04}": VALUE for number in range(500 if options.quick else 5000)}
    taken: dict[str, dict[str, list[tuple[float, float]]]] = {}
    server = SlowS3()
    try:
        both = dicts(server.url)
        for d in both.values():
            d.update(items)
        for _ in range(1 if options.quick else 3):
            for transport, d in both.items():
                for name, (act, count) in operations(d, items).items():
                    taken.setdefault(name, {}).setdefault(transport, []).append(
                        measured(act, count)
                    )
    finally:
        server.stop()
    lines = [
        f"µs per object, {len(items)} objects of {len(VALUE)} bytes:\n",
        "| | CPU boto3 | CPU obstore | time boto3 | time obstore | faster |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    missed = []
    for name, found in taken.items():
        boto, fast = found["boto3"], found["obstore"]
        cpu = statistics.median(one for one, _ in fast)
        faster = statistics.median(b[1] / f[1] for b, f in zip(boto, fast, strict=True))
        figures = [*zip(*boto, strict=True), *zip(*fast, strict=True)]
        cells = [statistics.median(figures[at]) for at in (0, 2, 1, 3)]
        lines.append(f"| {name} | {' | '.join(f'{c:.0f}' for c in cells)} | {faster:.1f} |")
        if name in ("update", "items()"):
            missed += [f"CPU of {name} {cpu:.0f} µs"] if cpu > BULK_CPU else []
            missed += [f"rate of {name} {faster:.1f} times"] if faster < BULK_RATE else []
        elif faster < 1 / SINGLE_TIME:
            missed.append(f"time of {name} {1 / faster:.2f} times boto3's")
    text = "\n".join(lines)
    about = f"{today()}, {machine()}"
    print(f"\n{about}\n\n{text}\n")
    if options.save:
        keep("bench-s3-transports", taken, f"{about}\n\n{text}")
    print(f"s3_transports: {'MISSED: ' + '; '.join(missed) if missed else 'within its limits'}")
    return 1 if missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
