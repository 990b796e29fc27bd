"""Print lines for people and JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, Self

# Exit statuses.
NEGATIVE, USAGE, FAILURE, INTERRUPTED, BROKEN_PIPE = 1, 2, 3, 130, 141


class CommandFailed(Exception):
    """The command can't do what it was asked: exit status 1."""


def one_line(error: BaseException) -> str:
    """Return an error and its notes as one line."""
    text = f"there is no item {error.args[0]}" if isinstance(error, KeyError) else str(error)
    notes = getattr(error, "__notes__", [])
    return " ".join("; ".join([text or type(error).__name__, *notes]).split())


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


def say_json(value: Any) -> None:
    """Print a line of JSON."""
    say(json.dumps(value, ensure_ascii=False, allow_nan=False))


def say_bytes(data: bytes) -> None:
    """Write bytes to standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def warn(text: str) -> None:
    """Print a line to standard error."""
    sys.stderr.write(f"persidict: {text}\n")


def format_time(timestamp: float) -> str:
    """Return a time in UTC in ISO 8601, to the second."""
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{timestamp:.0f}s"  # no such year; a file can have any time


def format_size(size: int | None, *, human: bool) -> str:
    """Return a number of bytes, rounded up to K, M, ... if wanted, as coreutils does."""
    if size is None:
        return "-"
    if not human or size < 1024:
        return str(size)
    rest = float(size)
    for unit in "KMGTPE":
        rest /= 1024
        if rest < 9.95:
            return f"{-(-rest * 10 // 1) / 10:.1f}{unit}"
        if rest < 1023.5:
            break
    return f"{-(-rest // 1):.0f}{unit}"


class ProgressBar:
    """A bar on a terminal, if tqdm is installed; otherwise it does nothing.

    Args:
        total: Counts the items; called only if there is a bar.
        wanted: Whether there should be a bar.
    """

    def __init__(self, total: Callable[[], int], *, wanted: bool) -> None:
        self._bar: Any = None
        if wanted and sys.stderr.isatty() and find_spec("tqdm") is not None:
            from tqdm import tqdm  # optional: persidict-core[progress]

            self._bar = tqdm(total=total(), unit=" items", file=sys.stderr, leave=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, n: int = 1) -> None:
        """Advance by `n` items."""
        if self._bar is not None:
            self._bar.update(n)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.clear()
        say(text)
        if self._bar is not None:
            sys.stdout.flush()
            self._bar.refresh()
