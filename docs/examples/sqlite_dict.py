"""A dict in an SQLite database: an example of a small backend."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from persidict import (
    ANY_ETAG,
    ITEM_NOT_AVAILABLE,
    BackendError,
    ETagValue,
    NonEmptySafeStrTuple,
    PersiDictKey,
    SafeStrTuple,
    ValueType,
)
from persidict.core import AnyETagFlag, BlobDict, ETagMismatch, Expected, Stat

# AUTOINCREMENT never uses a number twice, not even after a deletion: versions are strong ETags.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    version INTEGER PRIMARY KEY AUTOINCREMENT, written REAL NOT NULL,
    path TEXT NOT NULL, format TEXT NOT NULL, data BLOB NOT NULL, UNIQUE (path, format))"""
_STAT = "SELECT version, written FROM items WHERE path = ? AND format = ?"
_GET = "SELECT version, written, data FROM items WHERE path = ? AND format = ?"
_PUT = "INSERT OR REPLACE INTO items (written, path, format, data) VALUES (?, ?, ?, ?)"
_ERASE = "DELETE FROM items WHERE path = ? AND format = ?"
_SCAN = """SELECT path, version, written FROM items
    WHERE path > ? AND path < ? AND format = ? ORDER BY path LIMIT 500"""


class SQLiteDict(BlobDict[ValueType]):
    """A persistent dict in one file, shared by the threads and processes of a machine."""

    def __init__(
        self,
        *,
        database: str = "persidict.sqlite3",
        prefix: PersiDictKey = (),
        serialization_format: str = "pkl",
        append_only: bool = False,
        base_class_for_values: type[ValueType] | None = None,
    ) -> None:
        super().__init__(
            append_only=append_only,
            base_class_for_values=base_class_for_values,
            serialization_format=serialization_format,
        )
        self.database = str(Path(database).resolve())
        self._prefix = SafeStrTuple(prefix)
        with self._connection(write=True) as db:
            db.execute(_SCHEMA)

    @property
    def prefix(self) -> tuple[str, ...]:
        """The first components of all keys of this (sub-)dict."""
        return tuple(self._prefix)

    @contextmanager
    def _connection(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """Open the database, once per operation, so that threads and forks share nothing."""
        try:
            with closing(sqlite3.connect(self.database, timeout=60, isolation_level=None)) as db:
                if write:
                    db.execute("BEGIN IMMEDIATE")  # one writer from the check to the commit
                yield db
                if write:
                    db.execute("COMMIT")  # without it, closing rolls back
        except sqlite3.Error as error:
            message = f"{self.database}: {error}"
            raise BackendError(message, backend="SQLiteDict", operation="query") from error

    def _row(self, db: sqlite3.Connection, query: str, key: NonEmptySafeStrTuple) -> Any:
        row = db.execute(query, ("/".join(key), self.serialization_format)).fetchone()
        if row is None:
            raise KeyError(key)
        return (_stat(*row[:2]), *row[2:])

    def _stat(self, key: NonEmptySafeStrTuple) -> Stat:
        with self._connection() as db:
            stat: Stat = self._row(db, _STAT, key)[0]
        return stat

    def _get(self, key: NonEmptySafeStrTuple, known: ETagValue | None) -> tuple[bytes | None, Stat]:
        with self._connection() as db:
            stat, data = self._row(db, _GET, key)
        return (None if stat.etag == known else data), stat

    def _put(self, key: NonEmptySafeStrTuple, data: bytes, expected: Expected) -> Stat:
        written = time.time()
        with self._connection(write=True) as db:
            if expected is not ANY_ETAG:
                try:
                    current = self._row(db, _STAT, key)[0].etag
                except KeyError:
                    current = ITEM_NOT_AVAILABLE
                if current != expected:
                    raise ETagMismatch
            values = (written, "/".join(key), self.serialization_format, data)
            return _stat(db.execute(_PUT, values).lastrowid, written)

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        with self._connection(write=True) as db:
            current = self._row(db, _STAT, key)[0].etag
            if expected is not ANY_ETAG and current != expected:
                raise ETagMismatch
            db.execute(_ERASE, ("/".join(key), self.serialization_format))

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, Stat]]:
        # No component contains "/", and "0" is the next character, so a prefix is a range of paths.
        start, end = ("/".join(prefix) + "/", "/".join(prefix) + "0") if prefix else ("", "\x7f")
        while True:
            with self._connection() as db:
                rows = db.execute(_SCAN, (start, end, self.serialization_format)).fetchall()
            for path, version, written in rows:
                yield NonEmptySafeStrTuple(path.split("/")), _stat(version, written)
            if not rows:
                return
            start = rows[-1][0]


def _stat(version: int | None, written: float) -> Stat:
    return Stat(ETagValue(str(version)), written)
