"""Measure the S3 dicts through obstore beside boto3: `python -m tests.benchmarks.s3_transports`.

The server is a process of its own that answers at once. Both, and obstore alone, take turns in
every round; a ratio is the median of the rounds'. The server needs processor time too, so rates on
few cores are its.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import obstore
import obstore.store

from persidict import BasicS3Dict
from tests.benchmarks.scripts import conclude, options_of
from tests.support.slow_s3 import SlowS3

VALUE = b"x" * 150
SINGLES = 200
BULK_CPU = 150.0  # microseconds of the client's processor time per object, at most
BULK_RATE = 3.0  # times boto3's rate, at least
SINGLE_TIME = 1.0  # times boto3's time, at most
CONTESTANTS = ("boto3", "obstore", "bare")

# What each operation took of each contestant in each round: processor time, time.
Taken = dict[str, dict[str, list[tuple[float, float]]]]


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


def bare(d: BasicS3Dict[Any], items: dict[str, bytes]) -> dict[str, tuple[Any, int]]:
    """Return the same by obstore alone, on the objects of a dict."""
    store = obstore.store.S3Store(
        "bench",
        config={
            "endpoint": d.endpoint_url,
            "region": "us-east-1",
            "virtual_hosted_style_request": False,
        },
        client_options={"allow_http": True},
    )
    names = [f"{d.root_prefix}{key}.pkl" for key in items]
    body = bytes(obstore.get(store, names[0]).bytes())

    def get(name: str) -> bytes:
        return bytes(obstore.get(store, name).bytes())

    def put(name: str) -> object:
        return obstore.put(store, name, body, use_multipart=False)

    def all_by(act: Callable[[str], object]) -> None:
        with ThreadPoolExecutor(d.max_workers) as pool:
            for _ in pool.map(act, names):
                pass

    return {
        "update": (lambda: all_by(put), len(names)),
        "items()": (lambda: all_by(get), len(names)),
        "get": (lambda: [get(names[0]) for _ in range(SINGLES)], SINGLES),
        "set": (lambda: [put(names[0]) for _ in range(SINGLES)], SINGLES),
    }


def main() -> int:
    """Run all and say what missed its limit."""
    options = options_of(__doc__, "fewer rounds, fewer items").parse_args()
    items = {f"k{number:04}": VALUE for number in range(500 if options.quick else 5000)}
    taken: Taken = {}
    server = SlowS3()
    try:
        both = dicts(server.url)
        for d in both.values():
            d.update(items)
        contestants = {name: operations(d, items) for name, d in both.items()}
        contestants["bare"] = bare(both["obstore"], items)
        for _ in range(1 if options.quick else 3):
            for contestant, acts in contestants.items():
                for name, (act, count) in acts.items():
                    found = measured(act, count)
                    taken.setdefault(name, {}).setdefault(contestant, []).append(found)
    finally:
        server.stop()
    rows, missed = table(taken)
    text = f"µs per object, {len(items)} objects of {len(VALUE)} bytes:\n\n{rows}"
    return conclude("s3_transports", text, missed, options, "bench-s3-transports", taken)


def table(taken: Taken) -> tuple[str, list[str]]:
    """Return a table of the medians, and what missed its limit."""
    lines = [
        "| | CPU boto3 | CPU obstore | CPU bare obstore | time boto3 | time obstore | faster |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    missed = []
    for name, found in taken.items():
        boto, fast = found["boto3"], found["obstore"]
        cpus = [statistics.median(cpu for cpu, _ in found[one]) for one in CONTESTANTS]
        times = [statistics.median(time for _, time in one) for one in (boto, fast)]
        faster = statistics.median(b[1] / f[1] for b, f in zip(boto, fast, strict=True))
        cells = " | ".join(f"{cell:.0f}" for cell in [*cpus, *times])
        lines.append(f"| {name} | {cells} | {faster:.1f} |")
        if name in ("update", "items()"):
            missed += [f"CPU of {name} {cpus[1]:.0f} µs"] if cpus[1] > BULK_CPU else []
            missed += [f"rate of {name} {faster:.1f} times"] if faster < BULK_RATE else []
        elif faster < 1 / SINGLE_TIME:
            missed.append(f"time of {name} {1 / faster:.2f} times boto3's")
    return "\n".join(lines), missed


if __name__ == "__main__":
    sys.exit(main())
