"""The items of a diskcache cache, to copy them: ``persidict cp diskcache:DIRECTORY TARGET``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NoReturn

from persidict.core._cli.output import CommandFailed
from persidict.core.base import PersiDict
from persidict.core.flags import VALUE_NOT_RETRIEVED
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.results import ETagValue, Stat
from persidict.core.text_keys import key_from_text

SCHEME = "diskcache:"
# A cache doesn't tell when an item was written: every item of the target counts as newer.
_STAT = Stat(ETagValue("diskcache"), 0.0)


class DiskcacheItems(PersiDict[Any]):
    """A cache as a dict that can be read; expired items are absent.

    Texts are keys as in `key_from_text`. A key of another type is copied by its `repr`.

    Args:
        directory: The directory of the cache.

    Raises:
        CommandFailed: There is no cache, diskcache is not installed, or two keys have one text.
    """

    def __init__(self, *, directory: str) -> None:
        super().__init__()
        self.directory = directory
        if not os.path.exists(os.path.join(directory, "cache.db")):
            raise CommandFailed(f"there is no cache of diskcache in {directory}")
        try:
            from diskcache import Cache  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ModuleNotFoundError as error:
            raise CommandFailed(
                "reading a cache of diskcache needs diskcache: pip install diskcache"
            ) from error
        self._opened = _Opened(Cache(directory))
        self._originals: dict[NonEmptySafeStrTuple, Any] = {}
        for original in self._opened.cache:
            key = key_from_text(original if isinstance(original, str) else repr(original))
            if key in self._originals:
                raise CommandFailed(f"{self._originals[key]!r} and {original!r} would be one key")
            self._originals[key] = original

    def _stat(self, key: NonEmptySafeStrTuple) -> Stat:
        self._load(key, None)
        return _STAT

    def _load(self, key: NonEmptySafeStrTuple, known: object) -> tuple[Any, Stat]:
        value = self._opened.cache[self._originals[key]]
        return (VALUE_NOT_RETRIEVED if known == _STAT.etag else value), _STAT

    def _store(self, key: NonEmptySafeStrTuple, value: Any, expected: object) -> NoReturn:
        raise TypeError("persidict only reads a cache of diskcache")

    def _erase(self, key: NonEmptySafeStrTuple, expected: object) -> NoReturn:
        raise TypeError("persidict only reads a cache of diskcache")

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, Stat]]:
        for key, original in self._originals.items():
            if key[: len(prefix)] == prefix and original in self._opened.cache:
                yield key, _STAT


class _Opened:
    """Closes a cache when the last dict that reads it, a sub-dict perhaps, is gone."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache

    def __del__(self) -> None:
        self.cache.close()
