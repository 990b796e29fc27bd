"""Copying from dict to dict: `copy_to` and `sync_to`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.mapping import ReadingOperations
from persidict.core.results import ValueType

if TYPE_CHECKING:
    from persidict.core.base import PersiDict

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


class CopyingOperations(ReadingOperations[ValueType]):
    """`copy_to` and `sync_to`."""

    def copy_to(
        self,
        target: PersiDict[Any],
        *,
        progress: Progress | None = None,
        dry_run: bool = False,
        compare: bool = False,
    ) -> CopyCounts:
        """Copy all items to another dict of any kind; what is newer there is left alone.

        Each write is conditional: an absent item is inserted only if it is still absent, an older
        one is replaced only if it is still the version that was looked at. So neither a second
        copy at the same time nor any other writer loses anything.

        Which item is newer is told by the times of their last writes, from the listings of both
        dicts. An item that was written to the target 2 seconds or more after the source's needs no
        reading: a copy that was interrupted goes on where it stopped. All others that are in both
        are read and compared: equal ones are not written again, and where they differ, the source
        wins unless the target's is surely newer.

        Args:
            target: Any other dict. It must not overlap with this one.
            progress: Called, in this thread, with key and outcome of each item: ``"copied"``,
                ``"unchanged"``, ``"newer"`` or ``"conflict"`` (see `CopyCounts`).
            dry_run: Change nothing; the outcomes are what they would be.
            compare: Compare values also where times are clear, so that what somebody else wrote
                to the target comes out as ``"newer"``, not as ``"unchanged"``. Reads everything
                that is in both.

        Returns:
            How many items had each outcome.

        Raises:
            TypeError: `target` is no dict of this library, or `progress` can't be called.
            ValueError: Both are the same store, or one is part of the other.
            DecodingError: An item can't be read. As with the next two: all others are copied
                first, and this is the first such error.
            EncodingError: The target can't store a value.
            MutationPolicyError: The target is append-only and has another value.
            BackendError: A store failed; call it again to go on.

        Notes:
            Key, ETag and time of the target's items are held in memory, some 0.5 kB each; of the
            source's items, nothing. Several values are read and written at a time where a store
            is slow. The clocks of the two stores should agree to a second or two: if the target's
            is ahead by more, a change of the source that soon after a copy passes for older.

        Example:
            >>> from persidict import LocalDict
            >>> source, target = LocalDict(), LocalDict()
            >>> source.update(a=1, b=2)
            >>> source.copy_to(target)
            CopyCounts(copied=2, unchanged=0, newer=0, conflict=0, deleted=0)
            >>> source["b"] = 3
            >>> source.copy_to(target, progress=print)
            NonEmptySafeStrTuple(('a',)) unchanged
            NonEmptySafeStrTuple(('b',)) copied
            CopyCounts(copied=1, unchanged=1, newer=0, conflict=0, deleted=0)
        """
        from persidict.core.transfer import Transfer  # not needed by those who never copy

        return Transfer(self, target, progress, dry_run=dry_run, compare=compare).run()

    def sync_to(
        self,
        target: PersiDict[Any],
        *,
        progress: Progress | None = None,
        dry_run: bool = False,
        compare: bool = False,
    ) -> CopyCounts:
        """Do the same as `copy_to`, then delete from the target what this dict lacks.

        An item is deleted only if this dict lacks it still, and if it is still the version that was
        there at the beginning. Nothing is deleted if an item could not be copied.

        Raises:
            MutationPolicyError: The target is append-only.

        Example:
            >>> from persidict import LocalDict
            >>> source, target = LocalDict(), LocalDict()
            >>> source["a"], target["b"] = 1, 2
            >>> source.sync_to(target)
            CopyCounts(copied=1, unchanged=0, newer=0, conflict=0, deleted=1)
        """
        from persidict.core.transfer import Transfer

        transfer = Transfer(self, target, progress, dry_run=dry_run, compare=compare)
        target._validate_mutable()
        return transfer.run(delete=True)
