"""Writing a value: to a pending file first, which gets the item's name when it is complete."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import sys
import time
from collections.abc import Sequence

from persidict.core.backend import ETagMismatch, Expected
from persidict.core.flags import ANY_ETAG, ITEM_NOT_AVAILABLE
from persidict.file.directory import BY_DESCRIPTOR, NO_FOLLOW, Directory
from persidict.file.flush import sync
from persidict.file.folder import Folder, host, may_return
from persidict.file.held import Held, holding
from persidict.file.read import is_absent
from persidict.file.stats import FileStat
from persidict.file.system_errors import is_gone, raise_foreign

if sys.platform != "win32":
    import fcntl

_FLAGS = (os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0),)
_FLUSHED = os.O_RDWR | getattr(os, "O_BINARY", 0) | NO_FOLLOW
# Bytes. From this size, one `write` per piece is faster than joining the pieces.
_MIN_WRITTEN_APART = 1 << 18
# How often a directory may be removed as empty before a file gets into it.
MAX_REMOVALS = 1000
_numbers = itertools.count()
# The last three digits of modification times, 100 to 999: no zeros at the end, so that times with
# zeros show a file system that cuts them off.
_digits = [itertools.count(int.from_bytes(os.urandom(2), "big"))]
# How the names of all files of this process begin, once that is needed.
_beginning: list[str] = []


class PendingFile:
    """A file with its content, ready to be moved to its name.

    Args:
        held: Gets the descriptor and the path.
        folder: Where to create it.
        pieces: The content, in pieces that follow each other.
        synced: Whether to flush it now.

    Attributes:
        path: Where it is.
        info: Its stat; the modification time is part of the ETag.
    """

    info: os.stat_result

    def __init__(
        self, held: Held, folder: Folder, pieces: Sequence[bytes], *, synced: bool
    ) -> None:
        if not _beginning:
            _beginning.append(f"{host()}-{os.getpid()}-{os.urandom(8).hex()}")
        self.path = path = f"{folder.path}{os.sep}{_beginning[0]}{next(_numbers):x}"
        self._synced = synced
        self._pending = held.pending
        mode = folder.file_mode
        held.pending[path] = None
        try:
            above = os.lstat(folder.path)
        except FileNotFoundError as error:
            raise_foreign(error)
            folder.maker.create(folder.path)
            above = os.lstat(folder.path)
        # The check/open race is harmless: an attacker only gets an empty file.
        if stat.S_ISLNK(above.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "a link is not followed", folder.path)
        held.descriptors += map(os.open, (path,), _FLAGS, (mode,))
        self._fd = held.descriptors[-1]
        if sys.platform != "win32":
            try:
                # While the lock is held, the writer is alive.
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise_foreign(error)
        _write(self._fd, pieces)
        if not BY_DESCRIPTOR:  # closing sets the time there, and an open file can't be moved
            self.close(held)
        now = time.time_ns()
        if now < above.st_mtime_ns:  # the clock stands, or was set back
            now += int.from_bytes(os.urandom(4), "big") % 100_000  # see `folder.may_return`
        self._stamp(now // 1000 * 1000 + 100 + next(_digits[0]) % 900)
        if self.info.st_mode & mode != mode:  # the umask has taken something away
            os.chmod(path, mode)

    def close(self, held: Held) -> None:
        """Close the file; after an hour, others may treat it as abandoned."""
        if self._fd >= 0:
            self._fd = -1
            held.close_descriptors(len(held.descriptors) - 1)

    def move_aside(self) -> None:
        """Change its path, so that the move that was interrupted fails."""
        path = f"{self.path}0"
        self._pending[path] = None
        try:
            os.rename(self.path, path)
        except FileNotFoundError as error:
            raise_foreign(error)
        else:
            self.path = path

    def newer_than(self, moment_ns: int) -> None:
        """Set a modification time after the given one.

        Finer steps come first; a file system that rounds needs the coarser ones.
        """
        for step in (1, 100, 10**6, 10**9, 2 * 10**9):
            self._stamp(moment_ns + step)
            if self.info.st_mtime_ns > moment_ns:
                break

    def look_again(self, directory: Directory, name: str) -> None:
        """Take the stat that the file has under its name, which a server may have changed."""
        try:
            self.info = directory.stat_file(name) or self.info
        except OSError as error:  # it is written all the same
            raise_foreign(error)

    def _stamp(self, moment_ns: int) -> None:
        """Set the modification time, and flush it with the content."""
        if self._fd >= 0:
            os.utime(self._fd, ns=(moment_ns, moment_ns))
            if self._synced:
                sync(self._fd)
            self.info = os.fstat(self._fd)
        else:
            os.utime(self.path, ns=(moment_ns, moment_ns))
            if self._synced:
                holding(self._sync)
            self.info = os.stat(self.path)

    def _sync(self, held: Held) -> None:
        """Flush the closed file; Windows wants it to be open for writing."""
        held.descriptors += map(os.open, (self.path,), (_FLUSHED,))
        sync(held.descriptors[-1])


def write(
    names: list[str],
    pieces: Sequence[bytes],
    expected: Expected,
    folder: Folder,
    durable: bool,
    held: Held,
) -> FileStat:
    """Write bytes to the file that some names below the root lead to.

    Raises:
        ETagMismatch: The file there is not the expected one.
    """
    *directories, name = names
    if not folder.is_swept:
        folder.sweep()
    pending = PendingFile(held, folder, pieces, synced=durable or folder.is_shared)
    if folder.is_smb:
        pending.close(held)
    kept = len(held.descriptors)
    for _ in range(MAX_REMOVALS):
        try:
            directory = folder.directory_type(held, folder.root, directories, folder.maker)
            commit(held, directory, name, pending, expected, folder)
        except OSError as error:
            if not is_gone(error):
                raise
            removed = error  # as empty, by another process that deleted its last item
            if held.unlock is not None:
                held.unlock()
            held.close_descriptors(kept)
        else:
            if durable:
                directory.sync()
            return FileStat((pending.info,))
    raise removed


def commit(
    held: Held,
    directory: Directory,
    name: str,
    pending: PendingFile,
    expected: Expected,
    folder: Folder,
) -> None:
    """Give a pending file its name if the version there is the expected one."""
    directory.lock()
    while True:
        held.is_disturbed, held.committing = False, None
        current = directory.stat_file(name)
        if expected is not ANY_ETAG:
            require_version(current, expected)
        if current is not None:
            _prepare_to_replace(current, directory, name, pending, folder)
        source = pending.path  # if a signal handler moves it aside, the move below fails
        held.committing = name, current, pending.move_aside
        if held.is_disturbed:
            continue  # a signal handler or finalizer has changed something in here
        try:
            move = directory.insert if current is None else directory.replace
            move(source, name)
            break
        except FileExistsError as error:
            raise_foreign(error)
            if _gives_way(directory, name, expected):
                directory.replace(source, name)
                break
        except FileNotFoundError:
            if not held.is_disturbed:
                raise
    held.pending.pop(pending.path, None)
    if not folder.is_local:
        pending.look_again(directory, name)
    directory.unlock()


def _prepare_to_replace(
    current: os.stat_result, directory: Directory, name: str, pending: PendingFile, folder: Folder
) -> None:
    """Make sure that no two versions of an item, past or future, have the same ETag."""
    if pending.info.st_mtime_ns <= current.st_mtime_ns:
        pending.newer_than(current.st_mtime_ns)
    if may_return(current, time.time_ns()):
        folder.keep_replaced(directory, name)


def _gives_way(directory: Directory, name: str, expected: Expected) -> bool:
    """Return True for a dangling symlink, False if another program has just created a file."""
    if directory.is_taken(name):
        where = os.path.join(directory.path, name)
        raise FileExistsError(errno.EEXIST, f"{where} is no regular file") from None
    if directory.stat_file(name) is None:
        return True
    if expected is not ANY_ETAG:
        raise ETagMismatch from None  # a program that takes no locks was faster
    return False


def look_first(path: str, expected: Expected) -> None:
    """Raise the error that the commit would raise, before anything is written."""
    try:
        info = os.stat(path)
    except OSError as error:
        if not is_absent(path, error):
            raise
        require_version(None, expected)
    else:
        require_version(info if stat.S_ISREG(info.st_mode) else None, expected)


def require_version(current: os.stat_result | None, expected: Expected) -> None:
    """Raise `ETagMismatch` unless a file, or none, is the expected version."""
    actual = ITEM_NOT_AVAILABLE if current is None else FileStat((current,)).etag
    if actual != expected:
        raise ETagMismatch


def _write(descriptor: int, pieces: Sequence[bytes]) -> None:
    if len(pieces) > 1 and sum(map(len, pieces)) < _MIN_WRITTEN_APART:
        pieces = [b"".join(pieces)]
    for piece in pieces:
        written = os.write(descriptor, piece)
        if written < len(piece):  # more than the system takes at once
            rest = memoryview(piece)[written:]
            while rest:
                rest = rest[os.write(descriptor, rest) :]


def _begin_anew() -> None:
    _beginning.clear()  # a child may have the number of its parent: as process 1 of a container
    _digits[0] = itertools.count(int.from_bytes(os.urandom(2), "big"))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
