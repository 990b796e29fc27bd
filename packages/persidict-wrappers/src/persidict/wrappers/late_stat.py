"""A stat that is fetched when somebody reads it."""

from __future__ import annotations

from typing import Any

from persidict.core.backend import StatLike
from persidict.core.base import PersiDict
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagValue


class LateStat:
    """The stat of an item, fetched when somebody reads an attribute.

    Its attributes raise ``KeyError`` if the item is absent by then.
    """

    def __init__(self, main: PersiDict[Any], key: NonEmptySafeStrTuple) -> None:
        self._main = main
        self._key = key
        self._stat: StatLike | None = None

    @property
    def etag(self) -> ETagValue:
        """The item's ETag in the main dict."""
        return self._fetched().etag

    @property
    def timestamp(self) -> float:
        """POSIX seconds of the write to the main dict."""
        return self._fetched().timestamp

    @property
    def size(self) -> int | None:
        """Bytes that the item takes in the main dict, None if the store has no such figure."""
        return self._fetched().size

    def _fetched(self) -> StatLike:
        if self._stat is None:
            self._stat = self._main._stat(self._key)
        return self._stat
