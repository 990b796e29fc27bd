"""Workers of one queue that are killed at random moments."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from persidict import FileDirDict, Queue
from tests.support.crashes import fork, killed

_WORKERS = 8
_LONGEST_LIFE = 0.3


class Outcome(NamedTuple):
    """What came out of one run."""

    problems: list[str]
    tasks: int
    kills: int


def kill_workers(where: Path, dice: random.Random, tasks: int) -> Outcome:
    """Let eight workers do all tasks of a queue, and kill one after the other meanwhile.

    Args:
        where: An empty directory.
        dice: Draws who is killed, and when.
        tasks: How many tasks there are.
    """
    queue = _queue(where)
    numbers = [queue.put(task) for task in range(tasks)]
    log = os.open(where / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    workers = [fork(lambda: _work(where, log)) for _ in range(_WORKERS)]
    kills = 0
    while len(queue):
        time.sleep(dice.uniform(0, _LONGEST_LIFE))  # the random moment
        victim = dice.randrange(_WORKERS)
        os.kill(workers[victim], signal.SIGKILL)
        kills += killed(workers[victim])
        workers[victim] = fork(lambda: _work(where, log))
    while queue._state().running or len(queue):  # the others give up the tasks of the dead
        time.sleep(0.1)
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
        killed(worker)
    os.close(log)
    return Outcome(_problems(queue, numbers, where), tasks, kills)


def _queue(where: Path) -> Queue:
    store = FileDirDict(where / "store", durable=False)
    return Queue(store, "jobs", visibility=1, max_attempts=1000)


def _work(where: Path, log: int) -> None:
    """Do tasks until killed, and write down each result that was recorded."""
    queue = _queue(where)
    while True:
        task = queue.get()
        if task.done(task.value * 2):
            os.write(log, f"{task.number}\n".encode())


def _problems(queue: Queue, numbers: list[int], where: Path) -> list[str]:
    results = dict(queue.results())
    expected = {number: task * 2 for task, number in enumerate(numbers)}
    recorded = Counter((where / "log").read_text().split())
    twice = [number for number, times in recorded.items() if times > 1]
    problems = []
    if lost := expected.keys() - results.keys():
        problems.append(f"lost: {sorted(lost)[:10]}")
    if results.items() - expected.items():
        problems.append(f"wrong results: {sorted(results.items() - expected.items())[:10]}")
    if twice:
        problems.append(f"recorded more than once: {twice[:10]}")
    if dead := list(queue.dead_letters()):
        problems.append(f"put aside: {dead[:10]}")
    return problems
