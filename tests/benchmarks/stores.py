"""The contestants' stores behind one plain interface."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Iterator
from typing import Any


class Minimum:
    """The fewest system calls that do the work honestly, in plain Python.

    No check of keys, no digest, no compression: what a person would write by hand for one case.
    """

    version = "plain Python"

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def fill(self, keys: Iterable[str], value: object) -> None:
        data = pickle.dumps(value, 5)
        for key in keys:
            with open(self._path(key), "wb") as file:
                file.write(data)

    def _path(self, key: str) -> str:
        return f"{self.directory}/{key}.pkl"

    def get(self, key: str) -> Any:
        descriptor = os.open(self._path(key), os.O_RDONLY)
        try:
            return pickle.loads(os.read(descriptor, os.fstat(descriptor).st_size))
        finally:
            os.close(descriptor)

    def contains(self, key: str) -> bool:
        try:
            os.stat(self._path(key))
        except FileNotFoundError:
            return False
        return True

    def etag(self, key: str) -> str:
        info = os.stat(self._path(key))
        return f"{info.st_mtime_ns}-{info.st_size}-{info.st_ino}"

    def set_durable(self, key: str, value: object) -> None:
        self._write(key, value, sync=True)

    def set_fast(self, key: str, value: object) -> None:
        self._write(key, value, sync=False)

    def _write(self, key: str, value: object, *, sync: bool) -> None:
        temporary = f"{self.directory}/.tmp{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, pickle.dumps(value, 5))
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, self._path(key))
        if sync:
            descriptor = os.open(self.directory, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def keys(self) -> Iterator[str]:
        with os.scandir(self.directory) as entries:
            for entry in entries:
                if entry.name.endswith(".pkl") and entry.is_file():
                    yield entry.name[:-4]

    def count_keys(self) -> int:
        return sum(1 for _ in self.keys())

    def bool(self) -> bool:
        with os.scandir(self.directory) as entries:
            return any(e.name.endswith(".pkl") for e in entries)

    def get_subdict(self, key: str) -> Minimum:
        return Minimum(f"{self.directory}/{key}")


class FileStore:
    """A `FileDirDict`, ours or the published one: both have this interface."""

    def __init__(self, directory: str, **fast: Any) -> None:
        import persidict

        self.version = getattr(persidict, "__version__", "?")
        self.dict = persidict.FileDirDict(base_dir=directory)
        self.fast = persidict.FileDirDict(base_dir=directory, **fast) if fast else None
        self.get = self.dict.__getitem__
        self.contains = self.dict.__contains__
        self.etag = self.dict.etag
        self.set_durable = self.dict.__setitem__
        self.get_subdict = self.dict.get_subdict
        if self.fast is not None:
            self.set_fast = self.fast.__setitem__

    def fill(self, keys: Iterable[str], value: object) -> None:
        target = self.dict if self.fast is None else self.fast
        fsync, os.fsync = os.fsync, lambda _: None
        try:
            for key in keys:
                target[key] = value
        finally:
            os.fsync = fsync

    def count_keys(self) -> int:
        return sum(1 for _ in self.dict.keys())  # noqa: SIM118  # views are what is measured

    def bool(self) -> bool:
        return bool(self.dict)


class Ours(FileStore):
    """This project's `FileDirDict`."""

    def __init__(self, directory: str) -> None:
        super().__init__(directory, durable=False)


class Diskcache:
    """diskcache's `Cache`: one SQLite database, durable only if asked to."""

    def __init__(self, directory: str) -> None:
        import diskcache

        self.version = diskcache.__version__
        # Two files: the setting is stored in the database and would hold for both.
        self.fast = diskcache.Cache(f"{directory}/fast", eviction_policy="none")
        self.dict = diskcache.Cache(
            f"{directory}/durable", eviction_policy="none", sqlite_synchronous=2
        )
        self.get = self.dict.__getitem__
        self.contains = self.dict.__contains__
        self.set_durable = self.dict.__setitem__
        self.set_fast = self.fast.__setitem__

    def fill(self, keys: Iterable[str], value: object) -> None:
        with self.dict.transact():
            for key in keys:
                self.dict[key] = value

    def count_keys(self) -> int:
        return sum(1 for _ in self.dict)

    def bool(self) -> bool:
        return len(self.dict) > 0


STORES = {
    "minimum": Minimum,
    "ours": Ours,
    "published": FileStore,
    "diskcache": Diskcache,
}
