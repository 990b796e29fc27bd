"""Reading one version of a file."""

from __future__ import annotations

import errno
import os
import stat
import sys

from persidict.core.results import ETagValue
from persidict.file.stats import FileStat
from persidict.file.system_errors import raise_foreign
from persidict.file.windows import open_shared

# What opens files, if it is not `os.open`.
_open = open_shared if sys.platform == "win32" else None
# Without O_NONBLOCK, opening a FIFO would wait for a writer.
_READ = (os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0),)
_LAST = (-1,)
# Errors of an open or stat that can mean that something else than a file has the name: a socket,
# or, on Windows, a directory.
_MAYBE_NO_FILE = {errno.ENXIO, errno.EOPNOTSUPP, errno.EACCES}
# A symlink to itself; a path that is too long to have been written.
_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


def read_version(
    path: str, known: ETagValue | None, as_map: bool
) -> tuple[bytes | memoryview | None, FileStat]:
    """Return the content of a file and its stat, no content if its ETag is `known`.

    Args:
        path: The file.
        known: An ETag.
        as_map: Return a read-only memory map of the file.

    Raises:
        OSError: It can't be read; see `is_absent`.
    """
    opened: list[int] = []  # filled and emptied as `Held.descriptors` is
    try:
        try:
            opened += map(_open or os.open, (path,), _READ)
            descriptor = opened[0]
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                raise FileNotFoundError(errno.ENOENT, "no regular file", path)
            found = FileStat((info,))
            if known is not None and found.etag == known:
                return None, found
            size = info.st_size
            if as_map:
                return _mapped(descriptor, size), found
            data = os.read(descriptor, size + 1)
            if len(data) != size:
                data = _read_on(descriptor, data)
            return data, found
        finally:
            if opened:
                any(map(os.close, map(opened.pop, _LAST)))
    finally:
        if opened:
            os.close(opened[0])


def is_absent(path: str, error: OSError) -> bool:
    """Tell whether an error means that there is no file, or something else in its place."""
    raise_foreign(error)
    if error.errno in _NO_FILE:
        return True
    if error.errno not in _MAYBE_NO_FILE:
        return False
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError as found:
        raise_foreign(found)
        return False


def _mapped(descriptor: int, size: int) -> bytes | memoryview:
    """Map a file into memory; replacing the file does not change what is mapped."""
    if size == 0:
        return b""  # nothing that could be mapped
    import mmap

    return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ))


def _read_on(descriptor: int, data: bytes) -> bytes:
    """Read the rest: one call may return only a part, and the file may have grown since `fstat`."""
    parts = [data]
    while data := os.read(descriptor, 1 << 30):
        parts.append(data)
    return b"".join(parts)
