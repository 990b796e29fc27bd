"""The directory ``+tmp`` of a store: files being written, and old versions kept for their inodes.

An ETag consists of modification time, size and inode. The file system soon reuses the inode of a
deleted file. If a new version also got the old one's time, both would have the same ETag. This can
happen while the clock stands, after it was set back, or on a file system that counts whole seconds.
Therefore persidict moves such an old version here, where it keeps its inode, and deletes it when no
new file can get its time any more.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from persidict.core.backend import Expected
from persidict.core.flags import ANY_ETAG
from persidict.core.log import debug
from persidict.file.directory import LONGEST_TICK, NO_FOLLOW, Directory, DirectoryMaker
from persidict.file.held import Held, holding
from persidict.file.kept import FOLDER_NAME, kept_path
from persidict.file.locks import try_lock
from persidict.file.system_errors import raise_foreign

if TYPE_CHECKING:
    from persidict.file.file_systems import FileSystem

_PENDING = r"([0-9a-f]{8})-(\d+)-[0-9a-f]+"
_RETIRED = r"old-[0-9a-f]+"
# Seconds after which a file that nobody has locked is dead wherever its writer ran.
_MAX_WRITING = 3600
# Nanoseconds. Times that end in zeros come from a file system that cuts them off (see
# `PendingFile`); clocks are set back by a few seconds now and then.
_FINEST_DIGITS = 1000
_MARGIN = 10 * 10**9
RECENT = LONGEST_TICK + _MARGIN
_MIN_RETIRED = 64


class Folder:
    """The directory ``+tmp`` of one store.

    Args:
        root: The store's base directory.
        maker: Creates it.
        strict: Whether conditions that can't be exact are refused.

    Attributes:
        directory_type: Opens and locks the directories of the store.
        is_local: Whether the file system is known to be local, so that all users of the store
            are on this machine.
        is_shared: Whether it is known to be one that needs another type of directories.
        file_mode: Permission bits of new files.
        is_swept: Whether files that others left behind were deleted once.
        uses_lock_files: Whether directories can't be locked themselves; they may hold lock files.
        is_smb: Whether what is open can't be replaced or removed, and a lock keeps readers out.
    """

    def __init__(self, root: str, maker: DirectoryMaker, *, strict: bool = False) -> None:
        # Now, because an operation can't import anything while the interpreter exits, nor in a
        # signal handler that interrupts the same import.
        from persidict.file.file_systems import file_system_of, warn_or_refuse
        from persidict.file.shared_directory import SharedDirectory
        from persidict.file.smb_directory import SmbDirectory

        host()  # may import, too
        self._file_system_of, self._warn_or_refuse = file_system_of, warn_or_refuse
        self._shared_type, self._smb_type = SharedDirectory, SmbDirectory
        self.root, self.maker, self._strict = root, maker, strict
        self.directory_type: type[Directory] = Directory
        self.is_local = self.is_shared = False
        self._file_system: FileSystem | None = None
        self.path = os.path.join(root, FOLDER_NAME)
        self.file_mode = maker.mode & 0o666
        self.is_swept = False
        self.uses_lock_files = self.is_smb = False
        self._retired = 0
        self._max_retired = _MIN_RETIRED

    def file_system(self) -> FileSystem:
        """Return the file system of the store; find it out at the first call."""
        if self._file_system is None:
            self._file_system = found = self._file_system_of(self.root)
            self.is_local = found.is_local
            self.is_shared = found.is_shared
            if found.is_shared:
                self.directory_type = self._smb_type if found.is_smb else self._shared_type
            self.is_smb = found.is_smb
        return self._file_system

    def prepare(self, expected: Expected) -> None:
        """Find out about the file system, before a change that may have a condition.

        If conditions can't be exact there, log a warning, once.

        Raises:
            OSError: ``ENOTSUP``, instead of the warning, if the store is strict.
        """
        if self.file_system().loss and expected is not ANY_ETAG:
            self._warn_or_refuse(self.root, self.file_system(), strict=self._strict)

    def sweep(self) -> None:
        """Delete the files of writers that are surely dead, and old versions."""
        self.file_system()
        self.is_swept = True
        self._retired = 0
        left = 0
        for path in self._paths():
            try:
                if _is_over(path):
                    os.unlink(path)
                    debug("persidict.file", "deleted %s, which is no longer needed", path)
                else:
                    left += 1
            except (FileNotFoundError, PermissionError) as error:
                raise_foreign(error)
                continue  # moved to its name meanwhile, or somebody else's
        self._max_retired = max(_MIN_RETIRED, left)

    def keep_replaced(self, directory: Directory, name: str) -> None:
        """Keep the inode of a file that is about to be replaced."""
        directory.link_to(name, self._retiring())

    def deleting(
        self, directory: Directory, name: str, info: os.stat_result, now: int
    ) -> Callable[[], None]:
        """Return a function that deletes a file, and keeps its inode if need be."""
        if not may_return(info, now):
            return directory.unlinking(name)
        if not os.path.isdir(self.path):
            self.maker.create(self.path)
        return directory.unlinking(name, self._retiring())

    def _retiring(self) -> str:
        self._retired += 1
        if self._retired > self._max_retired:
            self.sweep()
        return kept_path(self.root)

    def _paths(self) -> list[str]:
        """Return the paths of pending and old files."""
        try:
            if os.path.islink(self.path):
                return []  # leads to files of others; no write goes there either
            with os.scandir(self.path) as entries:
                return [
                    entry.path
                    for entry in entries
                    if (re.fullmatch(_PENDING, entry.name) or re.fullmatch(_RETIRED, entry.name))
                    and entry.is_file(follow_symlinks=False)
                ]
        except FileNotFoundError as error:
            raise_foreign(error)
            return []


def may_return(info: os.stat_result, now: int) -> bool:
    """Tell whether a file that is written from now on could get the time of this one.

    Args:
        info: The stat of a file.
        now: Nanoseconds since 1970; it may be a little earlier.
    """
    written = info.st_mtime_ns
    return now - written < (_FINEST_DIGITS if written % _FINEST_DIGITS else RECENT)


def _is_over(path: str) -> bool:
    """Tell whether a file in the folder is not needed any longer."""
    info = os.stat(path)
    name = os.path.basename(path)
    if re.fullmatch(_RETIRED, name):
        return not may_return(info, time.time_ns())
    match = re.fullmatch(_PENDING, name)
    old = time.time() - info.st_mtime > _MAX_WRITING
    if match is None or not (old or (match[1] == host() and not _runs(int(match[2])))):
        return False
    return holding(lambda held: _is_unlocked(held, path))


def _is_unlocked(held: Held, path: str) -> bool:
    held.descriptors += map(os.open, (path,), (os.O_RDWR | NO_FOLLOW,))
    return sys.platform == "win32" or try_lock(held.descriptors[-1])


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
def host() -> str:
    """Return a fingerprint of this machine's name."""
    from zlib import crc32

    if sys.platform == "win32":
        from socket import gethostname  # three milliseconds, which others save

        name = gethostname()
    else:
        name = os.uname().nodename
    return f"{crc32(name.encode()):08x}"
