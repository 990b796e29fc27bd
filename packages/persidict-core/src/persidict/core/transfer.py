"""The work of `copy_to` and `sync_to`: conditional, so that nothing newer is lost; resumable."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

from persidict.core._codecs.equality import strictly_equal
from persidict.core.backend import Backend, StatLike
from persidict.core.conditional import ConditionalOperations
from persidict.core.copied_values import ITEM_ERRORS, Unreadable, each_version
from persidict.core.copy_counts import CopyCounts, Outcome, Progress
from persidict.core.copy_writer import Writer
from persidict.core.errors import MutationPolicyError, raise_if_from_handler
from persidict.core.flags import (
    ALWAYS_RETRIEVE,
    ANY_ETAG,
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    NEVER_RETRIEVE,
)
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.mapping import closable, scan_stats
from persidict.core.results import ETagValue

# Seconds. Clocks differ, some stores keep whole seconds, FAT keeps even ones. Unless the target's
# time is later by at least this, the values are compared.
_MARGIN = 2.0
_READ_AT_ONCE = 256
# How often items that change while they are copied are copied again.
_MAX_ROUNDS = 20
# One listing of N items costs about as much as N/100 single `etag` calls.
_LISTED_PER_LOOK = 100


class _Version(NamedTuple):
    """What the target's listing told of an item."""

    etag: ETagValue | None
    """None for a version that this run wrote in bulk."""
    timestamp: float


class _Copied(NamedTuple):
    """The versions of an item that was copied; None: not known."""

    read: ETagValue | None
    written: ETagValue | None


class _Task(NamedTuple):
    """An item to insert, or whose times do not decide whether to copy it."""

    key: NonEmptySafeStrTuple
    there: _Version | None
    later: bool
    """Whether the target's version is surely newer."""
    stat: StatLike | None = None
    """What the source's listing told of it."""


class Transfer:
    """One run from a source to a target."""

    def __init__(
        self,
        source: ConditionalOperations[Any],
        target: ConditionalOperations[Any],
        progress: Progress | None,
        *,
        dry_run: bool,
        compare: bool,
    ) -> None:
        if not isinstance(target, ConditionalOperations):
            raise TypeError(f"the target must be a PersiDict, got {type(target).__name__}")
        if progress is not None and not callable(progress):
            raise TypeError(f"progress must be callable, got {type(progress).__name__}")
        _validate_apart(source, target)
        self._source = source
        self._target = target
        self._progress = progress
        self._dry_run = dry_run
        self._compare = compare
        self._counts = dict.fromkeys(CopyCounts._fields, 0)
        self._failed: list[tuple[NonEmptySafeStrTuple, Exception]] = []
        self._listed = 0
        self._copied: dict[NonEmptySafeStrTuple, _Copied] = {}

    def run(self, *, delete: bool = False) -> CopyCounts:
        """Copy; if asked so, delete afterwards what the source lacks."""
        if delete:
            self._target._validate_mutable()
        there = {key: _Version(*found) for key, found in _listed(self._target)}
        tasks: list[_Task] = []
        with (
            Writer(self._target, self._note) as writer,
            closing(closable(scan_stats(self._source))) as listing,
        ):
            for key, stat in listing:
                self._listed += 1
                task = self._judge(key, stat, there.pop(key, None))
                if task is not None:
                    tasks.append(task)
                if len(tasks) == _READ_AT_ONCE:
                    self._do(tasks, writer)
                    tasks = []
            self._do(tasks, writer)
            writer.finish()
            self._catch_up()
            if delete and not self._failed:
                for key, version in there.items():
                    writer.submit(key, self._delete, key, version)
                writer.finish()
        if self._failed:
            raise self._failure()
        return CopyCounts(**self._counts)

    def _judge(
        self, key: NonEmptySafeStrTuple, stat: StatLike, there: _Version | None
    ) -> _Task | None:
        """Decide by the times alone, if they are clear."""
        if there is None:
            if not self._dry_run:
                return _Task(key, None, later=False, stat=stat)
            self._note(key, "copied")
            return None
        try:
            written = stat.timestamp
        except KeyError:
            return None  # vanished since it was listed
        # A whole number is a time cut off: it was written at some time within that second.
        surely = there.timestamp - written - (1 if written == int(written) else 0)
        if not self._compare and surely >= _MARGIN:
            self._note(key, "unchanged")
            return None
        return _Task(key, there, later=surely > 0, stat=stat)

    def _do(self, tasks: list[_Task], writer: Writer) -> None:
        self._insert([task for task in tasks if task.there is None], writer)
        by_key = {task.key: (task, task.there) for task in tasks if task.there is not None}
        wanted = [(key, task.stat) for key, (task, _) in by_key.items()]
        for key, value, etag in each_version(self._source, wanted):
            if isinstance(value, Unreadable):
                self._note(key, value.error)
            else:
                writer.submit(key, self._write, *by_key[key], value, etag)

    def _insert(self, tasks: list[_Task], writer: Writer) -> None:
        """Insert items in bulk; one by one from the first that can't be read or stored."""
        target = self._target
        sent: deque[tuple[NonEmptySafeStrTuple, ETagValue | None]] = deque()
        left = {task.key: task.stat for task in tasks}

        def items() -> Iterator[tuple[NonEmptySafeStrTuple, Any]]:
            for key, value, etag in each_version(self._source, list(left.items())):
                if isinstance(value, Unreadable):
                    raise value.error
                sent.append((key, etag))
                yield target._complete(key), target._validate_value(value)

        outcomes = target._insert_many(items())
        while True:
            try:
                inserted = next(outcomes, None)
            except ITEM_ERRORS:
                break
            if inserted is None:
                return
            key, etag = sent.popleft()
            del left[key]
            if inserted:
                self._copied[key] = _Copied(etag, None)
            self._note(key, "copied" if inserted else "conflict")
        for key, value, etag in each_version(self._source, list(left.items())):
            if isinstance(value, Unreadable):
                self._note(key, value.error)
            else:
                writer.submit(key, self._insert_one, key, value, etag)

    def _insert_one(self, key: NonEmptySafeStrTuple, value: Any, etag: ETagValue | None) -> Outcome:
        inserted = self._target.setdefault_if(
            key,
            default_value=value,
            condition=ANY_ETAG,
            expected_etag=ITEM_NOT_AVAILABLE,
            retrieve_value=ALWAYS_RETRIEVE,
        )
        # The bulk that failed can have written it.
        is_ours = inserted.actual_etag is ITEM_NOT_AVAILABLE or _agree(inserted.new_value, value)
        if not is_ours or inserted.resulting_etag is ITEM_NOT_AVAILABLE:
            return "conflict"
        self._copied[key] = _Copied(etag, inserted.resulting_etag)
        return "copied"

    def _write(self, task: _Task, there: _Version, value: Any, etag: ETagValue | None) -> Outcome:
        """Replace an item, unless it is equal or newer."""
        target = self._target
        expected = there.etag or target.etag(task.key)
        try:
            found = target.get_with_etag(task.key)
        except ITEM_ERRORS:
            pass  # damaged there: certainly another value
        else:
            if found.actual_etag != expected:
                return "conflict"
            if _agree(found.new_value, value):
                return "unchanged"
        if task.later:
            return "newer"
        if target.append_only:
            raise MutationPolicyError("append-only")
        if self._dry_run:
            return "copied"
        written = target.set_item_if(
            task.key,
            value=value,
            condition=ETAG_IS_THE_SAME,
            expected_etag=expected,
            retrieve_value=NEVER_RETRIEVE,
        )
        if not written.condition_was_satisfied or written.resulting_etag is ITEM_NOT_AVAILABLE:
            return "conflict"
        self._copied[task.key] = _Copied(etag, written.resulting_etag)
        return "copied"

    def _catch_up(self) -> None:
        """Copy again the items whose source has changed since it was read.

        The target's time is the end of its write. The source may have changed before that, after
        it was read; later runs would then take the old copy for current.
        """
        for _ in range(_MAX_ROUNDS):
            changed = self._changed()
            if not changed:
                return
            wanted = [(key, None) for key in changed]
            for key, value, etag in each_version(self._source, wanted):
                there = _Version(changed[key].written, 0.0)
                task = _Task(key, there=there, later=False)
                if isinstance(value, Unreadable):
                    self._note(key, value.error)
                    continue
                try:
                    outcome = self._write(task, there, value, etag)
                except KeyError:
                    continue  # deleted there since
                except ITEM_ERRORS as error:
                    self._note(key, error)
                    continue
                if outcome == "unchanged":
                    self._copied[key] = _Copied(etag, there.etag)

    def _changed(self) -> dict[NonEmptySafeStrTuple, _Copied]:
        """Return the copied items whose source is another version now, and forget all of them."""
        copied, self._copied = self._copied, {}
        source = self._source
        changed = {key: one for key, one in copied.items() if one.read is None}
        if len(copied) * _LISTED_PER_LOOK <= self._listed:
            for key, one in copied.items():
                try:
                    if source.etag(key) != one.read:
                        changed[key] = one
                except KeyError:
                    continue
            return changed
        for key, (etag, _) in _listed(source) if copied else ():
            if key in copied and etag != copied[key].read:
                changed[key] = copied[key]
        return changed

    def _delete(self, key: NonEmptySafeStrTuple, version: _Version) -> Outcome:
        if self._is_in_source(key):
            return "conflict"  # has come since the source was listed
        if self._dry_run:
            return "deleted"
        outcome = self._target.discard_if(
            key, condition=ETAG_IS_THE_SAME, expected_etag=version.etag or ITEM_NOT_AVAILABLE
        )
        return "deleted" if outcome.value_was_mutated else "conflict"

    def _is_in_source(self, key: NonEmptySafeStrTuple) -> bool:
        try:
            self._source._stat(self._source._complete(key))
        except KeyError:
            return False
        return True

    def _note(self, key: NonEmptySafeStrTuple, outcome: Outcome | Exception) -> None:
        if isinstance(outcome, Exception):
            self._failed.append((key, outcome))
            return
        self._counts[outcome] += 1
        if self._progress is not None:
            self._progress(key, outcome)

    def _failure(self) -> Exception:
        _, error = self._failed[0]
        shown = ", ".join("/".join(key) for key, _ in self._failed[:10])
        more = ", ..." if len(self._failed) > 10 else ""
        error.add_note(
            f"{len(self._failed)} items could not be copied, all others were: {shown}{more}"
        )
        return error


def _listed(
    store: ConditionalOperations[Any],
) -> Iterator[tuple[NonEmptySafeStrTuple, tuple[ETagValue, float]]]:
    for key, stat in scan_stats(store):
        try:
            yield key, (stat.etag, stat.timestamp)
        except KeyError:
            continue  # vanished since it was listed


def _agree(one: object, other: object) -> bool:
    """Compare values and the types of all parts: ``[1]`` and ``[True]`` differ."""
    try:
        return strictly_equal(one, other)
    except Exception as error:  # noqa: BLE001  # of what a pickle can't hold, only `==` can tell
        raise_if_from_handler(error)
        return type(one) is type(other) and (one == other) is True


def _validate_apart(source: Backend[Any], target: Backend[Any]) -> None:
    """Raise if a store would be copied into itself, which might never end."""
    if source._is_same_store(target):
        raise ValueError("source and target are the same store")
    (store, path), (other_store, other_path) = source._location(), target._location()
    if store == other_store and all(
        one == other for one, other in zip(path, other_path, strict=False)
    ):
        raise ValueError(
            "source and target overlap: one is a part of the other; copy by way of a third dict"
        )
