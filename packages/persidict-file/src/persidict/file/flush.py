"""Flushing to the disk: one file or directory, or all that a batch has written by one call."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from functools import cache

from persidict.file.held import Held

if sys.platform != "win32":
    import fcntl

_NO_FULL_FSYNC = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY}
# Before 5.8, Linux did not report failed writes here.
_MIN_LINUX = (5, 8)


def sync(descriptor: int) -> None:
    """Flush a file or directory to the disk itself."""
    if sys.platform == "darwin":
        # macOS's fsync stops at the drive's cache (man 2 fsync); not every volume can do more.
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in _NO_FULL_FSYNC:
                raise
        else:
            return
    os.fsync(descriptor)


def can_sync_file_system() -> bool:
    """Tell whether `sync_file_system` works here: on Linux, with a C library that has `syncfs`."""
    return _syncfs() is not None


def sync_file_system(held: Held, path: str) -> None:
    """Flush all files and directories of the file system that a directory is on."""
    syncfs = _syncfs()
    if syncfs is None:
        raise NotImplementedError
    held.descriptors += map(os.open, (path,), (os.O_RDONLY,))
    error = syncfs(held.descriptors[-1])
    held.close_descriptors(len(held.descriptors) - 1)
    if error:
        raise OSError(error, os.strerror(error), path)


@cache
def _syncfs() -> Callable[[int], int] | None:
    """Return a function that flushes a descriptor's file system and returns an error number."""
    if sys.platform != "linux" or _kernel() < _MIN_LINUX:
        return None
    try:
        import ctypes  # takes some milliseconds, and only batches need it

        function = ctypes.CDLL(None, use_errno=True).syncfs
    except (ImportError, OSError, AttributeError):
        return None
    return lambda descriptor: ctypes.get_errno() if function(descriptor) else 0


def _kernel() -> tuple[int, ...]:
    numbers = os.uname().release.split("-")[0].split(".")[:2]
    return tuple(int(number) for number in numbers if number.isdigit())
