"""Compare on S3, by requests and time: `python -m tests.benchmarks.s3_compare [--quick]`.

Contestants are processes that take turns at one server: moto's, in a process of its own, behind a
layer that counts requests and answers each only after 20 ms. Requests are exact; times include
moto's own 5 ms or so per request.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
from typing import Any

from tests.benchmarks.asked import Asked
from tests.benchmarks.keeping import keep, machine, today
from tests.benchmarks.plots import bars

LATENCY = 0.02
ONE = "get get_unchanged get_missing contains etag set setdefault_hit setdefault_miss set_if_same"
ONE += " set_if_conflict transform discard_hit discard_miss get_subdict bool len subdicts"
MANY = "items update clear"
OURS = ("BasicS3Dict", "S3Dict")
PUBLISHED = ("published BasicS3Dict", "published S3Dict")
NO_REQUESTS = ("100-continue", "dropped")


def serve(pipe: Any) -> None:
    """Run the server; set latency and report counts as the pipe says."""
    from tests.support.servers import Moto

    server = Moto()
    pipe.send(server.url)
    while (latency := pipe.recv()) is not None:
        seen = dict(server.seen)
        server.seen.clear()
        server.latency = latency
        pipe.send(seen)


class Server:
    """The server's process."""

    def __init__(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=serve, args=(theirs,), daemon=True)
        self._process.start()
        self.url = self._pipe.recv()

    def seen(self, latency: float) -> dict[str, int]:
        """Return what was counted since the last call, and answer so late from now on."""
        self._pipe.send(latency)
        found: dict[str, int] = self._pipe.recv()
        return found

    def stop(self) -> None:
        """End it."""
        self._pipe.send(None)
        self._process.join()


class Contestant(Asked):
    """The process of a contestant."""

    def __init__(self, name: str, python: str, url: str) -> None:
        variables = dict(os.environ, AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")
        variables |= {"AWS_EC2_METADATA_DISABLED": "true"}
        if name in PUBLISHED:
            variables.pop("PYTHONPATH", None)
        super().__init__(
            name, [python, "-m", "tests.benchmarks.s3_contestant", name, url], variables
        )

    def seconds(self, operation: str) -> float:
        """Let it do something."""
        found: float = self.ask(operation)
        return found


def measure(
    server: Server, contestants: list[Contestant], operations: list[str], rounds: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return requests and milliseconds of each operation and contestant."""
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for operation in operations:
        found: dict[str, dict[str, Any]] = {
            one.name: {"requests": [], "milliseconds": []} for one in contestants
        }
        for number in range(rounds):
            start = number % len(contestants)
            for one in contestants[start:] + contestants[:start]:
                one.seconds(f"before_{operation}")
                server.seen(LATENCY)
                spent = one.seconds(operation)
                seen = server.seen(0.0)
                kinds = {n: k for n, k in seen.items() if " " not in n and n not in NO_REQUESTS}
                found[one.name]["requests"].append(kinds)
                found[one.name]["milliseconds"].append(spent * 1000)
        results[operation] = {
            name: {
                # The first time may be more than that: a server is looked over once.
                "requests": min(of["requests"], key=lambda kinds: sum(kinds.values())),
                "milliseconds": round(statistics.median(of["milliseconds"]), 2),
            }
            for name, of in found.items()
        }
        print(f"  measured {operation}", file=sys.stderr, flush=True)
    return results


def requests(figures: dict[str, Any]) -> int:
    """Return how many requests there were."""
    return sum(figures["requests"].values())


def table(results: dict[str, dict[str, dict[str, Any]]], names: list[str]) -> str:
    """Return requests and times of all."""
    lines = ["| requests; ms | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for operation, row in results.items():
        cells = (f"{requests(row[name])}; {row[name]['milliseconds']:.0f}" for name in names)
        lines.append(f"| {operation} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(results: dict[str, dict[str, dict[str, Any]]], names: list[str], unit: str) -> str:
    """Return a plot of requests or of milliseconds."""
    figures = [
        (
            operation,
            {n: requests(row[n]) if unit == "requests" else row[n]["milliseconds"] for n in names},
        )
        for operation, row in results.items()
    ]
    return bars(f"S3: {unit} per operation", unit, figures)


def main() -> int:
    """Run all, and say where ours sends more requests than bare boto3."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--save", action="store_true", help="keep figures, table, plots in docs/")
    parser.add_argument("--python", action="append", default=[], metavar="published=PATH")
    options = parser.parse_args()
    pythons = dict(pair.split("=", 1) for pair in options.python)
    names = ["boto3", *OURS, *(PUBLISHED if "published" in pythons else ())]
    server = Server()
    contestants: list[Contestant] = []
    try:
        for name in names:
            python = pythons["published"] if name in PUBLISHED else sys.executable
            contestants.append(Contestant(name, python, server.url))
        operations = [*ONE.split(), *MANY.split()]
        rounds = options.rounds or (2 if options.quick else 5)
        results = measure(server, contestants, operations, rounds)
    finally:
        for one in contestants:
            one.end()
        server.stop()
    text = table(results, names)
    about = f"{today()}, {LATENCY * 1000:.0f} ms per request, {machine()}"
    print(f"\n{about}\n\n{text}\n")
    if options.save:
        for what, group, unit in (
            ("requests", ONE.split(), "requests"),
            ("bulk", MANY.split(), "milliseconds"),
        ):
            chosen = {operation: results[operation] for operation in group}
            keep(
                f"bench-s3-{what}",
                {"about": about, "figures": chosen},
                f"{about}:\n\n{table(chosen, names)}",
                plot(chosen, names, unit),
            )
    more = [
        f"{name} {operation}: {requests(row[name])} requests, bare boto3 {requests(row['boto3'])}"
        for operation, row in results.items()
        for name in OURS
        if requests(row[name]) > requests(row["boto3"])
    ]
    print("s3:", f"MORE REQUESTS: {'; '.join(more)}" if more else "no request more than it takes")
    return 1 if more else 0


if __name__ == "__main__":
    sys.exit(main())
