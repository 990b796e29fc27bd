"""The least that the rows about many items and large values need, and the same with diskcache."""

from __future__ import annotations

import ctypes
import os
import pickle
from typing import Any

from tests.benchmarks.bulk_values import JSON_KINDS, JsonRows, json_values, zeros
from tests.benchmarks.rows import SMALL


class MinimumBulk(JsonRows):
    """The system calls that the work needs, in plain Python, as one would write it for one case.

    A batch is written to temporary files, flushed at once, and renamed.
    """

    version = "plain Python"

    def __init__(self, directory: str, items: int) -> None:
        import orjson

        self.directory = directory
        self.keys = [f"key{number}" for number in range(items)]
        self.values = json_values()
        self.zeros = zeros()
        self._dumps, self._loads = orjson.dumps, orjson.loads
        for name in ("main", "batch", "large"):
            os.mkdir(f"{directory}/{name}")

    def fill(self) -> None:
        data = pickle.dumps(SMALL, 5)
        for key in self.keys:
            _create(f"{self.directory}/main/{key}.pkl", data)
        for kind in JSON_KINDS:
            self._set_json(kind)
        self.set_zeros("")

    def _batch(self) -> list[str]:
        return [f"{self.directory}/batch/{key}.pkl" for key in self.keys[: len(self.keys) // 2]]

    def before_update_durable(self) -> None:
        for entry in os.listdir(f"{self.directory}/batch"):
            os.unlink(f"{self.directory}/batch/{entry}")

    def update_durable(self) -> int:
        paths = self._batch()
        for path in paths:
            _create(f"{path}.tmp", pickle.dumps(SMALL, 5))
        _flush_all(self.directory)
        for path in paths:
            os.rename(f"{path}.tmp", path)
        _flush(f"{self.directory}/batch")
        return len(paths)

    def before_clear_durable(self) -> None:
        data = pickle.dumps(SMALL, 5)
        for path in self._batch():
            _create(path, data)

    before_discard_durable = before_list_pairs = before_clear_durable

    def discard_durable(self) -> int:
        for path in self._batch():
            os.unlink(path)
        _flush(f"{self.directory}/batch")
        return len(self.keys) // 2

    def clear_durable(self) -> int:
        with os.scandir(f"{self.directory}/batch") as entries:
            for path in [entry.path for entry in entries if entry.is_file()]:
                os.unlink(path)
        _flush(f"{self.directory}/batch")
        return len(self.keys) // 2

    def list_all(self) -> int:
        with os.scandir(f"{self.directory}/main") as entries:
            return len([(entry.name[:-4],) for entry in entries if entry.is_file()])

    def list_pairs(self) -> int:
        with os.scandir(f"{self.directory}/batch") as entries:
            files = (entry for entry in entries if entry.is_file())
            return len([((e.name[:-4],), pickle.loads(_read(e.path))) for e in files])

    def setdefault(self, key: str) -> Any:
        return pickle.loads(_read(f"{self.directory}/main/{key}.pkl"))

    def _get_json(self, kind: str) -> None:
        self._loads(_read(f"{self.directory}/large/{kind}.json"))

    def _set_json(self, kind: str) -> None:
        self._replace(f"{self.directory}/large/{kind}.json", self._dumps(self.values[kind]))

    def get_zeros(self, _: str) -> Any:
        return pickle.loads(_read(f"{self.directory}/large/zeros.pkl"))

    def set_zeros(self, _: str) -> None:
        self._replace(f"{self.directory}/large/zeros.pkl", pickle.dumps(self.zeros, 5))

    def _replace(self, path: str, data: bytes) -> None:
        _create(f"{path}.tmp", data)
        os.replace(f"{path}.tmp", path)


class DiskcacheBulk:
    """One SQLite database; a batch is one transaction."""

    def __init__(self, directory: str, items: int) -> None:
        import diskcache

        self.version = diskcache.__version__
        self.keys = [f"key{number}" for number in range(items)]
        self.zeros = zeros()
        self.quick = diskcache.Cache(f"{directory}/quick", eviction_policy="none")
        self.batch = diskcache.Cache(
            f"{directory}/durable", eviction_policy="none", sqlite_synchronous=2
        )

    def fill(self) -> None:
        with self.quick.transact():
            for key in self.keys:
                self.quick[key] = SMALL
        self.set_zeros("")

    def _batch(self) -> list[str]:
        return self.keys[: len(self.keys) // 2]

    def before_update_durable(self) -> None:
        self.batch.clear()

    def update_durable(self) -> int:
        with self.batch.transact():
            for key in self._batch():
                self.batch[key] = SMALL
        return len(self.keys) // 2

    def before_clear_durable(self) -> None:
        self.update_durable()

    before_discard_durable = before_list_pairs = before_clear_durable

    def discard_durable(self) -> int:
        with self.batch.transact():
            for key in self._batch():
                self.batch.delete(key)
        return len(self.keys) // 2

    def clear_durable(self) -> int:
        return int(self.batch.clear())

    def list_all(self) -> int:
        return len(list(self.quick))

    def list_pairs(self) -> int:
        return len([(key, self.batch[key]) for key in self.batch])

    def setdefault(self, key: str) -> None:
        if not self.quick.add(key, SMALL):
            self.quick[key]

    def get_zeros(self, _: str) -> Any:
        return self.quick["zeros"]

    def set_zeros(self, _: str) -> None:
        self.quick["zeros"] = self.zeros


def _create(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_all(path: str) -> None:
    """Flush a whole file system, or all of them where the system can't choose."""
    syncfs = getattr(ctypes.CDLL(None), "syncfs", None) if os.name == "posix" else None
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        syncfs(descriptor)
    finally:
        os.close(descriptor)
