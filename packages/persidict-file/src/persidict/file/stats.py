"""What the file system tells of an item; ETags are worked out only when they are read."""

from __future__ import annotations

import os
import sys

from persidict.core.results import ETagValue


class FileStat:
    """ETag and timestamp of one version of a file."""

    __slots__ = ("_info",)

    def __init__(self, info: os.stat_result) -> None:
        self._info = info

    @property
    def etag(self) -> ETagValue:
        """Modification time, size and inode: no two versions of a key share all three."""
        info = self._info
        return ETagValue(f"{info.st_mtime_ns:x}-{info.st_size:x}-{info.st_ino:x}")

    @property
    def timestamp(self) -> float:
        """POSIX seconds of the last write."""
        return self._info.st_mtime


class EntryStat:
    """The same for an entry of a listing; ``KeyError`` if the file has vanished since."""

    __slots__ = ("_entry",)

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self._entry = entry

    @property
    def etag(self) -> ETagValue:
        """The ETag at the time it is first asked for."""
        return self._stat().etag

    @property
    def timestamp(self) -> float:
        """POSIX seconds of the last write."""
        return self._stat().timestamp

    def _stat(self) -> FileStat:
        try:
            # Windows keeps no inodes in its listings.
            windows = sys.platform == "win32"
            return FileStat(os.stat(self._entry.path) if windows else self._entry.stat())
        except FileNotFoundError as error:
            raise KeyError(self._entry.name) from error
