"""Code for Windows: paths that it takes as they are, and files that others may delete while open.

Windows refuses to replace, delete or open a file at some moments: while somebody has it open who
does not share deletion, and while a deleted file is still open. Each call here tries again then.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from persidict.file.system_errors import raise_foreign

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _create_file = ctypes.WinDLL("kernel32", use_last_error=True).CreateFileW
    _create_file.restype = wintypes.HANDLE
    _create_file.argtypes = [
        *(wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, wintypes.LPVOID),
        *(wintypes.DWORD, wintypes.DWORD, wintypes.HANDLE),
    ]
    _INVALID = wintypes.HANDLE(-1).value

T = TypeVar("T")
_GENERIC_READ = 0x80000000
_SHARE_ALL = 7  # reading, writing and deletion
_OPEN_EXISTING = 3
_ACCESS_DENIED = 5
_SHARING_VIOLATION = (32, 33)  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
_JUNCTION = 0xA0000003  # stat.IO_REPARSE_TAG_MOUNT_POINT, which only Windows has
# Seconds. A refused look can also mean that the user may not read the file, which does not pass.
_MAX_WAIT = 10.0
_MAX_LOOK = 0.5


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
    return _retry(lambda: _open_shared(path), _MAX_LOOK)


def open_patiently(path: str, flags: int, mode: int = 0o777) -> int:
    """Open a file as `os.open` does; somebody may be deleting it."""
    return _retry(lambda: os.open(path, flags, mode), _MAX_WAIT)


def replace_shared(source: str, target: str) -> None:
    """Replace a file, which fails while somebody has it open for a moment."""
    _retry(lambda: os.replace(source, target), _MAX_WAIT)


def rename_shared(source: str, target: str) -> None:
    """Move a file that somebody may have open; on Windows, ``FileExistsError`` if it exists."""
    _retry(lambda: os.rename(source, target), _MAX_WAIT)


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
        _retry(lambda: os.unlink(path), _MAX_WAIT)
        return
    try:
        os.unlink(aside)
    except OSError as error:
        raise_foreign(error)  # otherwise a later write deletes it


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
        handle = _create_file(path, _GENERIC_READ, _SHARE_ALL, None, _OPEN_EXISTING, 0, None)
        if handle == _INVALID:
            code = ctypes.get_last_error()
            if code == _ACCESS_DENIED and os.path.isdir(path):
                raise FileNotFoundError(errno.ENOENT, "no regular file", path)
            raise OSError(None, ctypes.FormatError(code), path, code)
        return msvcrt.open_osfhandle(handle, os.O_RDONLY | os.O_BINARY)
    raise NotImplementedError


def _retry(action: Callable[[], T], seconds: float) -> T:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return action()
        except PermissionError as error:
            passes = getattr(error, "winerror", None) in _SHARING_VIOLATION
            if time.monotonic() > deadline + (_MAX_WAIT - seconds if passes else 0):
                raise
            time.sleep(0.001)
