"""How the command line shows things to people and to scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, Self

from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple


class Refusal(Exception):
    """The answer is no: not found, or a condition did not hold."""


def one_line(error: BaseException) -> str:
    """Return an error as one line, with its notes."""
    text = f"there is no item {error.args[0]}" if isinstance(error, KeyError) else str(error)
    notes = getattr(error, "__notes__", [])
    return " ".join("; ".join([text or type(error).__name__, *notes]).split())


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


def say_json(value: Any) -> None:
    """Print a line of JSON."""
    say(json.dumps(value, ensure_ascii=False, allow_nan=False))


def warn(text: str) -> None:
    """Print a line for people, beside the output."""
    sys.stderr.write(f"persidict: {text}\n")


def key_of(text: str) -> NonEmptySafeStrTuple:
    """Return the key that ``a/b/c`` stands for."""
    return NonEmptySafeStrTuple(text.split("/"))


def shown(key: Sequence[str]) -> str:
    """Return a key as it is written on the command line."""
    return "/".join(key)


def prefix_of(text: str | None) -> SafeStrTuple:
    """Return the prefix that ``a/b`` or ``a/b/`` stands for."""
    return key_of(text.removesuffix("/")) if text else SafeStrTuple()


def time_of(timestamp: float) -> str:
    """Return a time in a form that people and programs read."""
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{timestamp:.0f}s"  # no such year; a file can have any time


def is_json(value: Any) -> bool:
    """Tell whether JSON holds the value as it is."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return True
    if kind is float:
        return bool(value - value == 0)  # finite
    if kind is list:
        return all(map(is_json, value))
    return kind is dict and all(type(key) is str and is_json(value[key]) for key in value)


def as_bytes(value: Any, *, as_json: bool, raw: bool) -> bytes:
    """Return what ``get`` prints of a value.

    Raises:
        Refusal: The value has no such form.
    """
    kind = type(value).__name__
    if raw:
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return value.encode("utf-8", "surrogatepass")
        raise Refusal(f"--raw is for text and bytes; the value is of the type {kind}")
    if as_json:
        if not is_json(value):
            raise Refusal(f"JSON can't hold this value of the type {kind}; try without --json")
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, str):
        text = value
    elif is_json(value):
        text = json.dumps(value, ensure_ascii=False, indent=2)
    else:
        text = repr(value)
    return (text + "\n").encode("utf-8", "surrogatepass")


class ProgressBar:
    """A bar on a terminal, if tqdm is installed; else nothing.

    Args:
        total: Counts the items; called only if there is a bar.
        wanted: False: no bar.
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

    def step(self) -> None:
        """One item more is done."""
        if self._bar is not None:
            self._bar.update()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.clear()
        say(text)
        if self._bar is not None:
            sys.stdout.flush()
            self._bar.refresh()
