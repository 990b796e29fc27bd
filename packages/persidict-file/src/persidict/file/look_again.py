"""Looking again for an item that somebody is replacing, where a look can fail for that.

NFS says that a file is stale if the client's knowledge of its name is outdated. On FUSE, and on NFS
if the client that replaces the file has it open, the item has no name for a moment. SMB may refuse
to open it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from persidict.file.folder import Folder
from persidict.file.held import Held, holding
from persidict.file.system_errors import raise_foreign

T = TypeVar("T")
_MAX_LOOKS = 5
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)


def look_again(look: Callable[[], T], names: list[str], folder: Folder, error: OSError) -> T:
    """Repeat a look that has failed, if somebody may have replaced the item at that moment.

    Args:
        look: Returns what it finds.
        names: Those that lead from the root to the item's file.
        folder: The temporary folder of the store.
        error: What the first look raised.

    Raises:
        OSError: The given error, if it says something else, or the last one.
    """
    raise_foreign(error)
    if error.errno == errno.ESTALE:
        holding(partial(_open, os.path.join(folder.root, *names[:-1])))
        try:
            return look()
        except OSError as another:
            error = another
    for _ in range(_MAX_LOOKS):
        if error.errno not in folder.file_system().passing:
            break
        try:
            return holding(partial(_look_locked, look, names, folder))
        except OSError as another:
            if another.errno == error.errno == errno.ENOENT:
                break  # nobody is replacing it
            error = another
    raise error


def _open(path: str, held: Held) -> None:
    """Open a directory, so that the client asks the server for the names in it."""
    try:
        held.descriptors += map(os.open, (path,), (_DIRECTORY,))
    except OSError as error:
        raise_foreign(error)


def _look_locked(look: Callable[[], T], names: list[str], folder: Folder, held: Held) -> T:
    """Look while nobody can replace the item."""
    try:
        directory = folder.directory_type(held, folder.root, names[:-1], None)
        if directory.was_locked():
            directory.lock()
            directory.stat_file(names[-1])  # an SMB client also remembers that there was none
    except OSError as error:
        raise_foreign(error)  # otherwise there is no such directory, or it can't be locked
    return look()
