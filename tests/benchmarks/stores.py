"""The contestants' stores behind one interface: a method for each row that they can do."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
from collections.abc import Iterable, Iterator
from typing import Any, Self

from tests.benchmarks.peers import Diskcache, Joblib, Shelve, Sqlitedict, Zict
from tests.benchmarks.rows import PREFIXES, SMALL


class Minimum:
    """The system calls that the work needs, in plain Python, as one would write it for one case.

    It keeps what makes the work the same (a write replaces the file at once and durably, a listing
    looks whether an entry is a file) and nothing else: keys are not checked, values not
    compressed and not checksummed, foreign files only told by their ending.
    """

    version = "plain Python"
    _is_component = re.compile(r"(?!\.\.?\Z)[A-Za-z0-9()_\-~.=]{1,253}").fullmatch

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.memory: dict[str, Any] = {}
        for name in ("main", "nested", "part", "large"):
            os.mkdir(f"{directory}/{name}")

    def fill(self, keys: list[str], large: dict[str, Any]) -> None:
        data, text = pickle.dumps(SMALL, 5), json.dumps(SMALL).encode()
        for number, key in enumerate(keys):
            _create(f"{self.directory}/main/{key}.pkl", data)
            _create(f"{self.directory}/main/{key}.json", text)
            prefix = f"{self.directory}/nested/p{number % PREFIXES}"
            if number < PREFIXES:
                os.mkdir(prefix)
            _create(f"{prefix}/{key}.pkl", data)
            self.local_set(key)
        for name, value in large.items():
            _create(f"{self.directory}/large/{name}.pkl", pickle.dumps(value, 5))
        self.large = large

    def get(self, key: str) -> Any:
        return pickle.loads(self._read(f"{self.directory}/main/{key}.pkl"))

    def get_json(self, key: str) -> Any:
        return json.loads(self._read(f"{self.directory}/main/{key}.json"))

    def get_1mib(self, _: str) -> Any:
        return pickle.loads(self._read(f"{self.directory}/large/bytes.pkl"))

    def get_10mb_array(self, _: str) -> Any:
        return pickle.loads(self._read(f"{self.directory}/large/array.pkl"))

    def contains(self, key: str) -> bool:
        try:
            os.stat(f"{self.directory}/main/{key}.pkl")
        except FileNotFoundError:
            return False
        return True

    def etag(self, key: str) -> str:
        info = os.stat(f"{self.directory}/main/{key}.pkl")
        return f"{info.st_mtime_ns}-{info.st_size}-{info.st_ino}"

    def timestamp(self, key: str) -> float:
        return os.stat(f"{self.directory}/main/{key}.pkl").st_mtime

    def set_durable(self, key: str) -> None:
        self._write("main", key, SMALL, sync=True)

    def set_fast(self, key: str) -> None:
        self._write("main", key, SMALL, sync=False)

    def set_10mb(self, key: str) -> None:
        self._write("large", key, self.large["noise"], sync=False)

    def transform_durable(self, key: str) -> None:
        self._write("main", key, dict(self.get(key)), sync=True)

    def list_keys(self) -> int:
        return sum(1 for _ in self._keys("main"))

    def list_nested_keys(self) -> int:
        count = 0
        for entry in self._entries("nested"):
            count += sum(1 for _ in self._keys(f"nested/{entry.name}"))
        return count

    def list_items(self) -> int:
        items = ((key, pickle.loads(self._read(entry.path))) for key, entry in self._files("part"))
        return sum(1 for _ in items)

    def len(self) -> int:
        count = 0
        for entry in self._entries("main"):
            if entry.name.endswith(".pkl") and entry.is_file():
                count += 1
        return count

    def random_key(self) -> object:
        import random

        chosen = None
        for count, key in enumerate(self._keys("main"), start=1):
            if random.random() * count < 1:
                chosen = key
        return chosen

    def oldest_10(self) -> object:
        import heapq

        return heapq.nsmallest(10, ((e.stat().st_mtime, key) for key, e in self._files("main")))

    def bool(self) -> bool:
        return next(self._keys("main"), None) is not None

    def subdicts(self) -> object:
        # A directory without items begins no key.
        inside = (e.name for e in self._entries("nested") if e.is_dir() and _has_entries(e.path))
        return {name: f"nested/{name}" for name in inside}

    def get_subdict(self, key: str) -> str:
        return f"{self.directory}/{key}"

    def refill(self, keys: Iterable[str]) -> None:
        data = pickle.dumps(SMALL, 5)
        for key in keys:
            _create(f"{self.directory}/part/{key}.pkl", data)

    def clear(self) -> None:
        for _, entry in self._files("part"):
            os.unlink(entry.path)
        _sync(f"{self.directory}/part")

    def make_key(self, _: str) -> object:
        return _CheckedTuple("abc")

    def local_get(self, key: str) -> object:
        return copy.deepcopy(self.memory[key])

    def local_set(self, key: str) -> None:
        self.memory[key] = copy.deepcopy(SMALL)

    def _entries(self, place: str) -> Iterator[os.DirEntry[str]]:
        with os.scandir(f"{self.directory}/{place}") as entries:
            yield from entries

    def _files(self, place: str) -> Iterator[tuple[tuple[str], os.DirEntry[str]]]:
        for entry in self._entries(place):
            if entry.name.endswith(".pkl") and entry.is_file():
                yield (entry.name[:-4],), entry

    def _keys(self, place: str) -> Iterator[tuple[str]]:
        with os.scandir(f"{self.directory}/{place}") as entries:
            for entry in entries:
                if entry.name.endswith(".pkl") and entry.is_file():
                    yield (entry.name[:-4],)

    def _read(self, path: str) -> bytes:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return os.read(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)

    def _write(self, place: str, key: str, value: object, *, sync: bool) -> None:
        temporary = f"{self.directory}/.tmp{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, pickle.dumps(value, 5))
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, f"{self.directory}/{place}/{key}.pkl")
        if sync:
            _sync(f"{self.directory}/{place}")


class _CheckedTuple(tuple[str]):
    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if type(text) is not str or not Minimum._is_component(text):
            raise ValueError(text)
        return tuple.__new__(cls, (text,))


class FileStore:
    """A `FileDirDict`, the published one: what both have."""

    def __init__(self, directory: str, **fast: Any) -> None:
        import persidict

        self.version = getattr(persidict, "__version__", "?")
        self.new_dict = persidict.FileDirDict
        self.durable, self.quick = [
            {name: self._open(f"{directory}/{name}", **how) for name in ("main", "part", "large")}
            for how in ({}, fast)
        ]
        self.nested = self._open(f"{directory}/nested", **fast)
        self.json = self._open(f"{directory}/main", serialization_format="json", **fast)
        self.local = persidict.LocalDict()
        self.get = self.durable["main"].__getitem__
        self.get_json = self.json.__getitem__
        self.contains = self.durable["main"].__contains__
        self.etag = self.durable["main"].etag
        self.timestamp = self.durable["main"].timestamp
        self.get_subdict = self.durable["main"].get_subdict
        self.random_key = self.durable["main"].random_key
        self.subdicts = self.nested.subdicts
        self.clear = self.durable["part"].clear
        self.local_get = self.local.__getitem__
        self.key_class = persidict.NonEmptySafeStrTuple

    def _open(self, directory: str, **how: Any) -> Any:
        return self.new_dict(base_dir=directory, **how)

    def fill(self, keys: list[str], large: dict[str, Any]) -> None:
        fsync, os.fsync = os.fsync, lambda _: None
        try:
            for number, key in enumerate(keys):
                self.quick["main"][key] = SMALL
                self.json[key] = SMALL
                self.nested[f"p{number % PREFIXES}", key] = SMALL
                self.local[key] = SMALL
            for name, value in large.items():
                self.quick["large"][name] = value
        finally:
            os.fsync = fsync
        self.large = large

    def refill(self, keys: Iterable[str]) -> None:
        fsync, os.fsync = os.fsync, lambda _: None
        try:
            for key in keys:
                self.quick["part"][key] = SMALL
        finally:
            os.fsync = fsync

    def get_1mib(self, _: str) -> Any:
        return self.durable["large"]["bytes"]

    def get_10mb_array(self, _: str) -> Any:
        return self.durable["large"]["array"]

    def set_durable(self, key: str) -> None:
        self.durable["main"][key] = SMALL

    def transform_durable(self, key: str) -> None:
        self.durable["main"].transform_item(key, transformer=dict)

    def list_keys(self) -> int:
        return sum(1 for _ in self.durable["main"].keys())  # noqa: SIM118  # the views are measured

    def list_nested_keys(self) -> int:
        return sum(1 for _ in self.nested.keys())  # noqa: SIM118

    def list_items(self) -> int:
        return sum(1 for _ in self.durable["part"].items())

    def len(self) -> int:
        return len(self.durable["main"])

    def oldest_10(self) -> object:
        return self.durable["main"].oldest_keys(max_n=10)

    def bool(self) -> bool:
        return bool(self.durable["main"])

    def make_key(self, _: str) -> object:
        return self.key_class("abc")

    def local_set(self, key: str) -> None:
        self.local[key] = SMALL


class Ours(FileStore):
    """This project's `FileDirDict`, which can also do without waiting for the disk."""

    def __init__(self, directory: str) -> None:
        super().__init__(directory, durable=False)

    def set_fast(self, key: str) -> None:
        self.quick["main"][key] = SMALL

    def set_10mb(self, key: str) -> None:
        self.quick["large"][key] = self.large["noise"]


def _has_entries(directory: str) -> bool:
    with os.scandir(directory) as entries:
        return next(entries, None) is not None


def _create(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


STORES = {
    "minimum": Minimum,
    "ours": Ours,
    "published": FileStore,
    "diskcache": Diskcache,
    "zict": Zict,
    "sqlitedict": Sqlitedict,
    "joblib": Joblib,
    "shelve": Shelve,
}
