"""Examine `FileDirDict` on one or two mounts of a directory: `python exam.py NAME MOUNT [MOUNT]`.

Prints a line per check: NAME, check, outcome, detail. LOST means that an acknowledged change is
gone, that two callers won one insertion, or that a value is torn, or older than one seen before.
WARNED means the same where the program has logged that it can happen. ERROR means that a caller got
an exception, or that a process hung. The environment variable ROUNDS says how many increments each
of the four processes makes.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from persidict import FileDirDict

ROUNDS = int(os.environ.get("ROUNDS", "60"))
N_PROCESSES = 4
SECONDS = max(120, ROUNDS)
_FORK = multiprocessing.get_context("fork")
_WARNED = _FORK.Event()
Task = Callable[[FileDirDict[Any], int], Any]


class LostError(Exception):
    """A promise was broken."""


class Watch(logging.Handler):
    """Notes that a warning was logged, in whichever process."""

    def emit(self, record: logging.LogRecord) -> None:
        """Note it."""
        if record.levelno >= logging.WARNING:
            _WARNED.set()


def open_store(place: Path) -> FileDirDict[Any]:
    """Open the store of a check."""
    return FileDirDict(place, serialization_format="json", durable=False)


def make_a_conditional_change(place: Path) -> None:
    """Let the program log that such changes are not exact here, if they are not."""
    d = open_store(place)
    d.setdefault("first", 0)
    del d["first"]


def in_processes(places: list[Path], task: Task) -> list[Any]:
    """Run a task in four processes at once, on each mount in turn; return what each returns."""
    answers: Any = _FORK.Queue()

    def work(place: Path, number: int) -> None:
        try:
            answers.put(task(open_store(place), number))
        except Exception as error:  # noqa: BLE001  # whatever a caller would get
            answers.put(error)

    pairs = zip(cycle(places), range(N_PROCESSES), strict=False)
    processes = [_FORK.Process(target=work, args=pair) for pair in pairs]
    for process in processes:
        process.start()
    try:
        found = [answers.get(timeout=SECONDS) for _ in processes]
    except queue.Empty:
        raise TimeoutError("a process hangs") from None
    finally:
        for process in processes:
            process.kill()
            process.join()
    for answer in found:
        if isinstance(answer, Exception):
            raise answer
    return found


def require(condition: object, what: str) -> None:
    """Raise if a promise is broken."""
    if not condition:
        raise LostError(what)


def both_mounts_see_changes(places: list[Path]) -> str:
    """What one mount writes and deletes, the other finds so."""
    here, there = open_store(places[0]), open_store(places[-1])
    here["a", "b"] = {"x": 1}
    require(there["a", "b"] == {"x": 1}, "the other mount does not have the item")
    there["a", "b"] = 2
    require(here["a", "b"] == 2, "the first mount reads an old value")
    here.clear()
    require(len(there) == 0, "items are left after clear")
    left = [path.name for path in places[-1].iterdir() if path.name != "+tmp"]
    require(not left, f"{left} are left after clear")
    return ""


def increments_are_kept(places: list[Path]) -> str:
    """Each acknowledged increment is in the sum."""

    def increment(d: FileDirDict[Any], _number: int) -> None:
        for _ in range(ROUNDS):
            d.transform_item("n", transformer=lambda n: n + 1, n_retries=None)

    open_store(places[0])["n"] = 0
    in_processes(places, increment)
    found, expected = open_store(places[0])["n"], N_PROCESSES * ROUNDS
    require(found == expected, f"{found} of {expected} increments are there")
    return f"{found} increments"


def one_caller_wins_each_insertion(places: list[Path]) -> str:
    """Of several callers that insert one key, one gets its own value back."""
    keys = [f"k{number}" for number in range(60)]

    def insert(d: FileDirDict[Any], number: int) -> list[str]:
        return [key for key in keys if d.setdefault(key, number) == number]

    won = sorted(key for mine in in_processes(places, insert) for key in mine)
    require(won == sorted(keys), f"{len(won)} callers won {len(keys)} keys")
    return f"{len(won)} winners"


def readers_see_whole_values_in_order(places: list[Path]) -> str:
    """While one process writes, the others read no torn value, and none older than the last."""
    open_store(places[0])["r"] = [0] * 3000

    def play(d: FileDirDict[Any], number: int) -> str:
        last = 0
        for value in range(1, 150):
            if number == 0:
                d["r"] = [value] * 3000
                continue
            seen = d["r"]
            if len(set(seen)) != 1 or seen[0] < last:
                return f"after {last} came {sorted(set(seen))}"
            last = seen[0]
        return ""

    wrong = [said for said in in_processes(places, play) if said]
    require(not wrong, "; ".join(wrong))
    return ""


def etags_never_repeat(places: list[Path]) -> str:
    """No two versions share an ETag, and a write returns the one that is read next."""
    d, seen = open_store(places[0]), set()
    for number in range(300):
        if number % 7 == 0:
            d.discard("e")
        written = d.transform_item("e", transformer=lambda _, n=number: n % 3).resulting_etag
        require(written == d.etag("e"), f"version {number} is read with another ETag")
        seen.add(written)
    require(len(seen) == 300, f"{300 - len(seen)} of 300 ETags repeat")
    return ""


def directories_come_and_go(places: list[Path]) -> str:
    """Writes succeed while others delete the last item of the same directory."""

    def come_and_go(d: FileDirDict[Any], number: int) -> None:
        for _ in range(40):
            d["deep", "er", f"k{number}"] = 1
            del d["deep", "er", f"k{number}"]

    in_processes(places, come_and_go)
    require(len(open_store(places[0])) == 0, "items are left")
    return ""


CHECKS = (
    both_mounts_see_changes,
    increments_are_kept,
    one_caller_wins_each_insertion,
    readers_see_whole_values_in_order,
    etags_never_repeat,
    directories_come_and_go,
)


def main() -> None:
    """Make all checks, each in a directory of its own."""
    name, *mounts = sys.argv[1:]
    logging.getLogger("persidict").addHandler(Watch())
    for check in CHECKS:
        _WARNED.clear()
        places = [Path(mount, check.__name__) for mount in mounts]
        try:
            make_a_conditional_change(places[0])
            outcome, detail = "ok", check(places)
        except LostError as error:
            outcome, detail = "WARNED" if _WARNED.is_set() else "LOST", str(error)
        except Exception as error:  # noqa: BLE001  # an outcome like the others
            cause = f", by {error.__cause__!r}" if error.__cause__ else ""
            outcome, detail = "ERROR", f"{error!r}{cause}"
        print(f"{name} | {check.__name__} | {outcome} | {detail[:400]}", flush=True)


if __name__ == "__main__":
    main()
