"""Stored outcomes of calls that raised an exception or returned an awaitable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Raised:
    """The call raised an exception that is to be raised again."""

    exception: BaseException


@dataclass(frozen=True)
class Awaited:
    """A plain function returned an awaitable, which had this result."""

    value: Any


async def awaitable(value: Any) -> Any:
    """Return a coroutine with this result."""
    return value
