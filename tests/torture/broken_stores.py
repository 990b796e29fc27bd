"""Stores that are wrong on purpose: what a checker is worth shows in what it catches."""

from __future__ import annotations

import os

from persidict import ANY_ETAG, ITEM_NOT_AVAILABLE, VALUE_NOT_RETRIEVED, FileDirDict
from persidict.core.backend import ETagMismatch
from persidict.wrappers import MutableDictCached
from tests.torture import clients


class RacyDict(FileDirDict):
    """Checks, then acts; each process meets the others in between, the first time."""

    has_met = False

    def _put(self, key, data, expected):
        try:
            actual = self._stat(key).etag
        except KeyError:
            actual = ITEM_NOT_AVAILABLE
        if expected not in (actual, ANY_ETAG):
            raise ETagMismatch
        if not RacyDict.has_met:
            RacyDict.has_met = True
            clients.Meeting.wait()
        return super()._put(key, data, ANY_ETAG)


class TearingDict(FileDirDict):
    """Writes into the file itself in two steps, and meets the others twice in between."""

    def _put(self, key, data, expected):
        path = self._where(key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb", buffering=0) as file:
            file.write(data[: len(data) // 2])
            clients.Meeting.wait()
            clients.Meeting.wait()  # by now they have read it
            file.write(data[len(data) // 2 :])
        return self._stat(key)


class StaleCache(MutableDictCached):
    """Serves what is cached without asking whether it is current."""

    def _load(self, key, known):
        try:
            value, stat = self.data_cache._load(key, None)
        except KeyError:
            return super()._load(key, known)
        return (VALUE_NOT_RETRIEVED if stat.etag == known else value), stat


def open_stale_cache(base_dir, cache_dir):
    """Open a dict in `base_dir` behind a cache of one's own."""

    def store(path, **params):
        return FileDirDict(base_dir=path, durable=False, **params)

    return StaleCache(
        main_dict=store(base_dir),
        data_cache=store(os.path.join(cache_dir, "data")),
        etag_cache=store(
            os.path.join(cache_dir, "etags"),
            serialization_format="txt",
            base_class_for_values=str,
        ),
    )
