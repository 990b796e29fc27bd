"""A directory on SMB, which refuses for a moment what others have open.

SMB moves a file over another one only while nobody on the same client has that one open; Windows
servers refuse it for every client. When Linux is refused, it deletes the other file and tries
again. The deleted file keeps its name until it is closed. So an item may be missing for a moment,
and a move that has failed must be repeated until it succeeds.

A client keeps files open for a while after they were closed, and then finds in them what was
replaced long ago. A lock on a part of a file makes the client close it. The server itself looks a
name up to link it; therefore whoever has the lock looks through a second name.
"""

from __future__ import annotations

import errno
import math
import os
import stat
import sys
from collections.abc import Callable
from functools import partial

from persidict.file.directory import NO_LINKS
from persidict.file.kept import delete_kept, kept_path
from persidict.file.locks import LOCK_NAME
from persidict.file.patience import MAX_WAIT, SHORT_WAIT, retry
from persidict.file.shared_directory import FILE, SharedDirectory
from persidict.file.system_errors import raise_foreign

if sys.platform != "win32":
    import fcntl

_BUSY = frozenset({errno.EBUSY, errno.EAGAIN, errno.ETXTBSY, errno.ESTALE})
# A byte that no file has, so that the lock keeps nobody from reading.
_BEYOND = 1 << 40


class SmbDirectory(SharedDirectory):
    """A directory in which changes wait for those who have the files open."""

    lock_deadline = math.inf  # but persidict asks again and again: who waits in Samba may hang

    def lock(self) -> None:
        """Lock a file in the directory; its name may belong to a deleted one for a moment."""
        retry(partial(self._lock_once, len(self._held.descriptors)), self._patience)

    def stat_file(self, name: str) -> os.stat_result | None:
        """Return the stat that the server gives for a file."""
        found = retry(partial(self._look, name), self._patience_of_look)
        if found is not None and name != LOCK_NAME and not self._is_known(name, found):
            self._forget(name)
        return found

    def replace(self, source: str, name: str) -> None:
        """Move a file over another one, when nobody has that one open."""
        retry(partial(super().replace, source, name), partial(self._patience_of_move, source))

    def insert(self, source: str, name: str) -> None:
        """Move a file to a name; ``FileExistsError`` if it is taken."""
        try:
            retry(partial(os.link, source, name, dst_dir_fd=self._fd), self._patience)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            super().insert(source, name)
            return
        delete_kept(source)

    def unlink(self, name: str) -> None:
        """Delete a file."""
        self._delete(name, None)

    def unlinking(self, name: str, kept: str | None = None) -> Callable[[], None]:
        """Return a function that deletes a file, or moves it to `kept`."""
        return partial(self._delete, name, kept)

    def _lock_once(self, kept: int) -> None:
        try:
            super().lock()
        except OSError:
            if self._held.unlock is not None:
                self._held.unlock()
            self._held.close_descriptors(kept)
            raise

    def _delete(self, name: str, kept: str | None) -> None:
        """Free the name at once: a deleted file would have it until all readers close it."""
        aside = kept or kept_path(self._root)
        move = partial(os.rename, name, aside, src_dir_fd=self._fd)
        try:
            retry(move, self._patience)
        except FileNotFoundError as error:
            raise_foreign(error)  # otherwise there is no temporary folder, or no such file
            retry(partial(os.unlink, name, dir_fd=self._fd), self._patience)
            return
        if kept is None:
            delete_kept(aside)

    def _look(self, name: str) -> os.stat_result | None:
        """Look a name up through a second one, which the client can't know yet."""
        pending, second = self._held.pending, kept_path(self._root)
        pending[second] = None
        try:
            os.link(name, second, src_dir_fd=self._fd)
            info = os.stat(second)  # opening it fails if the client has the first name open
        except OSError as error:
            if self._patience_of_look(error):
                raise
            plain = super().stat_file(name)
            has_folder = os.path.isdir(os.path.dirname(second))
            if plain is None or not (error.errno == errno.ENOENT and has_folder):
                return plain  # there is none, or it can't be linked
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), name) from error
        finally:
            delete_kept(second)
            pending.pop(second, None)
        return info if stat.S_ISREG(info.st_mode) else None

    def _is_known(self, name: str, found: os.stat_result) -> bool:
        """Tell whether the client knows what the server has found."""
        try:
            return os.path.samestat(os.stat(name, dir_fd=self._fd), found)
        except OSError as error:
            raise_foreign(error)
            return False

    def _forget(self, name: str) -> None:
        """Make the client close a file that it has kept open, so that the next reader asks."""
        opened = self._held.descriptors
        kept = len(opened)
        try:
            opened += map(partial(os.open, dir_fd=self._fd), (name,), (FILE,))
            if sys.platform != "win32":
                fcntl.lockf(opened[-1], fcntl.LOCK_SH | fcntl.LOCK_NB, 1, _BEYOND)
        except OSError as error:
            raise_foreign(error)  # otherwise the next reader may see what is outdated
        finally:
            self._held.close_descriptors(kept)

    def _patience(self, error: OSError) -> float:
        """Return for how long an error can pass."""
        raise_foreign(error)
        if error.errno in _BUSY:
            return MAX_WAIT
        if error.errno == errno.EACCES and os.access(self.path, os.W_OK | os.X_OK):
            return MAX_WAIT
        return 0

    def _patience_of_look(self, error: OSError) -> float:
        return min(self._patience(error), SHORT_WAIT if error.errno == errno.EACCES else MAX_WAIT)

    def _patience_of_move(self, source: str, error: OSError) -> float:
        raise_foreign(error)
        if error.errno == errno.ENOENT:  # the name that it is moved to belongs to a deleted file
            return MAX_WAIT if os.path.lexists(source) and os.path.isdir(self.path) else 0
        return self._patience(error)
