"""Measure our stores beside others: `python -m tests.benchmarks.run [--quick]`.

Each contestant is a process of its own, under its own Python where it needs one. All do the same
workload in turn, in an order that rotates, for several rounds; a figure is the median over the
rounds, a ratio the median of the rounds' ratios, so that what else the machine does hits all.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.asked import Asked
from tests.benchmarks.keeping import keep, machine, today
from tests.benchmarks.pages import rows_of, write_pages
from tests.benchmarks.rows import LARGE, Row
from tests.benchmarks.tables import Rounds, readable, table

ROOT = Path(__file__).resolve().parents[2]
PEERS = ["diskcache", "zict", "sqlitedict", "joblib", "shelve"]
CONTESTANTS = ["minimum", "ours", "published", *PEERS]
BULK_CONTESTANTS = ["minimum", "ours", "reference", "published", "diskcache"]
TMPFS = "/dev/shm"
VALUE_ITEMS = 100
LARGE_ROWS = ["list_keys", "list_nested_keys", "len", "random_key", "oldest_10", "bool"]
# A row that has taken so many seconds gets no more rounds than these.
LONG_ENOUGH, FEWEST_ROUNDS = 5.0, 3
S3_SCRIPTS = ("s3_bulk", "s3_transports", "s3_hot_keys")
OTHERS = {
    "scale": "a million items; see scale.py",
    "contention": "one key; see contention.py",
    "s3_bulk": "many items; see s3_bulk.py",
    "s3_transports": "obstore beside boto3",
    "s3_hot_keys": "many threads change one item",
    "profiles": "where time goes; see profiles.py",
}
PUBLISHED_HINT = "--python published=/an/environment/with/persidict==0.309.0/bin/python"


class Work(NamedTuple):
    """Rows that are measured together.

    Attributes:
        name: The end of the names of the files that keep the figures.
        stores: Which stores of the contestants do it: ``"items"`` or ``"bulk"``.
        items: How many items there are.
        rows: What is done.
        contestants: Who does it.
    """

    name: str
    stores: str
    items: int
    rows: list[Row]
    contestants: list[str]


class Contestant(Asked):
    """A process that does workloads when asked."""

    def __init__(self, name: str, python: str, work: Work, directory: str | None) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=directory)
        where = self._directory.name
        module = "tests.benchmarks.contestant"
        command = [python, "-m", module, name, work.stores, where, str(work.items)]
        super().__init__(name, command, environment(name))
        self.version = self.greeting

    def seconds(self, row: Row) -> list[float] | None:
        """Let it do something; return wall and processor seconds, None if it has no such thing."""
        found: list[float] | None = self.ask(row)
        return found

    def close(self) -> None:
        """End the process and remove what it stored."""
        self.end()
        self._directory.cleanup()


def environment(name: str) -> dict[str, str]:
    """Return the environment of a contestant: other Pythons must not see our sources."""
    variables = dict(os.environ)
    if name == "published":
        variables.pop("PYTHONPATH", None)
    return variables


def pythons(given: list[str]) -> dict[str, str]:
    """Return the Python of each contestant that can take part."""
    found = dict.fromkeys(("minimum", "ours", "reference", "shelve"), sys.executable)
    for peer in PEERS:
        if importlib.util.find_spec(peer) is not None:
            found[peer] = sys.executable
    for pair in given:
        name, _, python = pair.partition("=")
        if name not in CONTESTANTS or not python:
            raise SystemExit(f"--python needs NAME=PATH with one of {CONTESTANTS}, not {pair!r}")
        found[name] = python
    return found


def measure(
    contestants: list[Contestant], work: Work, rounds: int, clock: str
) -> dict[str, Rounds]:
    """Return the seconds per operation of each row, contestant and round."""
    results: dict[str, Rounds] = {}
    for row in work.rows:
        times: Rounds = {}
        begin = time.perf_counter()
        for number in range(rounds):
            if number >= FEWEST_ROUNDS and time.perf_counter() - begin > LONG_ENOUGH:
                break
            start = number % len(contestants)
            for contestant in contestants[start:] + contestants[:start]:
                seconds = contestant.seconds(row)
                if seconds is not None:
                    times.setdefault(contestant.name, []).append(
                        seconds[(row.clock or clock) == "cpu"]
                    )
        results[row.name] = times
        print(f"  measured {row.name}", file=sys.stderr, flush=True)
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
                cwd=ROOT,
            )
            times.setdefault(name, []).append(float(done.stdout))
    return times


def works(options: argparse.Namespace, place: str) -> list[Work]:
    """Return what is measured in a place, and by whom."""
    items = options.items or (2_000 if options.quick else 20_000)
    found = [Work("", "items", items, rows_of("", items), options.contestants)]
    bulk = [name for name in BULK_CONTESTANTS if name in [*options.contestants, "reference"]]
    if place == "disk":
        found.append(Work("-bulk", "bulk", items, rows_of("bulk", items), bulk))
    else:  # where the disk has no part in what large values take
        found.append(Work("-values", "bulk", VALUE_ITEMS, rows_of("values", VALUE_ITEMS), bulk))
    if not (options.quick or options.rows or options.items):
        large = [row for row in rows_of("large", LARGE) if row.name in LARGE_ROWS]
        found.append(Work("-large", "items", LARGE, large, ["minimum", "ours"]))
    if options.rows:
        chosen = [
            one._replace(rows=[row for row in one.rows if row.name in options.rows])
            for one in found
        ]
        found = [one for one in chosen if one.rows]
    return found


def run(
    options: argparse.Namespace, found: dict[str, str], directory: str | None, work: Work
) -> list[str]:
    """Do some rows in one place, say what came out, and return what is above its limit.

    Args:
        options: What was asked for.
        found: The Python of each contestant.
        directory: The place, None for the disk.
        work: What is measured.
    """
    rounds = options.rounds or (3 if options.quick else 9)
    contestants = []
    try:
        for name in work.contestants:
            if name in found:
                contestants.append(Contestant(name, found[name], work, directory))
            else:
                hint = f" ({PUBLISHED_HINT})" if name == "published" else ""
                print(f"bench: {name} is not installed and left out{hint}")
        results = measure(contestants, work, rounds, options.clock)
    finally:
        for contestant in contestants:
            contestant.close()
    versions = ", ".join(f"{one.name} {one.version}" for one in contestants)
    text, above = table(results, [one.name for one in contestants], work.rows)
    where = "tmpfs" if directory == TMPFS else "disk"
    about = (
        f"{where}, {today()}: {min(FEWEST_ROUNDS, rounds)} to {rounds} rounds, "
        f"{work.items:,} items, {options.clock} time, {machine()}, {versions}"
    )
    print(f"\n{about}\n\n{text}\n")
    if options.save:
        name = f"bench-{where}{work.name}"
        keep(name, {"about": about, "items": work.items, "seconds": results}, text)
    return [f"{where}{work.name}, {work.items:,} items: {line}" for line in above]


def script(name: str, *arguments: str) -> int:
    """Run another benchmark, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{name}", *arguments], cwd=ROOT, check=False
    ).returncode


def parsed() -> tuple[argparse.Namespace, str, list[str]]:
    """Return the options, the other benchmark that was asked for, and what to tell it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer items")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--items", type=int)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--rows", nargs="+", help="only these")
    parser.add_argument("--contestants", nargs="+", default=CONTESTANTS, choices=CONTESTANTS)
    parser.add_argument("--places", nargs="+", default=["disk", "tmpfs", "s3"])
    parser.add_argument(
        "--save",
        action="store_true",
        help="keep the figures, and the tables and plots in README and documentation",
    )
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH")
    for name, help_text in OTHERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=help_text)
    options, rest = parser.parse_known_args()
    other = next((name for name in OTHERS if getattr(options, name)), "")
    if rest and not other:
        parser.error(f"unknown: {' '.join(rest)}")
    if options.save and (options.rows or options.contestants != CONTESTANTS):
        parser.error("--save keeps all rows of all contestants, not some of them")
    return options, other, rest


def on_s3(found: dict[str, str], passed_on: list[str]) -> list[str]:
    """Run what is about S3; return what missed a limit."""
    published = [f"--python=published={found['published']}"] if "published" in found else []
    above = ["s3_compare"] if script("s3_compare", *published, *passed_on) else []
    return above + [name for name in S3_SCRIPTS if script(name, *passed_on)]


def main() -> int:
    """Run all rows on disk, in memory and on S3."""
    options, other, rest = parsed()
    passed_on = [f"--{name}" for name in ("quick", "save") if getattr(options, name)]
    if other:
        return script(other, *rest, *passed_on)
    start = time.perf_counter()
    found = pythons(options.python)
    above = []
    for place, directory in (("disk", None), ("tmpfs", TMPFS)):
        if place in options.places and (directory is None or Path(directory).is_dir()):
            for work in works(options, place):
                above += run(options, found, directory, work)
    if "s3" in options.places and not options.rows:
        above += on_s3(found, passed_on)
    if options.save:
        write_pages()
    for name, times in import_times(found, 3 if options.quick else 9).items():
        print(f"import {name}: {readable(statistics.median(times))}")
    verdict = f"ABOVE THE LIMIT: {'; '.join(above)}" if above else "all within their limits"
    print(f"bench: {time.perf_counter() - start:.0f} s, {verdict}")
    return 1 if above and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
