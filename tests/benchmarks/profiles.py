"""Say where the time goes in what costs most: `python -m tests.benchmarks.profiles [--save]`.

Writes: the time in each system call, ours beside the minimum, and what is left for Python.
Sub-dicts and counting: how much each step adds. A request to S3: the share of each package.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from tests.benchmarks.keeping import keep, machine, today
from tests.benchmarks.rows import PREFIXES
from tests.benchmarks.stores import Minimum, Ours
from tests.support.slow_s3 import SlowS3

CALLS = "open close read write stat lstat fstat utime fsync rename replace link unlink"
KEYS = [f"key{number}" for number in range(5000)]
WRITTEN = KEYS[::25]
ROUNDS = 9
REQUESTS = 300


class Clock:
    """Counts and times calls of functions of the system."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the functions meanwhile."""
        import fcntl

        watched = [(os, name) for name in CALLS.split()] + [(fcntl, "flock")]
        originals = [getattr(module, name) for module, name in watched]
        for (module, name), original in zip(watched, originals, strict=True):
            setattr(module, name, self._timed(name.replace("replace", "rename"), original))
        try:
            yield
        finally:
            for (module, name), original in zip(watched, originals, strict=True):
                setattr(module, name, original)

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        now, calls, seconds = time.perf_counter, self.calls, self.seconds

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = now()
            try:
                return function(*args, **kwargs)
            finally:
                seconds[name] += now() - start
                calls[name] += 1

        return timed


def writes(row: str, directory: str | None) -> str:
    """Return a table of what the system calls of a write take, for ours and the minimum."""
    found: dict[str, list[dict[str, float]]] = {"minimum": [], "ours": []}
    calls: dict[str, Counter[str]] = {}
    with (
        tempfile.TemporaryDirectory(dir=directory) as one,
        tempfile.TemporaryDirectory(dir=directory) as other,
    ):
        stores: dict[str, Any] = {"minimum": Minimum(one), "ours": Ours(other)}
        for store in stores.values():
            store.fill(KEYS, {"noise": b""})
        for number in range(ROUNDS):
            for name in sorted(stores, reverse=bool(number % 2)):
                act, clock = getattr(stores[name], row), Clock()
                start = time.perf_counter()
                for key in WRITTEN:
                    act(key)
                whole = time.perf_counter() - start
                with clock.watching():
                    for key in WRITTEN:
                        act(key)
                spent = {**clock.seconds, "all": whole}
                found[name].append({k: v / len(WRITTEN) * 1e6 for k, v in spent.items()})
                calls[name] = clock.calls
    lines = ["| call | minimum: calls | µs | ours: calls | µs |", "| --- " * 5 + "|"]
    medians = {
        name: {k: statistics.median(one[k] for one in rounds) for k in rounds[0]}
        for name, rounds in found.items()
    }
    for call in [*calls["ours"], *(calls["minimum"].keys() - calls["ours"].keys())]:
        cells = []
        for name in found:
            times = calls[name][call] // len(WRITTEN)
            cells += [f"{times} | {medians[name][call]:.1f}" if times else " | "]
        lines.append(f"| {call} | " + " | ".join(cells) + " |")
    rest = [
        spent["all"] - sum(v for k, v in spent.items() if k != "all") for spent in medians.values()
    ]
    lines.append("| Python | | " + " | | ".join(f"{value:.1f}" for value in rest) + " |")
    whole_ones = [f"**{spent['all']:.1f}**" for spent in medians.values()]
    lines.append("| all | | " + " | | ".join(whole_ones) + " |")
    return "\n".join(lines)


def steps(directory: str | None) -> str:
    """Return a table of what each step adds to counting items and to sub-dicts."""
    from persidict.file.scan import first_components

    def listed(path: str) -> list[os.DirEntry[str]]:
        with os.scandir(path) as entries:
            return list(entries)

    def in_batches(path: str) -> None:
        with os.scandir(path) as entries:
            while batch := list(islice(entries, 512)):
                list(filter(os.DirEntry.is_file, batch))

    with tempfile.TemporaryDirectory(dir=directory) as base:
        store: Any = Ours(base)
        store.fill(KEYS, {})
        flat, nested = store.quick["main"], store.nested
        layout, names = nested._layout, first_components(nested.base_dir, nested._layout)
        entries = listed(nested.base_dir)
        rows = [
            ("len", "the system's listing", lambda: listed(flat.base_dir), len(KEYS)),
            ("len", "and what is a file", lambda: in_batches(flat.base_dir), len(KEYS)),
            ("len", "all, names known", lambda: len(flat), len(KEYS)),
            ("len", "all, first time", lambda: (forget(flat), len(flat)), len(KEYS)),
            ("subdicts", "the system's listing", lambda: listed(nested.base_dir), PREFIXES),
            (
                "subdicts",
                "components of the names alone",
                lambda: [layout.directory_component("", entry.name) for entry in entries],
                PREFIXES,
            ),
            ("subdicts", "views alone", lambda: list(map(nested.get_subdict, names)), PREFIXES),
            ("subdicts", "all", nested.subdicts, PREFIXES),
        ]
        lines = ["| | step | µs per item or prefix |", "| --- " * 3 + "|"]
        for what, step, act, parts in rows:
            lines.append(f"| {what} | {step} | {quickest(act) / parts * 1e6:.2f} |")
    return "\n".join(lines)


def forget(d: Any) -> None:
    """Let a dict forget the names that it has checked."""
    d._layout._checked.clear()


def quickest(act: Callable[[], object]) -> float:
    """Return the least seconds of some calls."""
    taken = []
    for _ in range(2 * ROUNDS):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return min(taken)


def request() -> str:
    """Return a table of the packages that a read from S3 spends its time in."""
    from persidict import BasicS3Dict

    os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    server = SlowS3()
    try:
        d: Any = BasicS3Dict(endpoint_url=server.url, bucket_name="profile")
        d["one"] = 1
        start = time.process_time()
        for _ in range(REQUESTS):
            d["one"]
        alone = (time.process_time() - start) / REQUESTS
        profile = cProfile.Profile()
        profile.enable()
        for _ in range(REQUESTS):
            d["one"]
        profile.disable()
    finally:
        server.stop()
    spent: dict[str, float] = defaultdict(float)
    calls: Counter[str] = Counter()
    stats: Any = pstats.Stats(profile)
    for (path, _, function), (_, number, own, _, _) in stats.stats.items():
        where = place(path, function)
        spent[where] += own
        calls[where] += number
    whole = sum(spent.values())
    lines = ["| in | function calls | share of the time |", "| --- " * 3 + "|"]
    for where in sorted(spent, key=lambda name: -spent[name]):
        share = spent[where] / whole
        lines.append(f"| {where} | {calls[where] / REQUESTS:.0f} | {share:.0%} |")
    return f"{alone * 1e6:.0f} µs of processor time per read of one small item:\n\n" + "\n".join(
        lines
    )


def place(path: str, function: str) -> str:
    """Return the package that a function of a profile is from."""
    parts = Path(path).parts
    for package in ("persidict", "botocore", "urllib3"):
        if package in parts:
            return package
    if path == "~":
        return "the socket" if "socket" in function else "builtins"
    return "the rest of the standard library"


def main() -> int:
    """Print all profiles, and keep them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="changes nothing: it is quick")
    parser.add_argument("--save", action="store_true", help="keep the tables in docs/")
    options = parser.parse_args()
    about = f"{today()}, {machine()}"
    tmpfs = "/dev/shm" if Path("/dev/shm").is_dir() else None
    for name, text in (
        ("durable-write", writes("set_durable", None)),
        ("fast-write", writes("set_fast", tmpfs)),
        ("steps", steps(tmpfs)),
        ("request", request()),
    ):
        print(f"\n{name}, {about}\n\n{text}", flush=True)
        if options.save:
            keep(f"bench-profile-{name}", text.splitlines(), f"{about}:\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
