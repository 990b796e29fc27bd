"""Torture the stores for some minutes and say what was done: `nox -s torture -- --minutes 10`.

Everything is drawn from seeds, which are printed with what goes wrong: ``--replay KIND:SEED``
does that one again (the same plans, kills and faults; how the processes overlap is the machine's
affair, so a rare failure may take ``--times``).
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support import servers
from tests.torture import drawn_contests
from tests.torture.contests import Verdict
from tests.torture.file_faults import ERRORS, OPERATIONS, FailingCalls, fail_everywhere
from tests.torture.interrupts import interrupt_all
from tests.torture.kills import kill_writers
from tests.torture.power_cuts import cut_power
from tests.torture.queues import kill_workers

_KILLED_WRITERS = 25
# What takes less time than the others is done more often.
_OFTEN = {"FileDirDict": 5, "power": 5, "calls": 5}


class Torture:
    """Does one thing after the other and counts."""

    def __init__(self, directory: Path, tasks: int = 1000) -> None:
        self.tasks = tasks
        self.counts: Counter[str] = Counter()
        self._directory = directory
        self._moto: Any = None
        self.kinds: dict[str, Callable[[int, Path], list[str]]] = {
            "FileDirDict": self._on_files,
            **{
                f"{store}{kind}": partial(self._on_s3, store=store, kind=kind)
                for kind in ("", "-faulty", "-hot", "-hot-faulty")
                for store in ("BasicS3Dict", "S3Dict")
            },
            "power": self._cut_power,
            "kills": self._kill,
            "calls": self._fail_calls,
            "interrupts": self._interrupt,
            "queue": self._kill_workers,
        }

    def do(self, kind: str, seed: int) -> bool:
        """Do one thing; what goes wrong is printed at once, and kept."""
        where = self._directory / f"{kind}-{seed}"
        where.mkdir()
        try:
            problems = self.kinds[kind](seed, where)
        except Exception:  # noqa: BLE001  # as good a reason to look as any
            problems = [traceback.format_exc()]
        if not problems:
            shutil.rmtree(where, ignore_errors=True)
            return True
        self.counts["violations"] += len(problems)
        print(f"VIOLATION, again with --replay {kind}:{seed}, its files are in {where}", flush=True)
        for problem in problems:
            print(f"  {problem}", flush=True)
        return False

    def end(self) -> None:
        """Stop the server, if one was needed."""
        if self._moto is not None:
            self._moto.stop()

    def _on_files(self, seed: int, where: Path) -> list[str]:
        return self._verdict(drawn_contests.on_files(seed, where).run())

    def _on_s3(self, seed: int, where: Path, store: str, kind: str) -> list[str]:
        if self._moto is None:
            servers.set_credentials()
            self._moto = servers.Moto()
        drawn = drawn_contests.on_s3(
            seed, where, self._moto, store, faulty="faulty" in kind, hot="hot" in kind
        )
        verdict = drawn.run()
        self._moto.faults = None
        for fault, times in drawn.injected.items():
            self.counts[f"HTTP faults ({fault})"] += times
        self.counts["operations that ended with a BackendError"] += verdict.errors
        return self._verdict(verdict)

    def _verdict(self, verdict: Verdict) -> list[str]:
        self.counts["operations"] += verdict.operations
        self.counts["processes killed"] += verdict.kills
        self.counts["histories checked"] += len(drawn_contests.KEYS)
        return verdict.problems

    def _cut_power(self, seed: int, where: Path) -> list[str]:
        dice = random.Random(seed)
        with pytest.MonkeyPatch.context() as monkeypatch:
            outcome = cut_power(where, monkeypatch, dice, steps=20, most=40)
        self.counts["system calls after which the power was cut"] += outcome.calls
        self.counts["states of the disk looked at"] += outcome.states
        self.counts["writers that died in between"] += outcome.deaths
        return outcome.problems

    def _kill(self, seed: int, where: Path) -> list[str]:
        outcome = kill_writers(where / "store", random.Random(seed), _KILLED_WRITERS)
        self.counts["operations"] += outcome.operations
        self.counts["processes killed"] += outcome.kills
        return outcome.problems

    def _fail_calls(self, seed: int, where: Path) -> list[str]:
        dice = random.Random(seed)
        name, code = dice.choice(list(OPERATIONS)), dice.choice(ERRORS)
        with pytest.MonkeyPatch.context() as monkeypatch:
            outcome = fail_everywhere(name, code, where / "store", FailingCalls(monkeypatch))
        self.counts[f"system calls made to fail ({errno.errorcode[code]})"] += outcome.faults
        return outcome.problems

    def _interrupt(self, seed: int, where: Path) -> list[str]:
        outcome = interrupt_all(where, seed)
        self.counts["operations interrupted"] += outcome.interrupts
        return outcome.problems

    def _kill_workers(self, seed: int, where: Path) -> list[str]:
        outcome = kill_workers(where, random.Random(seed), self.tasks)
        self.counts["tasks of queues done"] += outcome.tasks
        self.counts["processes killed"] += outcome.kills
        return outcome.problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=3, help="how long (default: 3)")
    parser.add_argument("--seed", type=int, help="the first seed (default: drawn)")
    parser.add_argument("--only", metavar="KIND", help="do only this kind of thing")
    parser.add_argument("--replay", metavar="KIND:SEED", help="do this one thing again")
    parser.add_argument("--times", type=int, default=1, help="how often to replay (default: 1)")
    parser.add_argument("--tasks", type=int, default=1000, help="tasks of a queue (default: 1000)")
    arguments = parser.parse_args()
    if not hasattr(os, "fork"):
        print("torture: this system has neither fork nor SIGKILL", flush=True)
        return 0

    directory = Path(tempfile.mkdtemp(prefix="torture-"))
    torture = Torture(directory, arguments.tasks)
    begin = time.monotonic()
    failed: list[str] = []
    try:
        if arguments.replay:
            kind, _, seed = arguments.replay.rpartition(":")
            for n in range(arguments.times):
                torture._directory = directory / str(n)
                torture._directory.mkdir()
                if not torture.do(kind, int(seed)):
                    failed.append(arguments.replay)
        else:
            failed = _endure(torture, arguments, begin + 60 * arguments.minutes)
    finally:
        torture.end()
    print(f"\nin {time.monotonic() - begin:.0f} s, on {os.cpu_count()} processors:")
    for what in sorted(torture.counts):
        print(f"  {torture.counts[what]:>9,}  {what}")
    if failed:
        print(f"VIOLATIONS in {', '.join(failed)}")
        return 1
    shutil.rmtree(directory, ignore_errors=True)
    print("no violation")
    return 0


def _endure(torture: Torture, arguments: argparse.Namespace, end: float) -> list[str]:
    """Do all kinds of things in turn until the time is over; return what went wrong."""
    first = random.randrange(10**6) if arguments.seed is None else arguments.seed
    kinds = [arguments.only] if arguments.only else list(torture.kinds)
    print(f"seeds from {first}; {', '.join(kinds)}; {arguments.minutes:g} minutes", flush=True)
    failed = []
    seed = first
    said = time.monotonic()
    while time.monotonic() < end:
        for kind in kinds:
            for _ in range(_OFTEN.get(kind, 1)):
                torture.counts[f"runs: {kind}"] += 1
                if not torture.do(kind, seed):
                    failed.append(f"{kind}:{seed}")
                seed += 1
        if time.monotonic() - said > 60:
            said = time.monotonic()
            print(f"  seed {seed}, {torture.counts['operations']:,} operations", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
