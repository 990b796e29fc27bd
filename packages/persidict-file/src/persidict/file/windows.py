"""Code for Windows: paths that it takes as they are, and files that others may delete while open.

Windows refuses to replace, delete or open a file at some moments: while somebody has it open who
does not share deletion, and while a deleted file is still open. Each call here tries again then.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

from persidict.file.kept import delete_kept
from persidict.file.patience import MAX_WAIT, SHORT_WAIT, retry
from persidict.file.system_errors import raise_foreign

if sys.platform == "win32":
    from persidict.file import windows_calls

T = TypeVar("T")
_ACCESS_DENIED = 5
# Seconds for which each of the system's errors can pass: ERROR_ACCESS_DENIED, which can also mean
# that the user has no such right, ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION.
_PATIENCE = {_ACCESS_DENIED: SHORT_WAIT, 32: MAX_WAIT, 33: MAX_WAIT}
_USER_MAPPED_FILE = 1224
_JUNCTION = 0xA0000003  # stat.IO_REPARSE_TAG_MOUNT_POINT, which only Windows has


def unparsed(path: str) -> str:
    r"""Return an absolute Windows path in the form that the system takes as it is.

    Otherwise it would take ``CON.pkl`` for a device, drop a final dot, and end at 260 characters.

    Raises:
        ValueError: It leads to a device.

    Example:
        >>> print(unparsed(r"C:\data"), unparsed(r"\\server\share\data"))
        \\?\C:\data \\?\UNC\server\share\data
    """
    if path.startswith("\\\\.\\"):
        raise ValueError(f"base_dir must be the path of a directory, got the device {path}")
    if path.startswith("\\\\?\\"):
        return path
    if path.startswith("\\\\"):
        return "\\\\?\\UNC" + path[1:]
    return "\\\\?\\" + path


def open_shared(path: str, _flags: int) -> int:
    """Open a file for reading, and let others replace or delete it meanwhile.

    Args:
        path: The file.
        _flags: Ignored; they are those of `os.open`.
    """
    return _retry(lambda: _open_shared(path))


def open_to_lock(path: str, _flags: int, _mode: int) -> int:
    """Open a file to lock it, or create it; somebody may be deleting it. See `open_shared`."""
    return _retry(lambda: _open_to_lock(path))


def replace_shared(source: str, target: str, aside: str) -> None:
    """Replace a file, even while readers have it open.

    Windows can do it in one step on NTFS. Elsewhere, a file that stays open has to be moved away
    first, and its name is free for a moment.

    Args:
        source: The new file.
        target: The file to replace.
        aside: A path in the temporary folder, to which the old file is moved then.
    """
    try:
        _retry(lambda: _rename_over(source, target))
    except OSError as error:
        raise_foreign(error)
        if getattr(error, "winerror", None) not in {*_PATIENCE, _USER_MAPPED_FILE}:
            raise
        _retry(lambda: _replace_in_steps(source, target, aside))


def rename_shared(source: str, target: str) -> None:
    """Move a file that somebody may have open; on Windows, ``FileExistsError`` if it exists."""
    _retry(lambda: os.rename(source, target))


def unlink_shared(path: str, aside: str) -> None:
    """Delete a file whose name is free at once, even while readers have it open.

    Args:
        path: The file.
        aside: A path in the temporary folder, to which the file is moved first.
    """
    try:
        rename_shared(path, aside)
    except FileNotFoundError as error:
        raise_foreign(error)  # otherwise there is no such folder, or no such file
        _retry(lambda: os.unlink(path))
        return
    delete_kept(aside)


def list_shared(path: str) -> Iterator[os.DirEntry[str]]:
    """List a directory as `os.scandir` does; somebody may be removing it."""
    return _retry(lambda: os.scandir(path))


def remove_shared(path: str) -> None:
    """Remove an empty directory that somebody may be listing.

    It can also be the current directory of a program, for which it is not worth waiting long.
    """
    retry(lambda: os.rmdir(path), lambda error: min(_patience(error), SHORT_WAIT))


def refuse_links(root: str, names: list[str]) -> None:
    """Raise if a symlink or junction leads to a directory, because Windows would follow it."""
    path = root
    for name in names:
        path = os.path.join(path, name)
        try:
            info = os.lstat(path)
        except OSError as error:
            raise_foreign(error)
            return  # it is missing
        if stat.S_ISLNK(info.st_mode) or getattr(info, "st_reparse_tag", 0) == _JUNCTION:
            raise NotADirectoryError(errno.ENOTDIR, "a link is not followed", path)


def _open_shared(path: str) -> int:
    if sys.platform == "win32":
        try:
            return windows_calls.open_to_read(path)
        except PermissionError as error:
            if error.winerror == _ACCESS_DENIED and os.path.isdir(path):
                raise FileNotFoundError(errno.ENOENT, "no regular file", path) from None
            raise
    raise NotImplementedError


def _open_to_lock(path: str) -> int:
    if sys.platform == "win32":
        return windows_calls.open_to_lock(path)
    raise NotImplementedError


def _rename_over(source: str, target: str) -> None:
    if sys.platform == "win32":
        windows_calls.rename_over(source, target)
    else:
        os.replace(source, target)


def _replace_in_steps(source: str, target: str, aside: str) -> None:
    os.rename(target, aside)
    try:
        os.rename(source, target)
    except BaseException:
        os.rename(aside, target)
        raise
    delete_kept(aside)


def _retry(action: Callable[[], T]) -> T:
    return retry(action, _patience)


def _patience(error: OSError) -> float:
    if not isinstance(error, PermissionError):
        return 0
    raise_foreign(error)
    return _PATIENCE.get(getattr(error, "winerror", 0), 0)
