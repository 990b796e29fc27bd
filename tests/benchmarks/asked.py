"""A process that answers each line of JSON with one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Asked:
    """A contestant's process; what it says first is `greeting`.

    Args:
        name: The contestant.
        command: What to run.
        environment: The variables that it sees.
    """

    def __init__(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        self.greeting = self._answer("its start")

    def ask(self, question: Any) -> Any:
        """Return what it answers."""
        if self._process.stdin is None:
            raise RuntimeError("the pipes were asked for")
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._answer(question)

    def end(self) -> None:
        """Close its input, and wait until it has ended."""
        self._process.communicate()

    def _answer(self, what: object) -> Any:
        if self._process.stdout is None:
            raise RuntimeError("the pipes were asked for")
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} died during {what}")
        return json.loads(answer)
