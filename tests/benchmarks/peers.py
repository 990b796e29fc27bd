"""Stores of other projects behind the interface of the contestants."""

from __future__ import annotations

import pickle
import shelve
from collections.abc import Iterable
from itertools import count
from typing import Any

from tests.benchmarks.rows import SMALL

# How many results joblib's cache is filled with; each takes it a millisecond.
MEMOIZED = 2000


class PeerStore:
    """What the peers have in common: a mapping that is durable, one that is not, one to clear."""

    durable: Any
    quick: Any
    part: Any

    def fill(self, keys: list[str], large: dict[str, Any]) -> None:
        for key in keys:
            self.durable[key] = self.quick[key] = SMALL
        for name, value in large.items():
            self.quick[name] = value
        self.large = large
        self.get = self.quick.__getitem__
        self.contains = self.quick.__contains__

    def refill(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.part[key] = SMALL

    def get_1mib(self, _: str) -> Any:
        return self.quick["bytes"]

    def get_10mb_array(self, _: str) -> Any:
        return self.quick["array"]

    def set_fast(self, key: str) -> None:
        self.quick[key] = SMALL

    def set_10mb(self, key: str) -> None:
        self.quick[key] = self.large["noise"]

    def list_keys(self) -> int:
        return sum(1 for _ in self.quick)

    def list_items(self) -> int:
        return sum(1 for _ in self.part.items())

    def len(self) -> int:
        return len(self.quick)

    def bool(self) -> bool:
        return next(iter(self.quick), None) is not None

    def clear(self) -> None:
        self.part.clear()


class Diskcache(PeerStore):
    """One SQLite database."""

    def __init__(self, directory: str) -> None:
        import diskcache

        self.version = diskcache.__version__
        # Files of their own: the setting is stored in the database and would hold for all.
        self.quick = diskcache.Cache(f"{directory}/quick", eviction_policy="none")
        self.part = diskcache.Index(f"{directory}/part")
        self.durable = diskcache.Cache(
            f"{directory}/durable", eviction_policy="none", sqlite_synchronous=2
        )

    def set_durable(self, key: str) -> None:
        self.durable[key] = SMALL

    def transform_durable(self, key: str) -> None:
        with self.durable.transact():
            self.durable[key] = dict(self.durable[key])


class Zict(PeerStore):
    """A directory for one process, whose names are kept in memory; never durable."""

    def __init__(self, directory: str) -> None:
        import zict

        self.version = zict.__version__

        def pickled(name: str) -> Any:
            return zict.Func(pickle.dumps, pickle.loads, zict.File(f"{directory}/{name}"))

        self.durable, self.quick, self.part = {}, pickled("quick"), pickled("part")


class Sqlitedict(PeerStore):
    """One SQLite database, written by a thread."""

    def __init__(self, directory: str) -> None:
        import sqlitedict

        self.version = sqlitedict.__version__

        def opened(name: str) -> Any:
            return sqlitedict.SqliteDict(f"{directory}/{name}.sqlite", autocommit=False)

        self.durable, self.quick, self.part = map(opened, ("durable", "quick", "part"))

    def set_durable(self, key: str) -> None:
        self.durable[key] = SMALL
        self.durable.commit()


class Shelve(PeerStore):
    """The standard library's `shelve`, over the best `dbm` that Python was built with."""

    clear = None  # type: ignore[assignment]  # the plain `dbm` writes its index for each deletion

    def __init__(self, directory: str) -> None:
        self.durable = {}
        self.quick = shelve.open(f"{directory}/quick")  # noqa: SIM115  # open until the process ends
        self.part = shelve.open(f"{directory}/part")  # noqa: SIM115  # likewise
        self.version = type(self.quick.dict).__module__  # type: ignore[attr-defined]  # a `Shelf`


class Joblib:
    """`joblib.Memory`: reading is a call whose result is stored, writing one without a result."""

    def __init__(self, directory: str) -> None:
        import joblib

        self.version = joblib.__version__
        memory = joblib.Memory(directory, verbose=0)
        self._small = memory.cache(small_value)
        self._large = memory.cache(large_value, ignore=["large"])
        self._new = memory.cache(new_value)
        self._calls = count()

    def fill(self, keys: list[str], large: dict[str, Any]) -> None:
        for key in keys[:: max(1, len(keys) // MEMOIZED)][:MEMOIZED]:
            self._small(key)
        self.large = large
        for name in large:
            self._large(name, large)

    def get(self, key: str) -> Any:
        return self._small(key)

    def contains(self, key: str) -> bool:
        return bool(self._small.check_call_in_cache(key))

    def get_1mib(self, _: str) -> Any:
        return self._large("bytes", self.large)

    def get_10mb_array(self, _: str) -> Any:
        return self._large("array", self.large)

    def set_fast(self, key: str) -> None:
        self._new(key, next(self._calls))


def small_value(key: str) -> Any:
    """Return what the other stores have at a key."""
    return SMALL


def new_value(key: str, call: int) -> Any:
    """Return the same, for a call that nobody has made before."""
    return SMALL


def large_value(name: str, large: dict[str, Any]) -> Any:
    """Return a large value."""
    return large[name]
