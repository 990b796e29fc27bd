"""One contest: processes at work on a few keys, some of them killed, and the verdict."""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import sys
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from tests.torture import clients
from tests.torture.histories import find_violations, read_notes
from tests.torture.plans import KEYS, Plan

# A contest takes a second or two; what takes so long hangs.
_PATIENCE = 300
_KILLED = -getattr(signal, "SIGKILL", signal.SIGTERM)


class Verdict(NamedTuple):
    """What came out of a contest."""

    problems: list[str]
    operations: int
    kills: int
    errors: int
    """Operations that ended with a `BackendError`."""


class _Player(NamedTuple):
    name: str
    process: Any
    connection: Connection
    dies_after: int | None
    """The number of operations after which it is killed."""


class Contest:
    """Runs plans, one process each, all beginning at once.

    Args:
        directory: Where the notes go; it exists.
        descriptions: For each process, the store that it opens.
        plans: For each process, what it does.
        deaths: For some of the processes, after how many operations they are killed; another
            one goes on with the plan.
        dice: Draws the moments of the kills.
        may_fail: Whether a `BackendError` is an answer that the faults of the contest explain.
    """

    def __init__(
        self,
        directory: Path,
        descriptions: list[dict[str, Any]],
        plans: list[Plan],
        deaths: dict[int, int],
        dice: random.Random,
        *,
        may_fail: bool = False,
    ) -> None:
        self._directory = directory
        self._may_fail = may_fail
        self._descriptions = descriptions
        self._plans = plans
        self._deaths = deaths
        self._dice = dice
        self._problems: list[str] = []
        self._kills = 0

    def run(self) -> Verdict:
        """Run it to its end, and look whether an atomic store explains what was seen."""
        players = [
            self._start(f"p{n}", n, [{"do": "meet"}, *plan], self._deaths.get(n))
            for n, plan in enumerate(self._plans)
        ]
        try:
            self._conduct(players)
        finally:
            for player in players:
                player.process.kill()
                player.process.join()
                player.connection.close()
        self._read_at_the_end()
        operations = read_notes(sorted(self._directory.glob("*.notes")))
        errors = [notes for notes in operations if "error" in notes]
        if not self._may_fail:
            self._problems += [f"an error without a fault: {notes}" for notes in errors]
        self._problems += find_violations(operations)
        return Verdict(self._problems, len(operations), self._kills, len(errors))

    def _start(self, name: str, n: int, plan: Plan, dies_after: int | None) -> _Player:
        mine, theirs = processes().Pipe()
        arguments = (theirs, name, self._descriptions[n], plan, str(self._notes_of(name)))
        process = processes().Process(target=clients.play, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return _Player(name, process, mine, dies_after)

    def _notes_of(self, name: str) -> Path:
        return self._directory / f"{name}.notes"

    def _conduct(self, players: list[_Player]) -> None:
        """Let the processes meet where they ask to, and kill those whose time has come."""
        running = {player.connection: player for player in players}
        done = dict.fromkeys(running, 0)
        meeting: set[Any] = set()
        while running:
            ready = wait([c for c in running if c not in meeting], _PATIENCE)
            if not ready:
                names = [player.name for player in running.values()]
                self._problems.append(f"still running after {_PATIENCE} s: {names}")
                return
            for connection in ready:
                player = running[connection]
                try:
                    said = connection.recv_bytes()
                except (EOFError, ConnectionError):
                    del running[connection]
                    self._see_how_it_ended(player)
                    continue
                if said == b"meet":
                    meeting.add(connection)
                    continue
                done[connection] += 1
                if player.dies_after == done[connection]:
                    self._kill(player)
                    n = int(player.name.partition("-")[0][1:])
                    rest = self._plans[n][done[connection] :]
                    heir = self._start(f"{player.name}-heir", n, rest, None)
                    players.append(heir)
                    running[heir.connection] = heir
                    done[heir.connection] = 0
            if meeting and meeting == running.keys():
                for connection in meeting:
                    connection.send_bytes(b"go")
                meeting.clear()

    def _kill(self, player: _Player) -> None:
        time.sleep(self._dice.uniform(0, 0.003))  # the random moment
        if player.process.exitcode is None:
            player.process.kill()

    def _see_how_it_ended(self, player: _Player) -> None:
        player.process.join(_PATIENCE)
        self._kills += player.process.exitcode == _KILLED
        expected = (0,) if player.dies_after is None else (0, _KILLED)
        if player.process.exitcode not in expected:
            self._problems.append(
                f"{player.name} ended with {player.process.exitcode}, see standard error"
            )

    def _read_at_the_end(self) -> None:
        """Add what everybody who comes later sees."""
        d = clients.open_dict(self._descriptions[0])
        with self._notes_of("end").open("a") as file:
            for n, key in enumerate(KEYS):
                called = time.monotonic_ns()
                found = clients._name_of(d.get(key))
                notes = {"id": f"end.{n}", "do": "get", "key": key, "called": called}
                notes |= {"returned": time.monotonic_ns(), "value_read": found}
                file.write(json.dumps(notes) + "\n")


def processes() -> Any:
    """Return the way to make processes: quick, and without the threads of this one."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["persidict.file", "persidict.s3", "persidict.core._codecs.pickle_codec"]
    )
    return context
