"""A writer that is killed at random moments, again and again, on one directory."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

from persidict import FileDirDict
from tests.support.crashes import apply, contents_after, fork, killed, plan_of

CLEAR = "clear"
_STEPS = 12


class Outcome(NamedTuple):
    """What came out of one run."""

    problems: list[str]
    operations: int
    kills: int


def kill_writers(base: Path, dice: random.Random, writers: int) -> Outcome:
    """Let one writer after the other begin where the one before was killed.

    Args:
        base: The store's directory; the first writer is the first to use it.
        dice: Draws what they do, and when they are killed.
        writers: How many.
    """
    contents: dict[tuple[str, ...], Any] = {}
    operations = kills = 0
    for _ in range(writers):
        plan = plan_of(dice, _STEPS)
        if dice.random() < 0.5:
            plan[dice.randrange(_STEPS)] = (CLEAR, None)
        done, was_killed = _play(base, plan, dice)
        kills += was_killed
        operations += done
        d = FileDirDict(base_dir=base, durable=False)
        found = {tuple(key): value for key, value in d.items()}
        certain = _after(contents, plan[:done])
        in_flight = plan[done] if done < len(plan) else None
        if not _is_allowed(found, certain, in_flight):
            problem = f"{sorted(found)} after {sorted(certain)}, while at {in_flight!r:.80}"
            return Outcome([problem], operations, kills)
        contents = found
    return Outcome(_traces(base), operations, kills)


def _play(base: Path, plan: list[Any], dice: random.Random) -> tuple[int, bool]:
    """Do a plan in a process, kill it, and return how much it has acknowledged."""
    acknowledged, acknowledge = os.pipe()
    durable = dice.random() < 0.5

    def write() -> None:
        d = FileDirDict(base_dir=base, durable=durable)
        for key, value in plan:
            if key == CLEAR:
                d.clear()
            else:
                apply(d, key, value)
            os.write(acknowledge, b".")

    child = fork(write)
    os.close(acknowledge)
    wanted = dice.randrange(len(plan))
    done = 0
    while done < wanted and (more := len(os.read(acknowledged, 1))):
        done += more
    time.sleep(dice.uniform(0, 0.003))  # the random moment
    os.kill(child, signal.SIGKILL)
    was_killed = killed(child)
    while more := len(os.read(acknowledged, 4096)):
        done += more
    os.close(acknowledged)
    return done, was_killed


def _after(contents: dict[Any, Any], plan: list[Any]) -> dict[Any, Any]:
    for key, value in plan:
        contents = {} if key == CLEAR else contents_after(contents, [(key, value)])
    return contents


def _is_allowed(found: dict[Any, Any], certain: dict[Any, Any], in_flight: Any) -> bool:
    if found == certain:
        return True
    if in_flight is None:
        return False
    if in_flight[0] == CLEAR:  # item by item
        return all(key in certain and certain[key] == value for key, value in found.items())
    return found == contents_after(certain, [in_flight])


def _traces(base: Path) -> list[str]:
    """Say what dead writers have left that those after them don't clean up."""
    d = FileDirDict(base_dir=base, durable=False)
    d["last"] = 1
    left = [path for path in base.rglob("*") if path.is_file() and path.parent.name == "+tmp"]
    d.clear()
    left += [path for path in base.iterdir() if path.name != "+tmp"]
    return [f"left behind: {left}"] if left else []
