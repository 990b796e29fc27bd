"""Temporary files: written and synced before they get their name, swept up after killed writers."""

from __future__ import annotations

import errno
import itertools
import os
import re
import socket
import stat
import sys
import time
import zlib
from functools import cache

from persidict.core.log import debug
from persidict.file.directory import BY_DESCRIPTOR, NO_FOLLOW, DirectoryMaker, sync
from persidict.file.locks import lock_abandoned

# Outside the alphabet of keys, so that no component has this name.
TEMPORARY = "+tmp"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_NAME = re.compile(r"([0-9a-f]{8})-(\d+)-[0-9a-f]+")
# Seconds after which a file that nobody has locked is dead wherever its writer ran.
_OLD = 3600
# Bytes from which on a call for each piece costs less than joining them.
_WRITTEN_APART = 1 << 18
_stamps = itertools.count(int.from_bytes(os.urandom(2), "big"))
_numbers = itertools.count()
# How the names of all files of this process begin, once that is needed.
_beginning: list[str] = []
if hasattr(os, "register_at_fork"):
    # A child may have the number of its parent: as the first process of a container.
    os.register_at_fork(after_in_child=_beginning.clear)


class TemporaryFile:
    """A file with its content, ready to be moved to its name.

    Args:
        base_dir: The store's base directory.
        pieces: The content, in pieces that follow each other.
        make: Makes missing directories.
        mode: Permission bits of the file.
        durable: Whether the content is flushed to the disk.

    Attributes:
        path: Where it is.
        is_moved: Whether it has got its name; to be set by who gives it one.
    """

    def __init__(
        self, base_dir: str, pieces: list[bytes], make: DirectoryMaker, mode: int, *, durable: bool
    ) -> None:
        folder = os.path.join(base_dir, TEMPORARY)
        self.path = f"{folder}{os.sep}{_unused_name()}"
        self._durable = durable
        self.is_moved = False
        try:
            self._fd = _create(folder, self.path, mode)
        except FileNotFoundError:
            make.path(folder)
            self._fd = _create(folder, self.path, mode)
        try:
            # While the lock is held, the writer is alive.
            lock_abandoned(self._fd)
            _write(self._fd, pieces)
            # The last three digits are a counter: also while the clock stands still, an item that
            # is deleted and made again, on the same inode, gets another time.
            self._stamp(time.time_ns() // 1000 * 1000 + next(_stamps) % 1000)
        except BaseException:
            self.discard()
            raise

    def newer_than(self, moment_ns: int | None) -> os.stat_result:
        """Return the file's stat, its modification time after the given one.

        Finer steps come first; a file system that rounds needs the coarser ones.
        """
        if moment_ns is not None and self._info.st_mtime_ns <= moment_ns:
            for step in (1, 100, 10**6, 10**9, 2 * 10**9):
                self._stamp(moment_ns + step)
                if self._info.st_mtime_ns > moment_ns:
                    break
        return self._info

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def discard(self) -> None:
        """Close it, and delete it if it was not moved away."""
        self.close()
        if not self.is_moved:
            os.unlink(self.path)

    def _stamp(self, moment_ns: int) -> None:
        """Set the modification time, and flush it with the content."""
        target = self._fd if BY_DESCRIPTOR else self.path
        os.utime(target, ns=(moment_ns, moment_ns))
        if self._durable:
            sync(self._fd)
        self._info = os.fstat(self._fd)


def sweep(base_dir: str) -> None:
    """Delete the temporary files of writers that are surely dead."""
    folder = os.path.join(base_dir, TEMPORARY)
    try:
        if os.path.islink(folder):
            return  # leads to files of others; no write goes there either
        with os.scandir(folder) as entries:
            paths = [
                entry.path
                for entry in entries
                if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return
    for path in paths:
        try:
            if _is_dead(path):
                os.unlink(path)
                debug("persidict.file", "deleted %s, which a writer that died left behind", path)
        except (FileNotFoundError, PermissionError):
            continue  # moved to its name meanwhile, or somebody else's


def _is_dead(path: str) -> bool:
    match = _NAME.fullmatch(os.path.basename(path))
    old = time.time() - os.stat(path).st_mtime > _OLD
    if match is None or not (old or (match[1] == _host() and not _runs(int(match[2])))):
        return False
    descriptor = os.open(path, os.O_RDWR | NO_FOLLOW)
    try:
        return lock_abandoned(descriptor)
    finally:
        os.close(descriptor)


def _runs(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # can't be asked there without side effects
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def _host() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _unused_name() -> str:
    if not _beginning:
        _beginning.append(f"{_host()}-{os.getpid()}-{os.urandom(8).hex()}")
    return f"{_beginning[0]}{next(_numbers):x}"


def _create(folder: str, path: str, mode: int) -> int:
    """Make a file in a directory that is no symlink.

    Who puts a symlink there between look and use gains nothing: an empty file of another's.
    """
    if stat.S_ISLNK(os.lstat(folder).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "a link is not followed", folder)
    return os.open(path, _FLAGS, mode)


def _write(descriptor: int, pieces: list[bytes]) -> None:
    if len(pieces) > 1 and sum(map(len, pieces)) < _WRITTEN_APART:
        pieces = [b"".join(pieces)]
    for piece in pieces:
        written = os.write(descriptor, piece)
        if written < len(piece):  # more than the system takes at once
            rest = memoryview(piece)[written:]
            while rest:
                rest = rest[os.write(descriptor, rest) :]
