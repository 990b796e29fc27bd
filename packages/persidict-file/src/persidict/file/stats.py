"""Stats of items, from the file system. They compute an ETag only when somebody reads it."""

from __future__ import annotations

import os
import sys

from persidict.core.results import ETagValue
from persidict.file.system_errors import is_gone


class FileStat(tuple[os.stat_result]):
    """ETag, timestamp and size of one version of a file: ``FileStat((os.stat(path),))``.

    It is a tuple because every read creates one, and a constructor in Python takes three times as
    long.
    """

    __slots__ = ()

    @property
    def etag(self) -> ETagValue:
        """Modification time, size and inode: no two versions of a key share all three."""
        (info,) = self
        return ETagValue(f"{info.st_mtime_ns:x}-{info.st_size:x}-{info.st_ino:x}")

    @property
    def timestamp(self) -> float:
        """POSIX seconds of the last write."""
        return self[0].st_mtime

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self[0].st_size


class EntryStat:
    """The stat of a listed file; its attributes raise ``KeyError`` if the file has vanished."""

    __slots__ = ("_entry",)

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self._entry = entry

    @property
    def path(self) -> str:
        """Where the file is."""
        return self._entry.path

    @property
    def etag(self) -> ETagValue:
        """The ETag of the version that the first access finds."""
        return FileStat((self._info(),)).etag

    @property
    def timestamp(self) -> float:
        """POSIX seconds of the last write."""
        return self._info().st_mtime

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._info().st_size

    def _info(self) -> os.stat_result:
        try:
            return _stat(self._entry)
        except OSError as error:
            if not is_gone(error):
                raise
        try:
            return os.stat(self._entry.path)  # replaced at that moment, on a network file system
        except OSError as error:
            if not is_gone(error):
                raise
            raise KeyError(self._entry.name) from error


def _stat(entry: os.DirEntry[str]) -> os.stat_result:
    # Windows keeps no inodes in its listings.
    return os.stat(entry.path) if sys.platform == "win32" else entry.stat()
