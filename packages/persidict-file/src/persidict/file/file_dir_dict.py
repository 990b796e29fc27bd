"""`FileDirDict`: each value in a file, hierarchical keys as directories."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from persidict.core.backend import ETagMismatch, Expected, Location, StatLike
from persidict.core.blobs import BlobDict, Pieces
from persidict.core.errors import BackendError
from persidict.core.flags import ANY_ETAG, ITEM_NOT_AVAILABLE, AnyETagFlag, ItemNotAvailableFlag
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple, trusted_keys
from persidict.core.results import ETagValue, ValueType
from persidict.file.directory import DirectoryMaker
from persidict.file.erase import erase, erase_names
from persidict.file.folder import Folder
from persidict.file.held import holding
from persidict.file.look_again import look_again
from persidict.file.parameters import (
    DEFAULT_BASE_DIR,
    MAX_PATH,
    refuse_path,
    validate_parameters,
    validated_root,
)
from persidict.file.paths import Layout
from persidict.file.pending_file import look_first, write
from persidict.file.read import is_absent, read_version
from persidict.file.stats import EntryStat, FileStat
from persidict.file.system_errors import MAX_SHOWN, backend_error, is_gone, raise_foreign

if TYPE_CHECKING:
    from persidict.core._codecs.signing import SigningKey
    from persidict.file.scan import Found

T = TypeVar("T")


class FileDirDict(BlobDict[ValueType]):
    """A persistent dict in a directory, shared by the threads and processes of one machine.

    The item ``d["a", "b"]`` is the file ``base_dir/a_<digest>/b_<digest>.pkl``. Files are
    replaced, never edited: a reader sees one complete version, without taking a lock.
    Conditional operations are atomic between all threads and processes of the machine.

    Args:
        base_dir: Where the files are; created by the first write.
        serialization_format: ``"pkl"`` (any object; reading runs code, so read only stores that
            you trust), ``"json"``, or any other safe name for plain text.
        append_only: Refuse every change and deletion of an existing item.
        digest_len: Characters of its digest that follow each component, 0 to 26. With 0, keys
            that differ only in case may collide, and copies of files may pass for items.
        base_class_for_values: Refuse values that are not instances of this class.
        durable: Flush to the disk before a write or deletion returns, so that it survives a
            power loss. False is several times faster, and as safe if a process dies.
        dir_mode: Permission bits of new directories, whatever the umask is; new files get those
            of them that make sense for files. The default makes new stores private to the user.
        signing_key: A secret of at least 16 bytes, or several: every value is signed with the
            first, and refused before it is decoded unless one of them has signed it for its key
            and format. None: no signatures.
        object_tags: False makes ``"json"`` refuse, in what is written and in what is read, the
            tags of objects, which can run code.
        max_inflated_bytes: What a compressed value may inflate to; larger ones are stored
            uncompressed, and refused when they are read. None: no bound.
        strict_conditions: Raise `BackendError` where the file system can't do a condition
            atomically between machines or mounts; otherwise, a warning is logged once.

    Raises:
        ValueError: `base_dir` is empty or no directory, or `digest_len` is out of range. From a
            write: the path of the item would be longer than the system allows.
        BackendError: From any operation: the file system refused; ``__cause__`` says why.

    Notes:
        Foreign files in `base_dir` are ignored and never touched. Signal handlers and finalizers
        may use the store.

    Example:
        >>> import tempfile
        >>> d = FileDirDict(base_dir=tempfile.mkdtemp())
        >>> d["results", "first"] = {"loss": 0.25}
        >>> d["results", "first"]["loss"]
        0.25
    """

    _takes_pieces: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_put" in vars(cls) and "_takes_pieces" not in vars(cls):
            cls._takes_pieces = False  # a `_put` of another author takes bytes

    def __init__(
        self,
        base_dir: str | os.PathLike[str] = DEFAULT_BASE_DIR,
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
        strict_conditions: bool = False,
    ) -> None:
        super().__init__(
            append_only=append_only,
            base_class_for_values=base_class_for_values,
            serialization_format=serialization_format,
            signing_key=signing_key,
            object_tags=object_tags,
            max_inflated_bytes=max_inflated_bytes,
        )
        validate_parameters(serialization_format, digest_len, dir_mode)
        # A signature is verified by reading everything, so a map would gain nothing.
        self._takes_maps = self._codec.takes_maps and signing_key is None
        self._root = validated_root(base_dir)
        self.digest_len = digest_len
        self.durable = bool(durable)
        self.dir_mode = dir_mode
        # What comes before a path of the layout, which begins with a separator.
        self._start = self._root.rstrip(os.sep)
        self._max_path = MAX_PATH - len(os.fsencode(self._start))
        self._layout = Layout(serialization_format, digest_len)
        self.strict_conditions = bool(strict_conditions)
        maker = DirectoryMaker(dir_mode, durable=self.durable)
        self._folder = Folder(self._root, maker, strict=self.strict_conditions)
        from persidict.core.other_layouts import MissNotice  # now, not in an operation
        from persidict.file.many_items import ManyItems  # likewise

        self._misses = MissNotice()
        self._many = ManyItems(self._folder, self._layout, durable=self.durable)

    @property
    def base_dir(self) -> str:
        """The absolute path of the directory that the items of this (sub-)dict are in."""
        return self._directory(self._prefix)

    def _stat(self, key: NonEmptySafeStrTuple) -> FileStat:
        path = self._start + self._layout.file(key)
        try:
            info = os.stat(path)
        except OSError as error:
            if error.errno == errno.ENOENT and self._misses.is_over and self._folder.is_local:
                raise KeyError(key) from error
            info = self._again(partial(os.stat, path), "look up", key, error)
        if not stat.S_ISREG(info.st_mode):
            raise KeyError(key)
        return FileStat((info,))

    def _get(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[bytes | memoryview | None, FileStat]:
        path = self._start + self._layout.file(key)
        try:
            return read_version(path, known, self._takes_maps)
        except OSError as error:
            if error.errno == errno.ENOENT and self._misses.is_over and self._folder.is_local:
                raise KeyError(key) from error
            read = partial(read_version, path, known, self._takes_maps)
            return self._again(read, "read", key, error)

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        if type(self)._get is not FileDirDict._get:
            yield from super()._load_many(wanted)
            return
        for key, listed in wanted:
            path = listed.path if isinstance(listed, EntryStat) else self._where(key)
            try:
                data, found = read_version(path, None, self._takes_maps)
            except OSError as error:
                raise_foreign(error)
                try:
                    data, found = self._get(key, None)  # says what is wrong
                except KeyError:
                    continue
            yield key, self._decoded(key, data), found  # type: ignore[arg-type]  # nothing is known

    def _put(self, key: NonEmptySafeStrTuple, data: Pieces, expected: Expected) -> FileStat:
        names = self._names_to_write(key)
        try:
            if expected is not ANY_ETAG:
                if not self._folder.is_local:
                    self._folder.prepare(expected)
                # The other conditional operations have just looked. On a shared file system, such
                # a look may be outdated.
                if self.append_only and not self._folder.is_shared:
                    look_first(self._where(key), expected)
            pieces = data if isinstance(data, list) else (data,)
            return holding(partial(write, names, pieces, expected, self._folder, self.durable))
        except OSError as error:
            raise self._failure("write", key, error) from error

    def _store_many(
        self,
        items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]],
        expected: AnyETagFlag | ItemNotAvailableFlag,
    ) -> None:
        """Write items with a few flushes for many of them."""
        if not self._writes_batches():
            super()._store_many(items, expected)
        elif not all(self._write_many(items, expected, stop=True)):
            raise ETagMismatch

    def _insert_many(
        self, items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]]
    ) -> Iterator[bool]:
        if not self._writes_batches():
            return super()._insert_many(items)
        return self._write_many(items, ITEM_NOT_AVAILABLE, stop=False)

    def _writes_batches(self) -> bool:
        # Without flushes there is nothing to save; a subclass sees each write in its `_put`.
        return self.durable and type(self)._put is FileDirDict._put

    def _write_many(
        self,
        items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]],
        expected: AnyETagFlag | ItemNotAvailableFlag,
        *,
        stop: bool,
    ) -> Iterator[bool]:
        encoded = (
            (self._names_to_write(key), self._encoded_pieces(key, value)) for key, value in items
        )
        try:
            yield from self._many.write(encoded, expected, stop=stop)
        except OSError as error:
            raise self._failure("write", None, error) from error

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        names = self._layout.file(key).split(os.sep)[1:]
        try:
            erase(names, expected, self._folder, durable=self.durable)
        except OSError as error:
            if is_gone(error) or error.errno == errno.ENOTDIR:
                raise KeyError(key) from error
            raise self._failure("delete", key, error) from error

    def _erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        """Delete items with few locks and flushes."""
        paths = (self._layout.file(key).split(os.sep)[1:] for key in keys)
        try:
            names = ((path[:-1], path[-1:]) for path in paths)
            erase_names(self._folder, names, durable=self.durable)
        except OSError as error:
            raise self._failure("delete", None, error) from error

    def clear(self) -> None:
        """Delete all items, and the empty directories of writers that died early.

        Raises:
            MutationPolicyError: The dict is append-only, be it empty or not.
        """
        self._validate_mutable()
        try:
            names = self._layout.directory(self._prefix).split(os.sep)[1:]
            self._many.clear(names, self._files(self._prefix))
        except OSError as error:
            raise self._failure("delete", None, error) from error

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
            return iter(self._many.first_components(self._directory(prefix)))
        except OSError as error:
            raise self._failure("list", None, error) from error

    def _files(self, prefix: SafeStrTuple) -> Iterator[Found]:
        is_empty = True
        try:
            for found in self._many.below(self._directory(prefix), prefix):
                is_empty = False
                yield found
        except OSError as error:
            raise self._failure("list", None, error) from error
        if is_empty:
            self._misses.found_nothing(self)

    def _stored_otherwise(self) -> list[dict[str, Any]]:
        from persidict.file.other_layouts import stored_otherwise  # rarely needed

        return stored_otherwise(self._root, self.serialization_format, self.digest_len)

    def _expect_other_layouts(self) -> None:
        self._misses.silence()

    def _location(self) -> Location:
        place = os.path.normcase(os.path.realpath(self.base_dir))
        return ("files", self.serialization_format), tuple(place.split(os.sep))

    def _directory(self, prefix: SafeStrTuple) -> str:
        return self._start + self._layout.directory(prefix) if prefix else self._root

    def _where(self, key: NonEmptySafeStrTuple) -> str:
        return self._start + self._layout.file(key)

    def _names_to_write(self, key: NonEmptySafeStrTuple) -> list[str]:
        path = self._layout.file(key)
        if len(path) > self._max_path:
            refuse_path(self._start + path, self._shown(key))
        return path.split(os.sep)[1:]

    def _again(
        self, look: Callable[[], T], operation: str, key: NonEmptySafeStrTuple, error: OSError
    ) -> T:
        """Look again where that can help, and say what is wrong otherwise."""
        try:
            return look_again(look, self._layout.file(key).split(os.sep)[1:], self._folder, error)
        except OSError as final:
            if is_absent(self._where(key), final):
                self._misses.found_nothing(self)
                raise KeyError(key) from final
            raise self._failure(operation, key, final) from final

    def _failure(
        self, operation: str, key: NonEmptySafeStrTuple | None, error: OSError
    ) -> BackendError:
        where = self.base_dir
        if key is not None:
            where = self._start + self._layout.file(key)[:MAX_SHOWN]
            key = self._shown(key)
        return backend_error(type(self).__name__, operation, key, where, error)
