"""Temporary files: written and synced before they get their name, swept up after killed writers."""

from __future__ import annotations

import itertools
import os
import re
import socket
import sys
import time
import zlib

from persidict.file.directory import BY_DESCRIPTOR, DirectoryMaker, sync
from persidict.file.locks import lock_abandoned

# Outside the alphabet of keys, so that no component has this name.
TEMPORARY = "+tmp"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_NAME = re.compile(r"([0-9a-f]{8})-(\d+)-[0-9a-f]+")
# Seconds after which a file that nobody has locked is dead wherever its writer ran.
_OLD = 3600
_stamps = itertools.count(int.from_bytes(os.urandom(2), "big"))


class TemporaryFile:
    """A file with its content, ready to be moved to its name.

    Args:
        base_dir: The store's base directory.
        data: The content.
        make: Makes missing directories.
        mode: Permission bits of the file.
        durable: Whether the content is flushed to the disk.
    """

    def __init__(
        self, base_dir: str, data: bytes, make: DirectoryMaker, mode: int, *, durable: bool
    ) -> None:
        folder = os.path.join(base_dir, TEMPORARY)
        self.path = os.path.join(folder, _unused_name())
        self._durable = durable
        self._is_moved = False
        try:
            self._fd = os.open(self.path, _FLAGS, mode)
        except FileNotFoundError:
            make.path(folder)
            self._fd = os.open(self.path, _FLAGS, mode)
        try:
            # While the lock is held, the writer is alive.
            lock_abandoned(self._fd)
            _write(self._fd, data)
            self._stamp(_now())
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

    def ready(self) -> None:
        """Close it where an open file can't be moved."""
        if not BY_DESCRIPTOR:
            self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def moved(self) -> None:
        """Take note that it has got its name."""
        self._is_moved = True

    def discard(self) -> None:
        """Close it, and delete it if it was not moved away."""
        self.close()
        if not self._is_moved:
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
    try:
        with os.scandir(os.path.join(base_dir, TEMPORARY)) as entries:
            names = [entry.path for entry in entries if _NAME.fullmatch(entry.name)]
    except FileNotFoundError:
        return
    for path in names:
        try:
            if _is_dead(path):
                os.unlink(path)
        except (FileNotFoundError, PermissionError):
            continue  # moved to its name meanwhile, or somebody else's


def _is_dead(path: str) -> bool:
    match = _NAME.fullmatch(os.path.basename(path))
    old = time.time() - os.stat(path).st_mtime > _OLD
    if match is None or not (old or (match[1] == _host() and not _runs(int(match[2])))):
        return False
    descriptor = os.open(path, os.O_RDWR)
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


def _host() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _unused_name() -> str:
    return f"{_host()}-{os.getpid()}-{os.urandom(8).hex()}"


def _now() -> int:
    """Return nanoseconds since the epoch.

    The last three digits are a counter: also while the clock stands still, an item that is
    deleted and made again, on the same inode, gets another time.
    """
    return time.time_ns() // 1000 * 1000 + next(_stamps) % 1000


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    if written < len(data):  # more than the system takes at once
        rest = memoryview(data)[written:]
        while rest:
            rest = rest[os.write(descriptor, rest) :]
