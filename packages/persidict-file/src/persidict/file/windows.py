"""Code for Windows: paths that it does not reinterpret, and retries while a file is open."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable

_JUNCTION = 0xA0000003  # stat.IO_REPARSE_TAG_MOUNT_POINT, which only Windows has
_MAX_WAIT = 10.0  # seconds


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


def replace_shared(source: str, target: str) -> None:
    """Replace a file, which fails while somebody has it open for a moment."""
    _retry(lambda: os.replace(source, target))


def unlink_shared(path: str) -> None:
    """Delete a file, which fails while somebody has it open for a moment."""
    _retry(lambda: os.unlink(path))


def refuse_links(root: str, names: list[str]) -> None:
    """Raise if a symlink or junction leads to a directory, because Windows would follow it."""
    path = root
    for name in names:
        path = os.path.join(path, name)
        try:
            info = os.lstat(path)
        except OSError:
            return  # it is missing
        if stat.S_ISLNK(info.st_mode) or getattr(info, "st_reparse_tag", 0) == _JUNCTION:
            raise NotADirectoryError(errno.ENOTDIR, "a link is not followed", path)


def _retry(action: Callable[[], None]) -> None:
    deadline = time.monotonic() + _MAX_WAIT
    while True:
        try:
            action()
        except PermissionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)
        else:
            return
