"""A directory held open: what happens in it is bound to it, not to a path that others change.

Where the system can't do that (Windows), the same by paths.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from persidict.file.locks import lock_directory, lock_file

BY_DESCRIPTOR = sys.platform != "win32"
# What file systems answer that can't lock a directory (NFS wants a file open for writing).
_NO_DIRECTORY_LOCKS = {errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP, errno.EISDIR}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
LOCK_NAME = "+lock"


class Directory:
    """One directory of a store.

    Args:
        root: The store's base directory.
        names: The directories below it that lead to this one; no symlink among them is followed.
        make: Makes directories that are missing, or is None if they may be.
    """

    def __init__(self, root: str, names: list[str], make: DirectoryMaker | None) -> None:
        self.path = os.path.join(root, *names)
        self._fd = -1
        if BY_DESCRIPTOR:
            self._fd = _open_below(root, names, make)
            self._at: dict[str, Any] = {"dir_fd": self._fd}
        else:
            self._at = {}
            if not os.path.isdir(self.path):
                if make is None:
                    raise FileNotFoundError(errno.ENOENT, "no such directory", self.path)
                make.path(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if BY_DESCRIPTOR:
            os.close(self._fd)

    def regular(self, name: str) -> os.stat_result | None:
        """Return the stat of a file, None if there is none (or something else than a file)."""
        try:
            info = os.stat(self._named(name), **self._at)
        except FileNotFoundError:
            return None
        return info if stat.S_ISREG(info.st_mode) else None

    def occupied(self, name: str) -> bool:
        """Tell whether the name is taken by something else than a file or a symlink to one."""
        if self.regular(name) is not None:
            return False
        try:
            os.stat(self._named(name), **self._at, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def replace(self, source: str, name: str) -> None:
        """Move a file from a path to a name in here, over what has that name."""
        if BY_DESCRIPTOR:
            os.rename(source, name, dst_dir_fd=self._fd)
        else:
            replace_shared(source, self._named(name))

    def insert(self, source: str, name: str) -> None:
        """Move a file from a path to a name in here; ``FileExistsError`` if it is taken.

        Atomic by itself where the file system has hard links (also over NFS, and against
        writers that know no locks); elsewhere by the lock that the caller holds.
        """
        try:
            if BY_DESCRIPTOR:
                os.link(source, name, dst_dir_fd=self._fd)
            else:
                os.link(source, self._named(name))
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        else:
            os.unlink(source)
            return
        if self.regular(name) is not None or self.occupied(name):
            raise FileExistsError(errno.EEXIST, "the name is taken", name)
        self.replace(source, name)

    def unlink(self, name: str) -> None:
        """Delete a file."""
        os.unlink(self._named(name), **self._at)

    def sync(self) -> None:
        """Make all changes of names in here survive a power loss."""
        if BY_DESCRIPTOR:
            sync(self._fd)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other threads and processes out of the same block.

        Raises:
            OSError: The file system offers no locks at all.
        """
        if BY_DESCRIPTOR:
            try:
                unlock = lock_directory(self._fd)
            except OSError as error:
                if error.errno not in _NO_DIRECTORY_LOCKS:
                    raise
            else:
                try:
                    yield
                finally:
                    unlock()
                return
        descriptor = os.open(self._named(LOCK_NAME), os.O_RDWR | os.O_CREAT, 0o666, **self._at)
        try:
            lock_file(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _named(self, name: str) -> str:
        return name if BY_DESCRIPTOR else os.path.join(self.path, name)


class DirectoryMaker:
    """Makes directories with a mode, and syncs the parents where they shall survive."""

    def __init__(self, mode: int, *, durable: bool) -> None:
        self._mode = mode
        self._durable = durable

    def path(self, path: str) -> None:
        """Make a directory and its parents."""
        parent = os.path.dirname(path)
        if parent != path and not os.path.isdir(parent):
            self.path(parent)
        try:
            os.mkdir(path, self._mode)
        except FileExistsError:
            return
        if self._durable and BY_DESCRIPTOR:
            descriptor = os.open(parent, os.O_RDONLY)
            try:
                sync(descriptor)
            finally:
                os.close(descriptor)

    def below(self, descriptor: int, name: str) -> None:
        """Make one directory in an open one."""
        try:
            os.mkdir(name, self._mode, dir_fd=descriptor)
        except FileExistsError:
            return
        if self._durable:
            sync(descriptor)


def sync(descriptor: int) -> None:
    """Flush a file or directory to the disk itself."""
    if sys.platform == "darwin":
        import fcntl

        # macOS's fsync stops at the drive's cache (man 2 fsync).
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def replace_shared(source: str, target: str) -> None:
    """Replace a file on Windows, where that fails while somebody has it open for a moment."""
    import time

    deadline = time.monotonic() + 10
    while True:
        try:
            os.replace(source, target)
        except PermissionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)
        else:
            return


def _open_below(root: str, names: list[str], make: DirectoryMaker | None) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY
    try:
        descriptor = os.open(root, flags)
    except FileNotFoundError:
        if make is None:
            raise
        make.path(root)
        descriptor = os.open(root, flags)
    for name in names:
        try:
            try:
                below = os.open(name, flags | os.O_NOFOLLOW, dir_fd=descriptor)
            except FileNotFoundError:
                if make is None:
                    raise
                make.below(descriptor, name)
                below = os.open(name, flags | os.O_NOFOLLOW, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor
