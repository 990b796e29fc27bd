"""Measure our stores beside others: `python tests/benchmarks/run.py [--quick]`.

Each contestant is a process of its own, under its own Python where it needs one. All do the same
workload in turn, in an order that rotates, for several rounds; a figure is the median over the
rounds, a ratio the median of the rounds' ratios, so that what else the machine does hits all.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# How many times the minimum of system calls an operation may cost; the unit of the other columns.
LIMITS = {
    "get": 2.2,
    "contains": 2.5,
    "etag": 2.5,
    "keys_20k": 4.0,
    "set_durable": 1.25,
    "bool_20k": 2.0,
}
WORKLOADS = [*LIMITS, "set_fast", "get_subdict"]
# What a missing durability or a missing method would make meaningless is left out by the stores.
CONTESTANTS = ["minimum", "ours", "published", "diskcache"]
PUBLISHED_HINT = "--python published=/an/environment/with/persidict==0.309.0/bin/python"


class Contestant:
    """A process that does workloads when asked."""

    def __init__(self, name: str, python: str, *, items: int) -> None:
        self.name = name
        self._directory = tempfile.TemporaryDirectory(prefix=f"bench-{name}-")
        self._process = subprocess.Popen(
            [python, str(HERE / "contestant.py"), name, self._directory.name, str(items)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(name),
        )
        self.version = self.ask("version")

    def ask(self, workload: str, count: int = 0) -> Any:
        """Let the contestant do something; return what it says, None if it has no such thing."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the pipes were asked for")
        self._process.stdin.write(json.dumps([workload, count]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} died during {workload}")
        return json.loads(answer)

    def close(self) -> None:
        """End the process and remove what it stored."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._directory.cleanup()


def environment(name: str) -> dict[str, str]:
    """Return the environment of a contestant: other Pythons must not see our sources."""
    variables = dict(os.environ)
    if name == "published":
        variables.pop("PYTHONPATH", None)
    return variables


def pythons(given: list[str]) -> dict[str, str]:
    """Return the Python of each contestant that can take part."""
    found = {"minimum": sys.executable, "ours": sys.executable}
    if importlib.util.find_spec("diskcache") is not None:
        found["diskcache"] = sys.executable
    for pair in given:
        name, _, python = pair.partition("=")
        if name not in CONTESTANTS or not python:
            raise SystemExit(f"--python needs NAME=PATH with one of {CONTESTANTS}, not {pair!r}")
        found[name] = python
    return found


def measure(
    contestants: list[Contestant], rounds: int, count: int
) -> dict[str, dict[str, list[float]]]:
    """Return the seconds per operation of each workload, contestant and round."""
    results: dict[str, dict[str, list[float]]] = {}
    for workload in WORKLOADS:
        times: dict[str, list[float]] = {}
        for number in range(rounds):
            start = number % len(contestants)
            for contestant in contestants[start:] + contestants[:start]:
                seconds = contestant.ask(workload, count)
                if seconds is not None:
                    times.setdefault(contestant.name, []).append(seconds)
        results[workload] = times
        print(f"  measured {workload}", file=sys.stderr, flush=True)
    return results


def import_times(python: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Return the seconds that importing each package takes in a fresh process, over bare Python."""
    statements = {
        "ours": "import persidict",
        "published": "import persidict",
        "diskcache": "import diskcache",
    }
    script = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, statement in statements.items():
            if name not in python:
                continue
            done = subprocess.run(
                [python[name], "-c", script.format(statement)],
                capture_output=True,
                text=True,
                check=True,
                env=environment(name),
                cwd=HERE,
            )
            times.setdefault(name, []).append(float(done.stdout))
    return times


def ratio(times: dict[str, list[float]], name: str, unit: str) -> float | None:
    """Return the median of the rounds' ratios."""
    if name not in times or unit not in times:
        return None
    pairs = zip(times[name], times[unit], strict=True)
    return statistics.median(one / other for one, other in pairs)


def table(results: dict[str, dict[str, list[float]]], names: list[str]) -> tuple[str, list[str]]:
    """Return the table, and what is above its limit."""
    lines = ["| µs per operation (times the minimum) | " + " | ".join(names) + " | limit |"]
    lines.append("| --- " * (len(names) + 2) + "|")
    above = []
    for workload, times in results.items():
        cells = []
        for name in names:
            factor = ratio(times, name, "minimum")
            text = f"{statistics.median(times[name]) * 1e6:.2f}" if name in times else ""
            cells.append(text if factor is None or name == "minimum" else f"{text} ({factor:.2f})")
        limit = LIMITS.get(workload)
        ours = ratio(times, "ours", "minimum")
        if limit and ours and ours > limit:
            above.append(f"{workload} {ours:.2f} > {limit}")
        lines.append(f"| {workload} | " + " | ".join(cells) + f" | {limit or ''} |")
    return "\n".join(lines), above


def main() -> int:
    """Run all workloads and say what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer items")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH")
    arguments = parser.parse_args()
    rounds = arguments.rounds or (3 if arguments.quick else 9)
    items, count = (2_000, 300) if arguments.quick else (20_000, 2_000)
    start = time.perf_counter()

    found = pythons(arguments.python)
    contestants = []
    try:
        for name in CONTESTANTS:
            if name in found:
                contestants.append(Contestant(name, found[name], items=items))
            else:
                hint = f" ({PUBLISHED_HINT})" if name == "published" else ""
                print(f"bench: {name} is not installed and left out{hint}")
        results = measure(contestants, rounds, count)
        names = [f"{contestant.name}" for contestant in contestants]
        versions = ", ".join(f"{c.name} {c.version}" for c in contestants)
    finally:
        for contestant in contestants:
            contestant.close()
    imports = import_times(found, rounds)

    text, above = table(results, names)
    print(f"\n{versions}; {rounds} rounds, {items} items, load {load()}\n\n{text}\n")
    for name, times in imports.items():
        print(f"import {name}: {statistics.median(times) * 1000:.1f} ms")
    verdict = f"ABOVE THE LIMIT: {'; '.join(above)}" if above else "all within their limits"
    print(f"bench: {len(results)} workloads in {time.perf_counter() - start:.0f} s, {verdict}")
    return 1 if above and not arguments.quick else 0


def load() -> str:
    """Return the load of the machine, where it can tell."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


if __name__ == "__main__":
    sys.exit(main())
