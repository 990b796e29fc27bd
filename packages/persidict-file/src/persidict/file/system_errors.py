"""Tell the errors of system calls from those that a signal handler or a finalizer raised."""

from __future__ import annotations


def raise_foreign(error: OSError) -> None:
    """Raise an error that no system call made, such as the ``TimeoutError`` of a signal handler.

    System calls set `errno`; ``raise TimeoutError("too slow")`` leaves it None. Call this before
    an error is handled or wrapped, so that what the user's code raised comes through.
    """
    if error.errno is None:
        raise error
