"""A directory of a store, kept open, so that a change can't reach another one at the same path.

Windows can't keep directories open; there, persidict uses paths.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from _thread import get_ident  # `threading` has the same one, and takes a while to import
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from persidict.file import windows
from persidict.file.flush import sync
from persidict.file.held import Held, holders
from persidict.file.kept import kept_path
from persidict.file.locks import (
    LOCK_NAME,
    NO_DIRECTORY_LOCKS,
    lock_file_in,
    lock_inside,
    release,
    widen,
)
from persidict.file.system_errors import raise_foreign

if sys.platform != "win32":
    import fcntl

BY_DESCRIPTOR = sys.platform != "win32"
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
# Nanoseconds; FAT counts in two seconds, most others in milliseconds.
LONGEST_TICK = 2 * 10**9
_MAX_SYNCED = 4096
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_ROOT = (os.O_RDONLY | getattr(os, "O_DIRECTORY", 0),)
_BELOW = (_ROOT[0] | NO_FOLLOW,)


class Directory:
    """One directory of a store.

    Args:
        held: Gets the descriptors.
        root: The store's base directory.
        names: The directories below it that lead to this one; no symlink among them is followed.
        maker: Creates directories that are missing; None: raise ``FileNotFoundError``.
    """

    locks_itself = BY_DESCRIPTOR  # otherwise, the lock is on a file in it
    lock_deadline: float | None = None  # None: the system waits for the lock of a file

    def __init__(
        self, held: Held, root: str, names: list[str], maker: DirectoryMaker | None
    ) -> None:
        self._held, self._root, self._names = held, root, names
        # A name in here is given to the system as `_start + name`, relative to `_fd` if any.
        self._start = ""
        self._fd: int | None = None
        if not BY_DESCRIPTOR:
            self._start = os.path.join(self.path, "")
            windows.refuse_links(root, names)
            if not os.path.isdir(self.path):
                if maker is None:
                    raise FileNotFoundError(errno.ENOENT, "no such directory", self.path)
                maker.create(self.path)
            return
        opened = held.descriptors
        if maker is None:
            opened += map(os.open, (root,), _ROOT)
            for depth, name in enumerate(names):
                if depth:  # the one above stays open, for `remove`
                    any(map(os.close, map(opened.pop, (-2,))))  # see `Held.close_descriptors`
                opened += map(partial(os.open, dir_fd=opened[-1]), (name,), _BELOW)
        else:
            maker.open(held, root, names)
        self._fd = opened[-1]

    @property
    def path(self) -> str:
        """The path that the directory had when it was opened."""
        return os.path.join(self._root, *self._names)

    def stat_file(self, name: str) -> os.stat_result | None:
        """Return the stat of a file, None if there is none (or something else than a file)."""
        try:
            info = os.stat(self._start + name, dir_fd=self._fd)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                return None  # nothing, or a symlink to itself
            raise
        return info if stat.S_ISREG(info.st_mode) else None

    def is_taken(self, name: str) -> bool:
        """Return whether the name belongs to a directory, device or other non-file.

        Dangling symlinks don't count.
        """
        try:
            os.stat(self._start + name, dir_fd=self._fd)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                return False
            raise
        return self.stat_file(name) is None

    def replace(self, source: str, name: str) -> None:
        """Move a file from a path to a name in here, over what has that name."""
        if self._fd is None:
            windows.replace_shared(source, self._start + name, kept_path(self._root))
        else:
            os.rename(source, name, dst_dir_fd=self._fd)

    def insert(self, source: str, name: str) -> None:
        """Move a file from a path to a name in here; ``FileExistsError`` if it is taken.

        Atomic by itself where the file system has hard links (also over NFS, and against
        writers that take no locks); elsewhere by the lock that the caller holds.
        """
        if self._fd is None and sys.platform == "win32":
            windows.rename_shared(source, self._start + name)
            return
        try:
            os.link(source, self._start + name, dst_dir_fd=self._fd)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
        else:
            os.unlink(source)
            return
        try:
            os.stat(self._start + name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError as error:
            raise_foreign(error)
            self.replace(source, name)
            return
        raise FileExistsError(errno.EEXIST, "the name is taken", name)

    def link_to(self, name: str, path: str) -> None:
        """Give a file in here a second name, a path, where the file system has links."""
        try:
            os.link(self._start + name, path, src_dir_fd=self._fd)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise

    def unlink(self, name: str) -> None:
        """Delete a file."""
        if self._fd is None:
            self.unlinking(name)()
        else:
            os.unlink(name, dir_fd=self._fd)

    def unlinking(self, name: str, kept: str | None = None) -> Callable[[], None]:
        """Return a function that deletes a file, or moves it to `kept`; one call on POSIX."""
        if self._fd is None:
            if kept is not None:
                return partial(windows.rename_shared, self._start + name, kept)
            return partial(windows.unlink_shared, self._start + name, kept_path(self._root))
        if kept is not None:
            return partial(os.rename, name, kept, src_dir_fd=self._fd)
        return partial(os.unlink, name, dir_fd=self._fd)

    def remove_empty(self, name: str) -> bool:
        """Remove a directory in here, and tell whether it was there and empty."""
        remove = windows.remove_shared if self._fd is None else partial(os.rmdir, dir_fd=self._fd)
        try:
            remove(self._start + name)
        except OSError as error:
            raise_foreign(error)
            return False
        return True

    def remove(self) -> bool:
        """Remove the directory itself if it is empty, as the last step; tell whether it was."""
        self._held.close_descriptors(1)
        self._fd = self._held.descriptors[0]
        return self.remove_empty(self._names[-1])

    def sync(self) -> None:
        """Make all changes of names in here survive a power loss."""
        if self._fd is not None:
            sync(self._fd)

    def lock(self) -> None:
        """Keep other threads and processes out until `unlock`.

        An operation that has interrupted another one in the same thread gets in at once.

        Raises:
            OSError: The file system offers no locks at all, or see `lock_inside`.
        """
        held, descriptor, thread = self._held, self._fd, get_ident()
        held.directory = self.path if descriptor is None else descriptor
        held.lock = descriptor
        held.outer, held.unlock = holders.get(thread), self.unlock
        holders[thread] = held
        if held.outer is not None:
            held.lock = None
            lock_inside(held, self._start, locks_itself=self.locks_itself)
            return
        if self.locks_itself and descriptor is not None and sys.platform != "win32":
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in NO_DIRECTORY_LOCKS:
                    raise
            else:
                return
        held.lock = None
        lock_file_in(held, self._start, deadline=self.lock_deadline)

    def unlock(self) -> None:
        """Release the lock."""
        held, lock = self._held, self._held.lock
        if lock not in held.descriptors:
            lock = None  # closed, and so released, by a cleanup that was interrupted before this
        try:
            if lock is not None:
                release(lock)  # not by closing alone: a forked child may share the description
        finally:
            held.lock = held.committing = None
            if held.is_disturbed and lock is not None and sys.platform != "win32":
                release(lock)  # a handler may have taken it again just before
            if held.outer is None:
                holders.pop(get_ident(), None)
            else:
                holders[get_ident()] = held.outer
            held.unlock = None

    def was_locked(self) -> bool:
        """Tell whether anybody may have locked it before."""
        return True

    def has_lock_file(self) -> bool:
        """Tell whether a file in it is locked, because directories can't be."""
        return self._held.lock is not None and self._held.lock != self._fd

    def remove_lock_file(self) -> None:
        """Delete the lock file if there are no items in the directory; it must be locked."""
        held = self._held
        if not self.has_lock_file():
            return
        with os.scandir(self.path if self._fd is None else self._fd) as entries:
            if not all(entry.name.startswith("+") for entry in entries):
                return
        if self._fd is None:  # an open file can't be deleted there
            self.unlock()
            held.close_descriptors(len(held.descriptors) - 1)
        with suppress(FileNotFoundError, PermissionError):  # somebody else locks it
            os.unlink(self._start + LOCK_NAME, dir_fd=self._fd)


class DirectoryMaker:
    """Creates directories with a mode, and flushes the parents of each item to disk.

    The name of an existing directory may not be on the disk: its creator may have died before it
    flushed the name, or it never flushes.

    Args:
        mode: Permission bits of new directories, whatever the umask takes away.
        durable: Whether anything is flushed.
    """

    def __init__(self, mode: int, *, durable: bool) -> None:
        self.mode = mode
        self.durable = durable and BY_DESCRIPTOR
        self.is_root_synced = not self.durable
        # Modification times at which the entries of directories were all on the disk.
        self._synced: dict[tuple[int, int], int] = {}

    def create(self, path: str) -> None:
        """Create a directory and its parents."""
        self.is_root_synced = not self.durable
        missing = [path]  # not by recursion, for which there may be too many
        while not os.path.isdir(parent := os.path.dirname(missing[-1])) and parent != missing[-1]:
            missing.append(parent)
        for each in reversed(missing):
            try:
                os.mkdir(each, self.mode)
            except FileExistsError as error:
                raise_foreign(error)
            else:
                if os.stat(each).st_mode & self.mode != self.mode:
                    os.chmod(each, os.stat(each).st_mode & 0o7777 | self.mode)

    def open(self, held: Held, root: str, names: list[str]) -> None:
        """Open a directory below the root; create and flush its parents if need be."""
        opened = held.descriptors
        try:
            opened += map(os.open, (root,), _ROOT)
        except FileNotFoundError as error:
            raise_foreign(error)
            self.create(root)
            opened += map(os.open, (root,), _ROOT)
        if not self.is_root_synced:
            self.ensure_root_synced(held, root)
        for name in names:
            opener = partial(os.open, dir_fd=opened[-1])
            try:
                opened += map(opener, (name,), _BELOW)
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
                try:
                    os.mkdir(name, self.mode, dir_fd=opened[-1])
                except FileExistsError as exists:
                    raise_foreign(exists)
                opened += map(opener, (name,), _BELOW)
                if os.fstat(opened[-1]).st_mode & self.mode != self.mode:
                    widen(opened[-1], self.mode)
            if self.durable:
                self.ensure_synced(opened[-2])
            any(map(os.close, map(opened.pop, (-2,))))

    def ensure_synced(self, descriptor: int) -> None:
        """Flush the entries of an open directory, unless they are surely on the disk."""
        info = os.fstat(descriptor)
        identity = info.st_dev, info.st_ino
        if self._synced.get(identity) == info.st_mtime_ns:
            return
        sync(descriptor)
        # Changes within one tick of the file system's clock share their time.
        if time.time_ns() - info.st_mtime_ns > LONGEST_TICK:
            if len(self._synced) >= _MAX_SYNCED:
                self._synced.clear()
            self._synced[identity] = info.st_mtime_ns

    def ensure_root_synced(self, held: Held, root: str) -> None:
        """Flush the directories that lead to the root on its file system."""
        path, device = root, os.stat(root).st_dev
        while (parent := os.path.dirname(path)) != path:
            if os.stat(parent).st_dev != device:
                break
            path = parent
            try:
                held.descriptors += map(os.open, (path,), (os.O_RDONLY,))
            except PermissionError as error:
                raise_foreign(error)
                continue  # then it is not ours, and was there before
            sync(held.descriptors[-1])
            held.close_descriptors(len(held.descriptors) - 1)
        self.is_root_synced = True
