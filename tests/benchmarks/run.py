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

from tests.benchmarks.asked import Asked
from tests.benchmarks.keeping import keep, machine, readme_table, replace_measured, today
from tests.benchmarks.plots import bars
from tests.benchmarks.rows import Row, rows

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
CONTESTANTS = ["minimum", "ours", "published", "diskcache", "zict", "sqlitedict"]
TMPFS = "/dev/shm"
LARGE = 100_000
LARGE_ROWS = ["list_keys", "list_nested_keys", "len", "random_key", "oldest_10", "bool"]
# A row that has taken so many seconds gets no more rounds than these.
LONG_ENOUGH, FEWEST_ROUNDS = 5.0, 3
PUBLISHED_HINT = "--python published=/an/environment/with/persidict==0.309.0/bin/python"


class Contestant(Asked):
    """A process that does workloads when asked."""

    def __init__(self, name: str, python: str, *, items: int, directory: str | None) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=directory)
        command = [
            python,
            "-m",
            "tests.benchmarks.contestant",
            name,
            self._directory.name,
            str(items),
        ]
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
    found = {"minimum": sys.executable, "ours": sys.executable}
    for peer in ("diskcache", "zict", "sqlitedict"):
        if importlib.util.find_spec(peer) is not None:
            found[peer] = sys.executable
    for pair in given:
        name, _, python = pair.partition("=")
        if name not in CONTESTANTS or not python:
            raise SystemExit(f"--python needs NAME=PATH with one of {CONTESTANTS}, not {pair!r}")
        found[name] = python
    return found


def measure(
    contestants: list[Contestant], work: list[Row], rounds: int, clock: str
) -> dict[str, dict[str, list[float]]]:
    """Return the seconds per operation of each row, contestant and round."""
    results: dict[str, dict[str, list[float]]] = {}
    for row in work:
        times: dict[str, list[float]] = {}
        begin = time.perf_counter()
        for number in range(rounds):
            if number >= FEWEST_ROUNDS and time.perf_counter() - begin > LONG_ENOUGH:
                break
            start = number % len(contestants)
            for contestant in contestants[start:] + contestants[:start]:
                seconds = contestant.seconds(row)
                if seconds is not None:
                    times.setdefault(contestant.name, []).append(seconds[clock == "cpu"])
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


def ratio(times: dict[str, list[float]], name: str, unit: str) -> float | None:
    """Return the median of the rounds' ratios."""
    if name not in times or unit not in times:
        return None
    pairs = zip(times[name], times[unit], strict=True)
    return statistics.median(one / other for one, other in pairs)


def excess(times: dict[str, list[float]], row: Row) -> float | None:
    """Return what the limit of a row is about: a ratio, or microseconds."""
    if not row.is_more:
        return ratio(times, "ours", "minimum")
    pairs = zip(times["ours"], times["minimum"], strict=True)
    return statistics.median(one - other for one, other in pairs) * 1e6


def table(
    results: dict[str, dict[str, list[float]]], names: list[str], work: list[Row]
) -> tuple[str, list[str]]:
    """Return the table, and what is above its limit."""
    lines = ["| µs per operation (times the minimum) | " + " | ".join(names) + " | limit |"]
    lines.append("| --- " * (len(names) + 2) + "|")
    above = []
    for row in work:
        times, cells = results[row.name], []
        for name in names:
            factor = ratio(times, name, "minimum")
            text = f"{statistics.median(times[name]) * 1e6:.3g}" if name in times else ""
            cells.append(text if factor is None or name == "minimum" else f"{text} ({factor:.2f})")
        found = excess(times, row)
        if row.limit and found and found > row.limit:
            above.append(f"{row.name} {found:.2f} > {row.limit}")
        limit = "" if row.limit is None else f"+{row.limit} µs" if row.is_more else str(row.limit)
        lines.append(f"| {row.name} | " + " | ".join(cells) + f" | {limit} |")
    return "\n".join(lines), above


def plot(results: dict[str, dict[str, list[float]]], work: list[Row], where: str) -> str:
    """Return a plot of how many times the minimum ours costs, beside what it may."""
    figures = []
    for row in work:
        found = ratio(results[row.name], "ours", "minimum")
        if found and row.limit and not row.is_more:
            figures.append((row.name, {"ours": found, "limit": row.limit}))
    return bars(f"FileDirDict on {where}: cost over the minimum", "times the minimum", figures)


def run(
    options: argparse.Namespace, found: dict[str, str], directory: str | None, *, large: bool
) -> list[str]:
    """Do all rows in one place, say what came out, and return what is above its limit.

    Args:
        options: What was asked for.
        found: The Python of each contestant.
        directory: The place, None for the disk.
        large: Only listings, of many more items, without the peers.
    """
    rounds = options.rounds or (3 if options.quick else 9)
    items = options.items or (2_000 if options.quick else 20_000)
    chosen, names = options.rows, options.contestants
    if large:
        items, chosen, names = LARGE, LARGE_ROWS, ["minimum", "ours"]
    work = [row for row in rows(items) if not chosen or row.name in chosen]
    if large:  # the other limits are about fewer items
        work = [row if row.unit > 1 else row._replace(limit=None) for row in work]
    contestants = []
    try:
        for name in names:
            if name in found:
                contestants.append(Contestant(name, found[name], items=items, directory=directory))
            else:
                hint = f" ({PUBLISHED_HINT})" if name == "published" else ""
                print(f"bench: {name} is not installed and left out{hint}")
        results = measure(contestants, work, rounds, options.clock)
    finally:
        for contestant in contestants:
            contestant.close()
    versions = ", ".join(f"{one.name} {one.version}" for one in contestants)
    text, above = table(results, [one.name for one in contestants], work)
    where = "tmpfs" if directory == TMPFS else "disk"
    about = (
        f"{where}, {today()}: {min(FEWEST_ROUNDS, rounds)} to {rounds} rounds, {items:,} items, "
        f"{options.clock} time, "
        f"{machine()}, {versions}"
    )
    print(f"\n{about}\n\n{text}\n")
    if options.save:
        figures = {"about": about, "seconds": results}
        size = "-large" if large else ""
        keep(
            f"bench-{where}{size}",
            figures,
            f"{about}:\n\n{text}",
            None if large else plot(results, work, where),
        )
        if where == "disk" and not large:
            replace_measured(README, readme_table(results, about))
    return [f"{where}, {items:,} items: {line}" for line in above]


def script(name: str, *arguments: str) -> int:
    """Run another benchmark, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{name}", *arguments], cwd=ROOT, check=False
    ).returncode


def main() -> int:
    """Run all rows on disk, in memory and on S3."""
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
    parser.add_argument("--scale", action="store_true", help="a million items; see scale.py")
    parser.add_argument("--contention", action="store_true", help="one key; see contention.py")
    parser.add_argument("--s3-bulk", action="store_true", help="many items; see s3_bulk.py")
    parser.add_argument("--s3-transports", action="store_true", help="obstore beside boto3")
    parser.add_argument("--profiles", action="store_true", help="where time goes; see profiles.py")
    options, rest = parser.parse_known_args()
    passed_on = [f"--{name}" for name in ("quick", "save") if getattr(options, name)]
    for name in ("scale", "contention", "s3_bulk", "s3_transports", "profiles"):
        if getattr(options, name):
            return script(name, *rest, *passed_on)
    if rest:
        parser.error(f"unknown: {' '.join(rest)}")
    if options.save and (options.rows or options.contestants != CONTESTANTS):
        parser.error("--save keeps all rows of all contestants, not some of them")
    start = time.perf_counter()
    found = pythons(options.python)
    above = []
    for place, directory in (("disk", None), ("tmpfs", TMPFS)):
        if place in options.places and (directory is None or Path(directory).is_dir()):
            above += run(options, found, directory, large=False)
            if not (options.quick or options.rows or options.items):
                above += run(options, found, directory, large=True)
    if "s3" in options.places and not options.rows:
        published = [f"--python=published={found['published']}"] if "published" in found else []
        above += ["s3_compare"] if script("s3_compare", *published, *passed_on) else []
        above += [name for name in ("s3_bulk", "s3_transports") if script(name, *passed_on)]
    for name, times in import_times(found, 3 if options.quick else 9).items():
        print(f"import {name}: {statistics.median(times) * 1000:.1f} ms")
    verdict = f"ABOVE THE LIMIT: {'; '.join(above)}" if above else "all within their limits"
    print(f"bench: {time.perf_counter() - start:.0f} s, {verdict}")
    return 1 if above and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
