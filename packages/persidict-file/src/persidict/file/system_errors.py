"""Errors of system calls: their messages for users, and errors that only look like them."""

from __future__ import annotations

import errno
from typing import Any

from persidict.core.errors import BackendError
from persidict.core.keys import shown_key

# Characters of a path below the root that a message shows.
MAX_SHOWN = 200
_MAX_REASON = 1000
_GONE = (errno.ENOENT, errno.ESTALE)


def raise_foreign(error: OSError) -> None:
    """Raise an error that no system call made, such as the ``TimeoutError`` of a signal handler.

    System calls set `errno`; ``raise TimeoutError("too slow")`` leaves it None. Call this before
    an error is handled or wrapped, so that what the user's code raised comes through.
    """
    if error.errno is None:
        raise error


def is_gone(error: OSError) -> bool:
    """Tell whether a file or directory is missing, or was until a network file system noticed."""
    raise_foreign(error)
    return error.errno in _GONE


def backend_error(
    backend: str, operation: str, key: Any, where: str, error: OSError
) -> BackendError:
    """Return the error for users of a system call that failed.

    Args:
        backend: The name of the store's class.
        operation: What was tried.
        key: The item's key; None for many items.
        where: The path that it was about.
        error: What the system said.
    """
    raise_foreign(error)
    what = "the items" if key is None else shown_key(key)
    why = str(error)
    if len(why) > _MAX_REASON:  # it repeats a long path
        why = f"[Errno {error.errno}] {error.strerror}"
    return BackendError(
        f"can't {operation} {what} in {where}: {why}",
        backend=backend,
        operation=operation,
        key=key,
    )
