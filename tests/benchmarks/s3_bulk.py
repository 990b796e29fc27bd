"""Measure S3 dicts beside bare boto3: `python -m tests.benchmarks.s3_bulk [--quick]`.

The server is a process of its own that answers each request after 20 ms, so that what is measured
is the client. What is compared takes turns in every round; a ratio is the median of the rounds'.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from persidict import BasicS3Dict, S3Dict
from tests.benchmarks.plots import bars
from tests.benchmarks.scripts import conclude, options_of
from tests.support.slow_s3 import SlowS3

LATENCY = 0.02
FASTER = 10.0  # than one by one
OVERHEAD = 1.1  # of a single operation, times bare boto3
EFFICIENCY = 0.9  # of (requests / pool size) x time of a request
ALONE = 10  # requests one after the other, to know the time of one

Times = dict[str, list[float]]


class Bench:
    """Dicts and bare clients on one server."""

    def __init__(self, server: SlowS3, cache: str, items: int) -> None:
        self.server = server
        self.cache = cache
        self.items = {f"k{number:04}": number for number in range(items)}
        self.place = {"endpoint_url": server.url, "bucket_name": "bench"}
        self.dict = BasicS3Dict(**self.place)

    def bulk(self) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
        """Yield what is done to many items: its name, one by one, and at once."""
        d, items = self.dict, self.items
        yield (
            "update",
            lambda: [d.__setitem__(*item) for item in items.items()],
            lambda: d.update(items),
        )
        yield "items", lambda: [(key, d[key]) for key in d], lambda: list(d.items())
        yield "clear", lambda: [d.discard(key) for key in list(iter(d))], d.clear

    def bare(self, pool: int = 10) -> Any:
        """Make a client as its users would for such a server."""
        config = Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
            max_pool_connections=pool,
        )
        return boto3.session.Session().client(
            "s3", endpoint_url=self.server.url, region_name="us-east-1", config=config
        )

    def single(self) -> Iterator[tuple[str, dict[str, Callable[[], object]]]]:
        """Yield single operations: their names, and who does them how."""
        d = self.dict
        cached = S3Dict(base_dir=self.cache, **self.place)
        cached["one"] = d["one"] = 1
        assert cached["one"] == 1
        place = {"Bucket": "bench", "Key": "one.pkl"}
        etag = d.etag("one")
        body = b"\x80\x05K\x01." + b"n" * 26
        clients = {"boto3": self.bare(), "boto3 with our client": d._connection.client()}

        def get(client: Any) -> bytes:
            return client.get_object(**place)["Body"].read()

        def put(client: Any) -> str:
            return client.put_object(**place, Body=body)["ETag"]

        def ask(client: Any) -> None:
            try:
                client.get_object(**place, IfNoneMatch=etag)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
                    return
            raise RuntimeError("the object should not have changed")

        def contestants(ours: Callable[[], object], bare: Callable[[Any], object]) -> Any:
            both = {name: lambda c=client: bare(c) for name, client in clients.items()}
            return {"ours": ours, **both}

        yield "cached, unchanged read", contestants(lambda: cached["one"], ask)
        yield "get", contestants(lambda: d["one"], get)
        yield "set", contestants(lambda: d.__setitem__("one", 1), put)

    def pool(self, workers: int, requests: int) -> dict[str, Callable[[], object]]:
        """Return ways to send many requests, so many at a time."""
        d = BasicS3Dict(max_workers=workers, **self.place)
        items = {f"pool{number:04}": number for number in range(requests)}
        d.clear()
        d.update(items)
        client = self.bare(workers)

        def bare() -> None:
            with ThreadPoolExecutor(workers) as pool:
                for _ in pool.map(lambda key: read(f"{key}.pkl"), items):
                    pass

        def read(name: str) -> bytes:
            return client.get_object(Bucket="bench", Key=name)["Body"].read()

        return {
            "one": lambda: [read("pool0000.pkl") for _ in range(ALONE)],
            "get_many": lambda: list(d.get_many(items)),
            "items": lambda: list(d.items()),
            "update": lambda: d.update(items),
            "boto3 in threads": bare,
        }

    def listing(self, objects: int) -> dict[str, Callable[[], int]]:
        """Return ways to list that many objects, which a bucket of their own has."""
        self.server.fill([f"many/p{n % 100}/k{n}.pkl" for n in range(objects)], b"x")
        d = BasicS3Dict(**self.place | {"bucket_name": "many"})
        pages = self.bare().get_paginator("list_objects_v2")

        def bare() -> int:
            return sum(len(page["Contents"]) for page in pages.paginate(Bucket="many"))

        return {
            "keys()": lambda: sum(1 for _ in d.keys()),  # noqa: SIM118
            "len": lambda: len(d),
            "oldest_keys(10)": lambda: (d.oldest_keys(max_n=10), objects)[1],
            "boto3's pages": bare,
        }


def seconds(act: Callable[[], object], times: int = 1) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - start) / times


def in_turn(contestants: dict[str, Callable[[], object]], rounds: int, times: int) -> Times:
    """Let all do their work in each round, each time another one first."""
    names = list(contestants)
    taken: Times = {name: [] for name in names}
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            taken[name].append(seconds(contestants[name], times))
    return taken


def ratio(one: list[float], other: list[float]) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def many_items(bench: Bench, rounds: int) -> tuple[str, list[str]]:
    """Compare bulk operations with one by one."""
    bench.server.configure(latency=LATENCY)
    taken: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(rounds):
        for way in (0, 1):  # each way fills, reads and clears
            for name, *ways in bench.bulk():
                taken.setdefault(name, ([], []))[way].append(seconds(ways[way]))
    lines = [
        f"{len(bench.items)} items, {LATENCY * 1000:.0f} ms a request, default settings:\n",
        "| operation | one by one, s | at once, s | times faster | limit |",
        "| --- | --- | --- | --- | --- |",
    ]
    below = []
    for name, (one, many) in taken.items():
        faster = ratio(one, many)
        lines.append(
            f"| {name} | {statistics.median(one):.2f} | {statistics.median(many):.3f} "
            f"| {faster:.1f} | {FASTER:.0f} |"
        )
        if faster < FASTER:
            below.append(f"{name} only {faster:.1f} times faster")
    return "\n".join(lines), below


def single_items(bench: Bench, rounds: int, times: int) -> tuple[str, list[str]]:
    """Compare single operations with bare boto3, without latency: all is overhead then."""
    bench.server.configure()
    lines = [
        "One item, no latency, µs:\n",
        "| operation | ours | boto3 | boto3 with our client | ours / boto3 | limit |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    above = []
    for name, contestants in bench.single():
        in_turn(contestants, 1, times // 4)
        taken = in_turn(contestants, rounds, times)
        overhead = ratio(taken["ours"], taken["boto3"])
        columns = " | ".join(f"{statistics.median(spent) * 1e6:.0f}" for spent in taken.values())
        lines.append(f"| {name} | {columns} | {overhead:.2f} | {OVERHEAD} |")
        if overhead > OVERHEAD:
            above.append(f"{name} {overhead:.2f} times boto3")
    return "\n".join(lines), above


def listings(bench: Bench, objects: int) -> str:
    """Return what listing many objects costs the client, as a table."""
    bench.server.configure()
    lines = [
        f"{objects:,} objects, processor time of the client (server in another process)\n",
        "| operation | requests | µs per object | peak of Python's memory, MB |",
        "| --- | --- | --- | --- |",
    ]
    for name, act in bench.listing(objects).items():
        with bench.server.counting() as counts:
            start = time.process_time()
            if act() != objects:
                raise AssertionError(f"{name} does not give all {objects} objects")
            spent = time.process_time() - start
        peak = traced_megabytes(act)
        lines.append(f"| {name} | {counts['LIST']} | {spent / objects * 1e6:.1f} | {peak:.1f} |")
    return "\n".join(lines)


def traced_megabytes(act: Callable[[], object]) -> float:
    """Return the most memory that a call holds at a time."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def pools(
    bench: Bench, sizes: list[int], rounds: int, per_worker: int
) -> tuple[str, list[str], dict[int, dict[str, float]]]:
    """Compare what is reached with (requests / pool size) x the time of a request."""
    lines = [
        f"(requests / pool size) * the time of a request, over the time taken, {rounds} rounds:\n",
        "| pool size | requests | one request, ms | get_many | items | update | boto3 in threads |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    below, figures = [], {}
    for size in sizes:
        bench.server.configure()
        ways = bench.pool(size, size * per_worker)
        bench.server.configure(latency=LATENCY)
        taken = in_turn(ways, rounds, 1)
        one = [seconds / ALONE for seconds in taken.pop("one")]
        ideal = [per_worker * seconds for seconds in one]
        reached = {name: ratio(ideal, spent) for name, spent in taken.items()}
        figures[size] = reached
        columns = " | ".join(f"{value:.2f}" for value in reached.values())
        alone = statistics.median(one)
        lines.append(f"| {size} | {size * per_worker} | {alone * 1000:.1f} | {columns} |")
        below += [
            f"{name} with {size} workers {value:.2f}"
            for name, value in reached.items()
            if value < EFFICIENCY and not name.startswith("boto3")
        ]
    return "\n".join(lines), below, figures


def main() -> int:
    """Run all and say what missed its limit."""
    parser = options_of(__doc__, "fewer rounds, fewer items")
    parser.add_argument("--list", type=int, metavar="N", help="only list N objects")
    options = parser.parse_args()
    quick = options.quick
    server = SlowS3()
    try:
        with tempfile.TemporaryDirectory() as cache:
            bench = Bench(server, cache, 100 if quick else 300)
            if options.list:
                text = listings(bench, options.list)
                return conclude("s3_bulk", text, [], options, "bench-s3-listing", text.splitlines())
            bulk, missed = many_items(bench, 1 if quick else 3)
            single, above = single_items(bench, 5 if quick else 15, 50 if quick else 200)
            sizes = [4, 8, 16] if quick else [4, 8, 16, 32]
            pooled, below, figures = pools(bench, sizes, 3, 20 if quick else 100)
            missed += above + below
    finally:
        server.stop()
    shown = [(f"{size} workers", reached) for size, reached in figures.items()]
    unit = "of (requests / pool size) * time of a request"
    plot = bars("S3: part of the ideal throughput", unit, shown)
    text = f"{single}\n\n{bulk}\n\n{pooled}"
    return conclude("s3_bulk", text, missed, options, "bench-s3-overhead", figures, plot)


if __name__ == "__main__":
    sys.exit(main())
