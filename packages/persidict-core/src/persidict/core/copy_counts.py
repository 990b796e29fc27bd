"""What `copy_to` and `sync_to` report."""

# Without `from __future__ import annotations`: named tuples compile each annotation that is text.

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from persidict.core.keys import NonEmptySafeStrTuple

Outcome: TypeAlias = Literal["copied", "unchanged", "newer", "conflict", "deleted"]
Progress: TypeAlias = Callable[[NonEmptySafeStrTuple, Outcome], object]


class CopyCounts(NamedTuple):
    """How many items `copy_to` or `sync_to` met with each outcome.

    Attributes:
        copied: Written to the target, or would be in a dry run.
        unchanged: The target had the value, or an item written after the source's.
        newer: The target had another value, written after the source's; it was left alone.
        conflict: Somebody changed the target's item meanwhile; it was left alone.
        deleted: Deleted from the target because the source lacks it (`sync_to` only).
    """

    copied: int = 0
    unchanged: int = 0
    newer: int = 0
    conflict: int = 0
    deleted: int = 0
