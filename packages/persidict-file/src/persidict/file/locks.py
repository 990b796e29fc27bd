"""Locks between the threads and processes of one machine, held for microseconds.

A lock belongs to an open file description, and every operation opens its own. Therefore threads
exclude each other as processes do, and the system releases the lock when a process dies. A forked
child shares its parent's descriptions, which would keep them locked, so it closes them at once.

`Directory.lock` locks the directory itself. This module has the rarer cases: a lock file where the
file system can't lock directories, and locks that this thread already has. A signal handler or a
finalizer may use the store while the operation that it interrupted holds a lock. It can't wait for
an operation of its own thread, so it proceeds, and the interrupted operation checks the item again
before it changes anything.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from functools import partial

from persidict.file.held import Held, holders
from persidict.file.system_errors import raise_foreign
from persidict.file.windows import open_to_lock

if sys.platform == "win32":
    from persidict.file import windows_calls
else:
    import fcntl

# What file systems answer that can't lock a directory (NFS wants a file open for writing).
NO_DIRECTORY_LOCKS = {
    errno.EBADF,
    errno.EINVAL,
    errno.ENOLCK,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EISDIR,
}
LOCK_NAME = "+lock"
_LOCK_FILE = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# Seconds that an operation inside another one waits for the lock of another directory.
_MAX_NESTED_WAIT = 0.2
_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.01


def lock_inside(held: Held, start: str, *, locks_itself: bool) -> None:
    """Lock a directory for an operation that interrupted another one in the same thread.

    Args:
        held: Gets the lock; `directory` is set.
        start: What comes before a name in the directory.
        locks_itself: Whether the lock is on the directory, not on a file in it.

    Raises:
        OSError: ``EDEADLK``: the interrupted operation is just deleting from the same directory,
            or somebody else has had another directory locked for too long.
    """
    locked = None
    for outer in _interrupted(held):
        if not _is_same(outer.directory, held.directory):
            continue
        outer.is_disturbed = True
        _get_ahead_of(outer)
        if outer.lock is None and isinstance(outer.directory, int):
            # The outer operation has released its lock, but a nested handler may have taken it
            # again on the same descriptor.
            release(outer.directory)
        locked = outer.lock if locked is None else locked
    if locked is not None:  # that operation has the lock, or was waiting for it and has it now
        if sys.platform != "win32":
            fcntl.flock(locked, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + _MAX_NESTED_WAIT
    if not (locks_itself and _is_directory_locked(held, deadline)):
        lock_file_in(held, start, deadline=deadline)


def lock_file_in(held: Held, start: str, *, deadline: float | None) -> None:
    """Lock a file in a directory that can't be locked itself.

    Args:
        held: Gets the lock; `directory` is set.
        start: What comes before a name in the directory.
        deadline: When to give up; None: never.
    """
    at = held.directory if isinstance(held.directory, int) else None
    opener = open_to_lock if sys.platform == "win32" else partial(os.open, dir_fd=at)
    mode = os.stat(start or ".", dir_fd=at).st_mode & 0o666
    while held.lock is None:
        held.descriptors += map(opener, (start + LOCK_NAME,), (_LOCK_FILE,), (mode,))
        opened = held.descriptors[-1]
        if sys.platform != "win32":  # there, a nested operation can't lock what has a lock already
            held.lock = opened
        widen(opened, mode)
        _acquire(opened, deadline=deadline)
        held.lock = opened
        if not _has_name(opened, start + LOCK_NAME, at):  # deleted with its directory
            release(opened)  # on Windows, closing may release it later
            held.lock = None
            held.close_descriptors(len(held.descriptors) - 1)


def release(descriptor: int) -> None:
    """Release a lock of a file."""
    if sys.platform == "win32":
        windows_calls.unlock(descriptor)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def try_lock(descriptor: int) -> bool:
    """Lock an open file if nobody else has it locked."""
    if sys.platform == "win32":
        return windows_calls.lock(descriptor, wait=False)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        raise_foreign(error)
        return False
    return True


def widen(descriptor: int, mode: int) -> None:
    """Give an open file or directory the permission bits that the umask took away."""
    if sys.platform != "win32":
        info = os.fstat(descriptor)
        if info.st_mode & mode != mode and info.st_uid == os.geteuid():
            os.fchmod(descriptor, (info.st_mode | mode) & 0o7777)


def _acquire(descriptor: int, *, deadline: float | None) -> None:
    """Lock an open file or directory, waiting for it."""
    if deadline is None:
        if sys.platform == "win32":
            windows_calls.lock(descriptor, wait=True)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    pause = _FIRST_PAUSE
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            raise OSError(errno.EDEADLK, "a signal handler or finalizer can't wait any longer")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _is_directory_locked(held: Held, deadline: float) -> bool:
    if not isinstance(held.directory, int):
        return False
    try:
        _acquire(held.directory, deadline=deadline)
    except OSError as error:
        if error.errno not in NO_DIRECTORY_LOCKS:
            raise
        return False
    held.lock = held.directory
    return True


def _interrupted(held: Held) -> Iterator[Held]:
    """Yield the operations of this thread that have locks or wait for them."""
    outer = held.outer
    while outer is not None:
        if outer.descriptors:  # it has none if an exception ended it before it was forgotten
            yield outer
        outer = outer.outer


def _is_same(one: int | str, other: int | str) -> bool:
    return os.path.samestat(os.stat(one), os.stat(other))


def _get_ahead_of(outer: Held) -> None:
    """Make sure that an interrupted operation has made its change, or that its attempt will fail.

    Raises:
        OSError: ``EDEADLK``: neither; it is a deletion.
    """
    if outer.committing is None or _is_done(outer.directory, *outer.committing[:2]):
        return
    make_it_fail = outer.committing[2]
    if make_it_fail is None:
        raise OSError(
            errno.EDEADLK,
            "a signal handler or finalizer has interrupted a deletion and can't wait for it",
        )
    make_it_fail()


def _is_done(directory: int | str, name: str, before: os.stat_result | None) -> bool:
    """Tell whether the change has been made that an interrupted operation was about to make."""
    try:
        if isinstance(directory, int):
            now = os.stat(name, dir_fd=directory)
        else:
            now = os.stat(os.path.join(directory, name))
    except FileNotFoundError as error:
        raise_foreign(error)
        return before is not None
    # Not by the inode alone: another interruption may have used it again.
    return before is None or _version(before) != _version(now)


def _version(info: os.stat_result) -> tuple[int, int, int]:
    return info.st_ino, info.st_mtime_ns, info.st_size


def _has_name(descriptor: int, path: str, at: int | None) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, dir_fd=at))
    except FileNotFoundError as error:
        raise_foreign(error)
        return False


def _close_in_child() -> None:
    for held in holders.values():
        for one in (held, *_interrupted(held)):
            one.close_descriptors(0)
    holders.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
