"""Writing many items with a few flushes: pending files, one flush of all, names, one more flush.

An item gets its name after its content is on the disk. Therefore, if a batch is interrupted, each
of its items is completely old or completely new. An item that is reported as written is on the disk
under its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby

from persidict.core.backend import ETagMismatch
from persidict.core.flags import AnyETagFlag, ItemNotAvailableFlag
from persidict.file.directory import Directory, DirectoryMaker
from persidict.file.flush import can_sync_file_system, sync_file_system
from persidict.file.folder import Folder
from persidict.file.held import Held, holding
from persidict.file.pending_file import MAX_REMOVALS, PendingFile, commit
from persidict.file.system_errors import is_gone

# What a batch has at most: files, and bytes, which it holds in memory.
_MAX_FILES = 1024
_MAX_BYTES = 1 << 25


class Encoded:
    """An item to write: the names that lead to its file, and the file's content."""

    __slots__ = ("names", "pieces")

    def __init__(self, names: list[str], pieces: list[bytes]) -> None:
        self.names = names
        self.pieces = pieces


def batches(items: Iterable[Encoded]) -> Iterator[list[Encoded]]:
    """Yield lists of items of a bounded size; raise an error of `items` after those before it."""
    batch: list[Encoded] = []
    size = 0
    try:
        for item in items:
            batch.append(item)
            size += sum(map(len, item.pieces))
            if len(batch) == _MAX_FILES or size >= _MAX_BYTES:
                yield batch
                batch, size = [], 0
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def write_batch(
    batch: list[Encoded],
    expected: AnyETagFlag | ItemNotAvailableFlag,
    folder: Folder,
    *,
    stop: bool,
) -> list[bool]:
    """Write items durably, in order, and return which of them were written.

    Args:
        batch: The items.
        expected: Whether items may be replaced.
        folder: Where pending files go.
        stop: End at the first item that exists and may not be replaced.
    """
    return holding(partial(_write_batch, batch, expected, folder, stop))


def _write_batch(
    batch: list[Encoded],
    expected: AnyETagFlag | ItemNotAvailableFlag,
    folder: Folder,
    stop: bool,
    held: Held,
) -> list[bool]:
    if not folder.is_swept:
        folder.sweep()
    at_once = can_sync_file_system()
    pending = []
    for item in batch:
        pending.append(PendingFile(held, folder, item.pieces, synced=not at_once))
        pending[-1].close(held)
    if at_once:
        sync_file_system(held, folder.path)
    # The last flush of all includes directories.
    maker = DirectoryMaker(folder.maker.mode, durable=False) if at_once else folder.maker
    written: list[bool] = []
    pairs = zip(batch, pending, strict=True)
    try:
        for directories, run in groupby(pairs, key=lambda pair: pair[0].names[:-1]):
            target = _Target(held, directories, folder, maker)
            for item, file in run:
                written.append(target.put(item.names[-1], file, expected))
                if stop and not written[-1]:
                    return written
            target.close(synced=not at_once)
    finally:
        if at_once and written:
            sync_file_system(held, folder.path)
    return written


class _Target:
    """A directory that gets several files, created again if others remove it meanwhile."""

    def __init__(
        self, held: Held, directories: list[str], folder: Folder, maker: DirectoryMaker
    ) -> None:
        self._held, self._directories = held, directories
        self._folder, self._maker = folder, maker
        self._directory: Directory | None = None

    def put(
        self, name: str, pending: PendingFile, expected: AnyETagFlag | ItemNotAvailableFlag
    ) -> bool:
        """Give a pending file its name; False if it may not replace what has it."""
        for _ in range(MAX_REMOVALS):
            try:
                if self._directory is None:
                    self._directory = self._folder.directory_type(
                        self._held, self._folder.root, self._directories, self._maker
                    )
                commit(self._held, self._directory, name, pending, expected, self._folder)
            except ETagMismatch:
                if self._held.unlock is not None:
                    self._held.unlock()
                return False
            except OSError as error:
                if not is_gone(error):
                    raise
                removed = error  # as empty, by another process that deleted its last item
                if self._held.unlock is not None:
                    self._held.unlock()
                self.close(synced=False)
            else:
                return True
        raise removed

    def close(self, *, synced: bool) -> None:
        """Close the directory, and flush it if asked for."""
        if synced and self._directory is not None:
            self._directory.sync()
        self._directory = None
        self._held.close_descriptors(0)
