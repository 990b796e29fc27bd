"""A directory on a file system that several machines share, such as NFS.

A lock on a directory stays on the machine there; a lock on a file in it reaches the server. What
the client remembers of names and files may be outdated. Opening a directory or a file makes it ask
the server, so whoever has got the lock opens what it looks at.
"""

from __future__ import annotations

import errno
import os
import stat
from functools import partial

from persidict.file.directory import Directory, DirectoryMaker
from persidict.file.held import Held
from persidict.file.locks import LOCK_NAME
from persidict.file.system_errors import raise_foreign

_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
# Without O_NONBLOCK, opening a FIFO would wait for a writer.
FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
_MAX_STALE = 10


class SharedDirectory(Directory):
    """A directory that is locked by a file in it, and asks the server for each look."""

    locks_itself = False

    def __init__(
        self, held: Held, root: str, names: list[str], maker: DirectoryMaker | None
    ) -> None:
        try:
            super().__init__(held, root, names, maker)
        except OSError as error:
            self._raise_if_gone(error)
            raise

    def lock(self) -> None:
        """Keep other threads, processes and machines out, and forget what may be outdated."""
        kept = len(self._held.descriptors)
        try:
            super().lock()
            self._refresh()
            while not self._has_lock():  # somebody else has deleted the lock file
                self.unlock()
                self._held.close_descriptors(kept)
                super().lock()
                self._refresh()
        except OSError as error:
            self._raise_if_gone(error)
            raise

    def was_locked(self) -> bool:
        """Tell whether there is a lock file, which the first to lock the directory creates."""
        self._refresh()
        return self.stat_file(LOCK_NAME) is not None

    def stat_file(self, name: str) -> os.stat_result | None:
        """Open a file, so that the client asks the server, and return its stat."""
        for _ in range(_MAX_STALE):
            try:
                info = self._opened(name, FILE)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ELOOP):
                    return None
                if error.errno != errno.ESTALE:
                    return super().stat_file(name)  # it may not be read, or is a socket
                self._refresh()  # replaced since the client saw its name
            else:
                return info if stat.S_ISREG(info.st_mode) else None
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), name)

    def _refresh(self) -> None:
        """Open the directory anew, so that the client asks the server for names in it."""
        at = self._opened(self.path, _DIRECTORY)
        if self._fd is not None and not os.path.samestat(at, os.fstat(self._fd)):
            raise FileNotFoundError(errno.ENOENT, "another directory has the name", self.path)

    def _has_lock(self) -> bool:
        lock = self._held.lock
        if lock is None:
            return True  # an interrupted operation of this thread has it
        found = self.stat_file(LOCK_NAME)
        return found is not None and os.path.samestat(found, os.fstat(lock))

    def _opened(self, name: str, flags: int) -> os.stat_result:
        """Return the stat of what is opened and closed again."""
        opened = self._held.descriptors
        kept = len(opened)
        opened += map(partial(os.open, dir_fd=self._fd), (name,), (flags,))
        try:
            return os.fstat(opened[-1])
        finally:
            self._held.close_descriptors(kept)

    def _raise_if_gone(self, error: OSError) -> None:
        raise_foreign(error)
        if error.errno == errno.ESTALE:
            text = "the directory has been removed"
            raise FileNotFoundError(errno.ENOENT, text, self.path) from error
