"""Deleting files: neighbours under one lock, and the directories that are empty then."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeAlias

from persidict.core.flags import ANY_ETAG, AnyETagFlag
from persidict.core.results import ETagValue
from persidict.file.directory import BY_DESCRIPTOR, Directory
from persidict.file.flush import can_sync_file_system, sync_file_system
from persidict.file.folder import Folder, may_return
from persidict.file.held import Held, holding
from persidict.file.pending_file import require_version
from persidict.file.system_errors import is_gone, raise_foreign

Neighbours: TypeAlias = tuple[list[str], list[str]]
"""Some files in one directory: the names that lead to it, and theirs."""

# Files deleted before a flush, and under one lock.
_MAX_UNSYNCED = 4096
_MAX_LOCKED = 256
_MAX_ATTEMPTS = 5


def erase(
    names: list[str], expected: ETagValue | AnyETagFlag, folder: Folder, *, durable: bool
) -> None:
    """Delete the file at some names below the root, and the directories that become empty.

    Raises:
        FileNotFoundError: There is none.
        ETagMismatch: It is not the expected one.
    """
    operation = partial(_erase_file, names, expected, folder, durable)
    try:
        holding(operation)
    except FileNotFoundError as error:
        if not _is_erased_now(operation, names, folder, error):
            if folder.uses_lock_files and not folder.is_smb:
                remove_empty(folder, names[:-1])  # who deleted the file could not: it was in use
            raise


def erase_names(folder: Folder, names: Iterable[Neighbours], *, durable: bool) -> None:
    """Delete files that may be missing, and the directories that are empty afterwards.

    Args:
        folder: The temporary folder of the store.
        names: The files, in any order.
        durable: Whether the deletions are flushed: once for each batch, or once for each of its
            directories where the system can't flush all at once.
    """
    for batch in _batches(names):
        at_once = durable and len(batch) > 1 and can_sync_file_system()
        for directories, files in batch:
            operation = partial(
                _erase_neighbours, directories, files, folder, durable and not at_once
            )
            try:
                holding(operation)
            except FileNotFoundError as error:  # another process has deleted them all
                _is_erased_now(operation, directories, folder, error)
            except NotADirectoryError as error:
                raise_foreign(error)  # likewise
            if not folder.is_smb:
                remove_empty(folder, directories)
        if at_once:
            holding(partial(sync_file_system, path=folder.root))


def remove_empty(folder: Folder, directories: list[str]) -> None:
    """Remove the directories of a deleted item that are empty now, from the deepest up."""
    while directories and is_removed(folder, directories):
        directories = directories[:-1]


def is_removed(folder: Folder, directories: list[str]) -> bool:
    """Remove a directory if it is empty; no symlink on the way to it is followed."""
    try:
        return holding(partial(_is_removed, folder, directories))
    except OSError as error:
        raise_foreign(error)
        return False  # gone, with what it is in


def remove_lock_file(folder: Folder, directories: list[str]) -> None:
    """Delete the lock file of a directory that has no items."""
    folder.prepare(ANY_ETAG)
    if folder.is_shared or folder.uses_lock_files:
        try:
            holding(partial(_unlink_lock_file, folder, directories))
        except OSError as error:
            if not is_gone(error):  # otherwise it was removed with its last item
                raise


def _is_erased_now(
    operation: Callable[[Held], None], names: list[str], folder: Folder, error: FileNotFoundError
) -> bool:
    """Repeat a deletion if a client took a directory that was created again for one that is gone.

    Returns:
        Whether it succeeded; otherwise there is nothing to delete.
    """
    for _ in range(_MAX_ATTEMPTS):
        raise_foreign(error)
        if not (folder.is_shared and os.path.exists(os.path.join(folder.root, *names))):
            break
        try:
            holding(operation)
        except FileNotFoundError as another:
            error = another
        else:
            return True
    return False


def _erase_file(
    names: list[str],
    expected: ETagValue | AnyETagFlag,
    folder: Folder,
    durable: bool,
    held: Held,
) -> None:
    *directories, name = names
    if not folder.is_local:
        folder.prepare(expected)
    directory = folder.directory_type(held, folder.root, directories, None)
    directory.lock()
    while True:
        held.is_disturbed, held.committing = False, None
        current = directory.stat_file(name)
        if current is None:
            folder.uses_lock_files = directory.has_lock_file()
            raise FileNotFoundError(errno.ENOENT, "no such file", name)
        if expected is not ANY_ETAG:
            require_version(current, expected)
        delete = folder.deleting(directory, name, current, time.time_ns())
        held.committing = name, current, None
        if not held.is_disturbed:  # otherwise a signal handler or finalizer may have changed it
            break
    delete()
    folder.uses_lock_files = directory.has_lock_file()
    directory.unlock()
    if durable:
        directory.sync()
    if folder.is_smb:
        return
    if directories and BY_DESCRIPTOR and not folder.uses_lock_files:
        directories = directories[:-1] if directory.remove() else []
    held.close()
    remove_empty(folder, directories)


def _unlink_lock_file(folder: Folder, directories: list[str], held: Held) -> None:
    directory = folder.directory_type(held, folder.root, directories, None)
    directory.lock()
    directory.remove_lock_file()


def _is_removed(folder: Folder, directories: list[str], held: Held) -> bool:
    above = Directory(held, folder.root, directories[:-1], None)
    if above.remove_empty(directories[-1]):
        return True
    if not folder.uses_lock_files:
        return False
    _unlink_lock_file(folder, directories, held)
    held.close()
    above = Directory(held, folder.root, directories[:-1], None)
    return above.remove_empty(directories[-1])


def _batches(names: Iterable[Neighbours]) -> Iterator[list[Neighbours]]:
    """Yield batches of a bounded size; raise an error of `names` after those before it."""
    batch: list[Neighbours] = []
    size = 0
    try:
        for directories, files in names:
            if batch and batch[-1][0] == directories:
                batch[-1][1].extend(files)
            else:
                batch.append((directories, files))
            size += len(files)
            if size >= _MAX_UNSYNCED:
                yield batch
                batch, size = [], 0
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _erase_neighbours(
    directories: list[str], names: list[str], folder: Folder, durable: bool, held: Held
) -> None:
    folder.prepare(ANY_ETAG)
    directory = folder.directory_type(held, folder.root, directories, None)
    for start in range(0, len(names), _MAX_LOCKED):
        directory.lock()
        now = time.time_ns()
        for name in names[start : start + _MAX_LOCKED]:
            current = directory.stat_file(name)
            if current is None:
                continue
            try:
                if may_return(current, now):
                    folder.deleting(directory, name, current, now)()
                else:
                    directory.unlink(name)
            except OSError as error:
                if not is_gone(error):  # otherwise by a program that takes no locks
                    raise
        folder.uses_lock_files = directory.has_lock_file()
        directory.unlock()
    if durable:
        directory.sync()
