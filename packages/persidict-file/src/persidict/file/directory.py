"""A directory held open: what happens in it is bound to it, not to a path that others change.

Where the system can't do that (Windows), the same by paths.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from persidict.file.locks import lock_directory, lock_file, unlock

BY_DESCRIPTOR = sys.platform != "win32"
# What file systems answer that can't lock a directory (NFS wants a file open for writing).
_NO_DIRECTORY_LOCKS = {errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP, errno.EISDIR}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
LOCK_NAME = "+lock"
_JUNCTION = 0xA0000003  # stat.IO_REPARSE_TAG_MOUNT_POINT, which only Windows has
# Nanoseconds; FAT counts in two seconds, most others in milliseconds.
_LONGEST_TICK = 2 * 10**9
_MOST_SETTLED = 4096
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Directory:
    """One directory of a store.

    Args:
        root: The store's base directory.
        names: The directories below it that lead to this one; no symlink among them is followed.
        make: Makes directories that are missing, or is None if they may be.
    """

    def __init__(self, root: str, names: list[str], make: DirectoryMaker | None) -> None:
        self._root, self._names = root, names
        self._locked = -1
        # A name in here is given to the system as `_start + name`, below the descriptor if any.
        self._start = ""
        self._fd: int | None = None
        if BY_DESCRIPTOR:
            self._fd = _open_root(root, make)
            for name in names:
                self._fd = _open_below(self._fd, name, make)
            return
        self._start = os.path.join(self.path, "")
        _refuse_links(root, names)
        if not os.path.isdir(self.path):
            if make is None:
                raise FileNotFoundError(errno.ENOENT, "no such directory", self.path)
            make.path(self.path)

    @property
    def path(self) -> str:
        """Where it is, or was when it was opened."""
        return os.path.join(self._root, *self._names)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._fd is not None:
            os.close(self._fd)

    def regular(self, name: str) -> os.stat_result | None:
        """Return the stat of a file, None if there is none (or something else than a file)."""
        try:
            info = os.stat(self._start + name, dir_fd=self._fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None  # a symlink to itself
            raise
        return info if stat.S_ISREG(info.st_mode) else None

    def occupied(self, name: str) -> bool:
        """Tell whether the name is taken by something else than a file or a symlink to one."""
        if self.regular(name) is not None:
            return False
        try:
            os.stat(self._start + name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def replace(self, source: str, name: str) -> None:
        """Move a file from a path to a name in here, over what has that name."""
        if self._fd is None:
            replace_shared(source, self._start + name)
        else:
            os.rename(source, name, dst_dir_fd=self._fd)

    def insert(self, source: str, name: str) -> None:
        """Move a file from a path to a name in here; ``FileExistsError`` if it is taken.

        Atomic by itself where the file system has hard links (also over NFS, and against
        writers that know no locks); elsewhere by the lock that the caller holds.
        """
        try:
            os.link(source, self._start + name, dst_dir_fd=self._fd)
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
        os.unlink(self._start + name, dir_fd=self._fd)

    def remove_empty(self, name: str) -> bool:
        """Remove a directory in here, and tell whether it was there and empty."""
        try:
            os.rmdir(self._start + name, dir_fd=self._fd)
        except OSError:
            return False
        return True

    def sync(self) -> None:
        """Make all changes of names in here survive a power loss."""
        if self._fd is not None:
            sync(self._fd)

    def lock(self) -> None:
        """Keep other threads and processes out until `unlock`.

        Raises:
            OSError: The file system offers no locks at all.
        """
        if self._fd is not None:
            try:
                lock_directory(self._fd)
            except OSError as error:
                if error.errno not in _NO_DIRECTORY_LOCKS:
                    raise
            else:
                self._locked = self._fd
                return
        flags = os.O_RDWR | os.O_CREAT | NO_FOLLOW
        file = os.open(self._start + LOCK_NAME, flags, 0o666, dir_fd=self._fd)
        try:
            lock_file(file)
        except BaseException:
            os.close(file)
            raise
        self._locked = file

    def unlock(self) -> None:
        """Let others in again."""
        try:
            unlock(self._locked)
        finally:
            if self._locked != self._fd:
                os.close(self._locked)


class DirectoryMaker:
    """Makes directories with a mode, and sees that those on the way to an item survive.

    That a directory is there does not say that its name is on the disk: whoever made it may
    have died before syncing, or not sync at all.
    """

    def __init__(self, mode: int, *, durable: bool) -> None:
        self._mode = mode
        self.durable = durable and BY_DESCRIPTOR
        self.is_root_settled = not self.durable
        # Directories whose entries are all on the disk as long as their time is this one.
        self._settled: dict[tuple[int, int], int] = {}

    def path(self, path: str) -> None:
        """Make a directory and its parents."""
        self.is_root_settled = not self.durable
        parent = os.path.dirname(path)
        if parent != path and not os.path.isdir(parent):
            self.path(parent)
        with suppress(FileExistsError):
            os.mkdir(path, self._mode)

    def below(self, descriptor: int, name: str) -> None:
        """Make one directory in an open one."""
        with suppress(FileExistsError):
            os.mkdir(name, self._mode, dir_fd=descriptor)

    def settle(self, descriptor: int) -> None:
        """Bring the entries of an open directory to the disk, if they aren't surely there."""
        info = os.fstat(descriptor)
        identity = info.st_dev, info.st_ino
        if self._settled.get(identity) == info.st_mtime_ns:
            return
        sync(descriptor)
        # Changes within one tick of the file system's clock share their time.
        if time.time_ns() - info.st_mtime_ns > _LONGEST_TICK:
            if len(self._settled) >= _MOST_SETTLED:
                self._settled.clear()
            self._settled[identity] = info.st_mtime_ns

    def settle_root(self, root: str) -> None:
        """Do so with the directories that lead to the root on its file system."""
        path, device = root, os.stat(root).st_dev
        while (parent := os.path.dirname(path)) != path:
            if os.stat(parent).st_dev != device:
                break
            path = parent
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except PermissionError:
                continue  # then it is not ours, and was there before
            try:
                sync(descriptor)
            finally:
                os.close(descriptor)
        self.is_root_settled = True


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


def _refuse_links(root: str, names: list[str]) -> None:
    """Refuse what Windows would follow: symlinks and junctions on the way to a directory."""
    path = root
    for name in names:
        path = os.path.join(path, name)
        try:
            info = os.lstat(path)
        except OSError:
            return  # it will be made, or said to be missing
        if stat.S_ISLNK(info.st_mode) or getattr(info, "st_reparse_tag", 0) == _JUNCTION:
            raise NotADirectoryError(errno.ENOTDIR, "a link is not followed", path)


def _open_root(root: str, make: DirectoryMaker | None) -> int:
    try:
        descriptor = os.open(root, _DIRECTORY)
    except FileNotFoundError:
        if make is None:
            raise
        make.path(root)
        descriptor = os.open(root, _DIRECTORY)
    if make is not None and not make.is_root_settled:
        try:
            make.settle_root(root)
        except BaseException:
            os.close(descriptor)
            raise
    return descriptor


def _open_below(above: int, name: str, make: DirectoryMaker | None) -> int:
    """Open a directory in an open one, which is closed in any case."""
    try:
        try:
            below = os.open(name, _DIRECTORY | NO_FOLLOW, dir_fd=above)
        except FileNotFoundError:
            if make is None:
                raise
            make.below(above, name)
            below = os.open(name, _DIRECTORY | NO_FOLLOW, dir_fd=above)
        if make is not None and make.durable:
            try:
                make.settle(above)
            except BaseException:
                os.close(below)
                raise
    finally:
        os.close(above)
    return below
