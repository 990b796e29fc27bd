"""What the rows about many items, large values and threads measure: ours and the published dict."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.benchmarks.bulk_values import JSON_KINDS, JsonRows, json_values, zeros
from tests.benchmarks.rows import OPERATIONS, SMALL

THREADS = 4
# The published package flushes twice per item; so many times fewer items show its time as well.
FEWER = 20


class FileBulk(JsonRows):
    """A `FileDirDict`, the published one.

    Args:
        directory: Where it keeps its items.
        items: How many items the listings are about; the batches are about half as many.
    """

    fewer = FEWER

    def __init__(self, directory: str, items: int) -> None:
        import persidict

        self.version = getattr(persidict, "__version__", "?")
        self.keys = [f"key{number}" for number in range(items)]
        self._new_dict = persidict.FileDirDict
        self.main = self._open(f"{directory}/main")
        self.batch = self._open(f"{directory}/batch")
        self.large = self._open(f"{directory}/large")
        self.json = self._open(f"{directory}/json", serialization_format="json")
        self.local = persidict.LocalDict()
        self.values = json_values()
        self.zeros = zeros()

    def _open(self, directory: str, **how: Any) -> Any:
        return self._new_dict(base_dir=directory, **how)

    @contextmanager
    def _unflushed(self) -> Iterator[None]:
        """Let no write wait for the disk."""
        fsync, os.fsync = os.fsync, lambda _: None
        try:
            yield
        finally:
            os.fsync = fsync

    def fill(self) -> None:
        with self._unflushed():
            for key in self.keys:
                self.main[key] = SMALL
            for kind in JSON_KINDS:
                self.json[kind] = self.values[kind]
            self.large["zeros"] = self.zeros

    # Many items

    def _batch(self) -> list[str]:
        return self.keys[: len(self.keys) // 2 // self.fewer]

    def before_update_durable(self) -> None:
        with self._unflushed():
            self.batch.clear()

    def update_durable(self) -> int:
        items = dict.fromkeys(self._batch(), SMALL)
        self.batch.update(items)
        return len(items)

    def before_clear_durable(self) -> None:
        if len(self.batch) != len(self._batch()):
            with self._unflushed():
                self.batch.update(dict.fromkeys(self._batch(), SMALL))

    before_discard_durable = before_clear_durable

    def clear_durable(self) -> int:
        self.batch.clear()
        return len(self._batch())

    def discard_durable(self) -> int:
        for key in self._batch():
            self.batch.delete_if_exists(key)
        return len(self._batch())

    def before_list_all(self) -> None:
        self.listed: list[Any] = []  # what the last round listed is released

    def list_all(self) -> int:
        self.listed = list(self.main)
        return len(self.listed)

    def before_list_pairs(self) -> None:
        self.before_list_all()
        self.before_clear_durable()

    def list_pairs(self) -> int:
        self.listed = list(self.batch.items())
        return len(self.listed)

    def setdefault(self, key: str) -> None:
        self.main.setdefault(key, SMALL)

    # Large values

    def _get_json(self, kind: str) -> None:
        self.json[kind]

    def _set_json(self, kind: str) -> None:
        with self._unflushed():
            self.json[kind] = self.values[kind]

    def get_zeros(self, _: str) -> None:
        self.large["zeros"]

    def set_zeros(self, _: str) -> None:
        with self._unflushed():
            self.large["zeros"] = self.zeros

    # Threads

    def threads(self) -> int:
        return in_threads(self.local, THREADS, OPERATIONS)

    def threads_cpu(self) -> int:
        return self.threads()


class OurBulk(FileBulk):
    """This project's `FileDirDict`."""

    fewer = 1

    def discard_durable(self) -> int:
        keys = self._batch()
        self.batch.discard_many(keys)
        return len(keys)


class Reference(OurBulk):
    """What the limits that don't name the minimum are about.

    For batches: the same dict, not durable. For JSON: orjson alone, without a file. For lists: a
    plain loop over the same dict. For threads: one thread that does the work of all.
    """

    def _open(self, directory: str, **how: Any) -> Any:
        return super()._open(directory, durable=False, **how)

    def fill(self) -> None:
        import orjson

        super().fill()
        self._dumps: Callable[[Any], bytes] = orjson.dumps
        self._loads: Callable[[bytes], Any] = orjson.loads
        self._texts = {kind: orjson.dumps(value) for kind, value in self.values.items()}

    def _get_json(self, kind: str) -> None:
        self._loads(self._texts[kind])

    def _set_json(self, kind: str) -> None:
        self._dumps(self.values[kind])

    def list_all(self) -> int:
        return sum(1 for _ in self.main)

    def list_pairs(self) -> int:
        return sum(1 for _ in self.batch.items())

    def threads(self) -> int:
        return in_threads(self.local, 1, OPERATIONS)

    setdefault = get_zeros = set_zeros = None  # type: ignore[assignment]  # nothing to compare


def in_threads(d: Any, threads: int, operations: int) -> int:
    """Read, write and transform in threads, each on keys of its own; return how often."""

    def work(me: int) -> None:
        keys = [f"t{me}k{number}" for number in range(50)]
        for key in keys:
            d[key] = 0
        start.wait()
        for turn in range(operations // threads // 4):
            key = keys[turn % len(keys)]
            d[key] = turn
            d.get(key)
            d.transform_item(key, transformer=_next)

    start = threading.Barrier(threads)
    running = [threading.Thread(target=work, args=(me,)) for me in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return operations


def _next(value: Any) -> int:
    return 1 if type(value) is not int else value + 1
