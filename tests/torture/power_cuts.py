"""Writers on a store whose power may be cut at any moment: what was acknowledged must be there."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from persidict import ITEM_NOT_AVAILABLE, BackendError, FileDirDict
from persidict.file import flush as flush_module
from tests.torture.power_loss import DiesNow, Disk, Recorder, materialise

KEYS = [("a",), ("x", "b"), ("x", "c"), ("x", "y", "d"), ("e",)]
# What writers that don't sync write, in the same directories: it may be halved.
LOOSE = [("x", "loose"), ("x", "y", "loose")]


class Outcome(NamedTuple):
    """What came out of one run."""

    problems: list[str]
    calls: int
    deaths: int
    states: int
    """Different trees that a power loss may have left, each opened and read."""


class _Began(NamedTuple):
    """A change that may have happened from now on: keys and their values, None for none."""

    changes: dict[tuple[str, ...], Any]


class _Acknowledged(NamedTuple):
    """The change was reported as done by a durable handle."""

    changes: dict[tuple[str, ...], Any]


class Expectation:
    """What may be found of each key."""

    def __init__(self) -> None:
        self._sure: dict[tuple[str, ...], Any] = {}
        self._possible: dict[tuple[str, ...], list[Any]] = {}

    def note(self, event: _Began | _Acknowledged) -> None:
        for key, value in event.changes.items():
            if isinstance(event, _Began):
                self._possible.setdefault(key, []).append(value)
            else:
                self._sure[key] = value
                self._possible[key] = []

    def problem(self, found: dict[tuple[str, ...], Any]) -> str | None:
        """Say what is there that may not be, or lacks; None if all is well."""
        for key in {*KEYS, *found}:
            allowed = [self._sure.get(key), *self._possible.get(key, [])]
            if found.get(key) not in allowed:
                return f"{key} is {found.get(key)!r:.60}, not one of {allowed!r:.200}"
        return None


def cut_power(
    directory: Path,
    monkeypatch: Any,
    dice: random.Random,
    *,
    steps: int = 10,
    most: int = 16,
    kills: bool = True,
    make: Callable[..., Any] = FileDirDict,
) -> Outcome:
    """Draw a plan, do it, and look at all that a power loss after each of its calls may leave.

    Args:
        directory: An empty directory.
        monkeypatch: Has patched `os` when this returns.
        dice: Draws the plan and, where there are too many, the states to look at.
        steps: The number of operations.
        most: How many states to look at after each call.
        kills: Whether some of the writers die in the middle, and some are not durable.
        make: Makes the store.
    """
    top = directory / "disk"
    top.mkdir()
    recorder = Recorder(monkeypatch)
    disk = Disk(top.stat().st_ino)
    log: list[Any] = recorder.events
    deaths = _write(top / "new" / "store", recorder, dice, steps, make, kills=kills)
    monkeypatch.undo()

    problems: list[str] = []
    expectation = Expectation()
    states = 0
    seen: set[Any] = set()
    for number, event in enumerate(log):
        if isinstance(event, (_Began, _Acknowledged)):
            expectation.note(event)
            seen.clear()  # the same tree may be wrong by now
        else:
            disk.apply(event)
        for tree in disk.crashes(dice, most):
            shape = frozenset(
                (path, content) for path, content in tree.items() if "+tmp" not in path
            )
            if shape in seen:
                continue
            seen.add(shape)
            states += 1
            problem = _look(tree, directory / "after", expectation)
            if problem is not None:
                calls = [str(one)[:150] for one in log[max(0, number - 12) : number + 1]]
                problems.append("\n    ".join([problem, *calls, f"left: {sorted(tree)}"]))
                return Outcome(problems, len(log), deaths, states)
    return Outcome(problems, len(log), deaths, states)


def _write(
    base: Path,
    recorder: Recorder,
    dice: random.Random,
    steps: int,
    make: Callable[..., Any],
    *,
    kills: bool,
) -> int:
    """Do a plan drawn by dice, and return how many writers died."""
    deaths = 0
    d = make(base_dir=base, durable=True)
    for step in range(steps):
        if dice.random() < 0.3:
            d = make(base_dir=base, durable=not kills or dice.random() < 0.7)
        operation, changes = _draw(d, step, dice)
        recorder.events.append(_Began(changes))  # type: ignore[arg-type]
        if kills and dice.random() < 0.3:
            recorder.die_after(dice.randrange(12))
        try:
            operation()
        except DiesNow:
            deaths += 1
            d = make(base_dir=base, durable=True)
        else:
            if d.durable:
                recorder.events.append(_Acknowledged(changes))  # type: ignore[arg-type]
        finally:
            recorder.live()
    return deaths


def _draw(d: Any, step: int, dice: random.Random) -> tuple[Callable[[], Any], dict[Any, Any]]:
    key = dice.choice(KEYS if d.durable else LOOSE)
    value = [step, "x" * dice.choice([1, 3000])]

    def transform(old: Any) -> Any:
        return value if old is ITEM_NOT_AVAILABLE or old is not None else None

    if not d.durable:
        return (lambda: d.discard(key)) if key in d else (lambda: d.__setitem__(key, value)), {}
    writes = ["set", "set", "set", "set", "update", "update", "transform", "default"]
    kind = dice.choice([*writes, "discard", "many", "clear"])
    if kind == "update":
        some = {one: [step, "y" * n] for n, one in enumerate(dice.sample(KEYS, 3))}
        return (lambda: d.update(some)), some
    if kind == "many":
        gone = [one for one in dice.sample(KEYS, 2) if one in d]
        return (lambda: d.discard_many(gone)), dict.fromkeys(gone)
    if kind == "set":
        return (lambda: d.__setitem__(key, value)), {key: value}
    if kind == "transform":
        return (lambda: d.transform_item(key, transformer=transform)), {key: value}
    if kind == "default":
        # What is there already was seen, but is no business of this writer.
        return (lambda: d.setdefault(key, value)), {key: value} if key not in d else {}
    if kind == "discard":
        return (lambda: d.discard(key)), {key: None} if key in d else {}
    return d.clear, {found: None for found in d if found not in LOOSE}


def _look(tree: dict[str, bytes | None], after: Path, expectation: Expectation) -> str | None:
    materialise(tree, after)
    try:
        d = FileDirDict(base_dir=after / "new" / "store", durable=False)
        problem = expectation.problem({key: d[key] for key in d if key not in LOOSE})
        d["again"] = 1  # whatever there is does not keep others from writing
        return problem if d["again"] == 1 else "what is written then can't be read"
    except BackendError as error:
        return f"can't be read: {error!r:.300}"
    finally:
        shutil.rmtree(after)


SKIPPED = {
    "all": lambda descriptor: True,
    "files": lambda descriptor: not os.path.isdir(f"/dev/fd/{descriptor}/."),
    "directories": lambda descriptor: os.path.isdir(f"/dev/fd/{descriptor}/."),
}


def skip_fsync(monkeypatch: Any, what: str) -> None:
    """Break the durable stores of this process."""
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        if not SKIPPED[what](descriptor):
            fsync(descriptor)

    monkeypatch.setattr("persidict.file.directory.sync", sync)
    monkeypatch.setattr("persidict.file.pending_file.sync", sync)
    monkeypatch.setattr("persidict.file.batches.sync_file_system", lambda *_: None)
    monkeypatch.setattr("persidict.file.erase.sync_file_system", lambda *_, **__: None)


def flush_only_once(monkeypatch: Any, when: str) -> None:
    """Break batches: leave out the flush before files get their names, or the one after."""
    flush = flush_module.sync_file_system
    calls = itertools.count()

    def sometimes(*args: Any) -> None:
        if next(calls) % 2 == (1 if when == "before" else 0):
            flush(*args)

    monkeypatch.setattr("persidict.file.batches.sync_file_system", sometimes)


def flush_no_deletions(monkeypatch: Any) -> None:
    """Break batches of deletions: leave out their flush."""
    monkeypatch.setattr("persidict.file.erase.sync_file_system", lambda *_, **__: None)
