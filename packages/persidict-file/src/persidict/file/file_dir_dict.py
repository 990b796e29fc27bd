"""`FileDirDict`: each value in a file, hierarchical keys as directories."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from typing import ClassVar

from persidict.core._codecs.signing import SigningKey
from persidict.core.backend import ETagMismatch, Expected, Location, StatLike
from persidict.core.blobs import BlobDict, Pieces
from persidict.core.errors import BackendError
from persidict.core.flags import (
    ANY_ETAG,
    ITEM_NOT_AVAILABLE,
    AnyETagFlag,
    ItemNotAvailableFlag,
)
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple, trusted_keys
from persidict.core.results import ETagValue, ValueType
from persidict.file.deleting import (
    erase_if_file,
    erase_listed,
    erase_names,
    is_removed,
    remove_empty,
)
from persidict.file.directory import BY_DESCRIPTOR, Directory, DirectoryMaker
from persidict.file.parameters import (
    absolute,
    check_digest_len,
    check_dir_mode,
    check_format_length,
)
from persidict.file.paths import Layout
from persidict.file.pending_file import TemporaryFile, sweep
from persidict.file.scan import directories_below, first_components, items_below
from persidict.file.stats import EntryStat, FileStat

# Without O_NONBLOCK, opening a FIFO would wait for a writer.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# What opening a socket gives, or, on Windows, a directory.
_NO_FILE = {errno.ENXIO, errno.EOPNOTSUPP, errno.EACCES}
_MAX_DIGEST_LEN = 26
# How often a directory may be removed as empty before a file gets into it.
_MAX_REMOVALS = 1000


class FileDirDict(BlobDict[ValueType]):
    """A persistent dict in a directory, shared by the threads and processes of one machine.

    The item ``d["a", "b"]`` is the file ``base_dir/a_<digest>/b_<digest>.pkl``. Files are
    replaced, never edited: a reader sees one complete version, without taking a lock.
    Conditional operations are atomic between all threads and processes of the machine.

    Args:
        base_dir: Where the files are; made on the first write.
        serialization_format: ``"pkl"`` (any object; reading runs code, so read only stores that
            you trust), ``"json"``, or any other safe name for plain text.
        append_only: Refuse every change and deletion of an existing item.
        digest_len: Characters of its digest that follow each component, 0 to 26. With 0, keys
            that differ only in case collide on file systems without case.
        base_class_for_values: Refuse values that are not instances of this class.
        durable: Flush file and directory to the disk before a write or deletion returns, so
            that it survives a power loss. False is several times faster, and as safe against
            the death of processes.
        dir_mode: Permission bits of the directories it makes; files get those of them that
            make sense for files. The default makes new stores private to the user.
        signing_key: A secret of at least 16 bytes, or several: every value is signed with the
            first, and refused before it is decoded unless one of them has signed it for its key
            and format. None: no signatures.
        object_tags: False makes ``"json"`` refuse, in what is written and in what is read, the
            tags of objects, which can run code.
        max_inflated_bytes: What a compressed value may inflate to; larger ones are stored
            uncompressed, and refused when they are read. None: no bound.

    Raises:
        ValueError: `base_dir` is empty or no directory, or `digest_len` is out of range.
        BackendError: From any operation: the file system refused; ``__cause__`` says why.

    Notes:
        Foreign files in `base_dir` are ignored and never touched.

    Example:
        >>> import tempfile
        >>> d = FileDirDict(base_dir=tempfile.mkdtemp())
        >>> d["results", "first"] = {"loss": 0.25}
        >>> d["results", "first"]["loss"]
        0.25
    """

    _takes_pieces: ClassVar[bool] = True

    def __init__(
        self,
        base_dir: str | os.PathLike[str] = "__file_dir_dict__",
        *,
        serialization_format: str = "pkl",
        append_only: bool = False,
        digest_len: int = 4,
        base_class_for_values: type[ValueType] | None = None,
        durable: bool = True,
        dir_mode: int = 0o700,
        signing_key: SigningKey | None = None,
        object_tags: bool = True,
        max_inflated_bytes: int | None = 2**30,
    ) -> None:
        super().__init__(
            append_only=append_only,
            base_class_for_values=base_class_for_values,
            serialization_format=serialization_format,
            signing_key=signing_key,
            object_tags=object_tags,
            max_inflated_bytes=max_inflated_bytes,
        )
        check_format_length(serialization_format)
        check_digest_len(digest_len)
        check_dir_mode(dir_mode)
        self._root = absolute(base_dir)
        self.digest_len = digest_len
        self.durable = bool(durable)
        self.dir_mode = dir_mode
        self._layout = Layout(serialization_format, min(digest_len, _MAX_DIGEST_LEN))
        self._make = DirectoryMaker(dir_mode, durable=self.durable)
        self._swept: list[bool] = []  # shared by all sub-dicts

    @property
    def base_dir(self) -> str:
        """The absolute path of the directory that the items of this (sub-)dict are in."""
        return self._directory(self._prefix)

    def _stat(self, key: NonEmptySafeStrTuple) -> FileStat:
        try:
            info = os.stat(self._where(key))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise KeyError(key) from error
        except OSError as error:
            if _is_no_file(self._where(key), error):
                raise KeyError(key) from error
            raise self._failure("look up", key, error) from error
        if not stat.S_ISREG(info.st_mode):
            raise KeyError(key)
        return FileStat(info)

    def _get(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[bytes | None, FileStat]:
        return self._get_from(self._where(key), key, known)

    def _get_from(
        self, path: str, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[bytes | None, FileStat]:
        try:
            descriptor = os.open(path, _READ)
            try:
                info = os.fstat(descriptor)
                if not stat.S_ISREG(info.st_mode):
                    raise KeyError(key)
                found = FileStat(info)
                if known is not None and found.etag == known:
                    return None, found
                return _read(descriptor, info.st_size), found
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise KeyError(key) from error
        except OSError as error:
            if _is_no_file(path, error):
                raise KeyError(key) from error
            raise self._failure("read", key, error) from error

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        for key, listed in wanted:
            path = listed.path if isinstance(listed, EntryStat) else self._where(key)
            try:
                data, found = self._get_from(path, key, None)
            except KeyError:
                continue
            yield key, self._decoded(key, data), found  # type: ignore[arg-type]  # nothing is known

    def _put(self, key: NonEmptySafeStrTuple, data: Pieces, expected: Expected) -> FileStat:
        pieces = [data] if isinstance(data, bytes) else data
        *directories, name = self._layout.path(key)
        try:
            if expected is not ANY_ETAG:
                self._refuse_early(key, expected)
            if not self._swept:
                self._swept.append(True)
                sweep(self._root)
            temporary = TemporaryFile(
                self._root, pieces, self._make, self.dir_mode & 0o666, durable=self.durable
            )
            try:
                for _ in range(_MAX_REMOVALS):
                    try:
                        with Directory(self._root, directories, self._make) as directory:
                            return self._commit(directory, name, temporary, expected)
                    except FileNotFoundError as error:
                        removed = error  # as empty, by somebody who deleted its last item
                raise removed
            finally:
                temporary.discard()
        except OSError as error:
            raise self._failure("write", key, error) from error

    def _commit(
        self, directory: Directory, name: str, temporary: TemporaryFile, expected: Expected
    ) -> FileStat:
        """Give the temporary file its name if the version there is the expected one."""
        directory.lock()
        try:
            current = directory.regular(name)
            if expected is not ANY_ETAG:
                _require(current, expected)
            info = temporary.newer_than(None if current is None else current.st_mtime_ns)
            if not BY_DESCRIPTOR:  # an open file can't be moved there
                temporary.close()
            if current is None:
                try:
                    directory.insert(temporary.path, name)
                except FileExistsError:
                    if directory.occupied(name):
                        where = os.path.join(directory.path, name)
                        raise FileExistsError(f"{where} is no regular file") from None
                    # Somebody who takes no locks was faster.
                    raise ETagMismatch from None
            else:
                directory.replace(temporary.path, name)
            temporary.is_moved = True
        finally:
            directory.unlock()
        if self.durable:
            directory.sync()
        return FileStat(info)

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        *directories, name = self._layout.path(key)
        try:
            with Directory(self._root, directories, None) as directory:
                directory.lock()
                try:
                    current = directory.regular(name)
                    if current is None:
                        raise KeyError(key)
                    if expected is not ANY_ETAG:
                        _require(current, expected)
                    directory.unlink(name)
                finally:
                    directory.unlock()
                if self.durable:
                    directory.sync()
            remove_empty(self._root, directories)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise KeyError(key) from error
        except OSError as error:
            raise self._failure("delete", key, error) from error

    def _erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        """Delete neighbours under one lock, and sync each directory once."""
        names = ((path[:-1], path[-1:]) for path in map(self._layout.path, keys))
        try:
            erase_names(self._root, names, erase_if_file, durable=self.durable)
        except OSError as error:
            raise self._failure("delete", None, error) from error

    def clear(self) -> None:
        """Delete all items, and the empty directories of writers that died early.

        Raises:
            MutationPolicyError: The dict is append-only, be it empty or not.
        """
        self._validate_mutable()
        try:
            erase_names(self._root, self._listed_names(), erase_listed, durable=self.durable)
        except OSError as error:
            raise self._failure("delete", None, error) from error
        try:
            for path in directories_below(self._directory(self._prefix), self._layout):
                is_removed(self._root, os.path.relpath(path, self._root).split(os.sep))
        except OSError as error:
            raise self._failure("list", None, error) from error

    def _listed_names(self) -> Iterator[tuple[list[str], list[str]]]:
        """Yield what `erase_names` takes, without working it out of the keys again."""
        start = len(self._root.rstrip(os.sep)) + 1
        for _, _, entries in self._files(self._prefix):
            directories = entries[0].path[start:].split(os.sep)[:-1]
            yield directories, [entry.name for entry in entries]

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
        for above, head, entries in self._files(prefix):
            keys = trusted_keys(above, self._layout.components(head, entries))
            yield from zip(keys, map(EntryStat, entries), strict=True)

    def _keys(self, prefix: SafeStrTuple) -> Iterator[NonEmptySafeStrTuple]:
        for above, head, entries in self._files(prefix):
            yield from trusted_keys(above, self._layout.components(head, entries))

    def _count(self, prefix: SafeStrTuple) -> int:
        return sum(len(entries) for _, _, entries in self._files(prefix))

    def _first_components(self, prefix: SafeStrTuple) -> Iterator[str]:
        try:
            return iter(first_components(self._directory(prefix), self._layout))
        except OSError as error:
            raise self._failure("list", None, error) from error

    def _files(
        self, prefix: SafeStrTuple
    ) -> Iterator[tuple[tuple[str, ...], str, list[os.DirEntry[str]]]]:
        try:
            yield from items_below(self._directory(prefix), prefix, self._layout)
        except OSError as error:
            raise self._failure("list", None, error) from error

    def _location(self) -> Location:
        place = os.path.realpath(self.base_dir)
        return Location(("files", self.serialization_format), tuple(place.split(os.sep)))

    def _directory(self, prefix: SafeStrTuple) -> str:
        return os.path.join(self._root, *self._layout.directories(prefix))

    def _where(self, key: NonEmptySafeStrTuple) -> str:
        return os.sep.join([self._root, *self._layout.path(key)])

    def _refuse_early(
        self, key: NonEmptySafeStrTuple, expected: ETagValue | ItemNotAvailableFlag
    ) -> None:
        """See before anything is written what the commit would refuse anyway."""
        try:
            info = os.stat(self._where(key))
        except (FileNotFoundError, NotADirectoryError):
            info = None
        _require(info if info and stat.S_ISREG(info.st_mode) else None, expected)

    def _failure(
        self, operation: str, key: NonEmptySafeStrTuple | None, error: OSError
    ) -> BackendError:
        what = "the items" if key is None else f"{self._shown(key)!r}"
        where = self.base_dir if key is None else self._where(key)
        return BackendError(
            f"can't {operation} {what} in {where}: {error}",
            backend=type(self).__name__,
            operation=operation,
            key=None if key is None else self._shown(key),
        )


def _is_no_file(path: str, error: OSError) -> bool:
    """Tell whether an error means that something else has an item's place."""
    if error.errno == errno.ELOOP:
        return True  # a symlink to itself
    if error.errno not in _NO_FILE:
        return False
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _require(current: os.stat_result | None, expected: ETagValue | ItemNotAvailableFlag) -> None:
    actual = ITEM_NOT_AVAILABLE if current is None else FileStat(current).etag
    if actual != expected:
        raise ETagMismatch


def _read(descriptor: int, size: int) -> bytes:
    data = os.read(descriptor, size)
    if len(data) == size:
        return data
    parts = [data]  # more than the system gives at once
    while data := os.read(descriptor, size):
        parts.append(data)
    return b"".join(parts)
