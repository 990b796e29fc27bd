"""The stat of a version whose time of writing is not known yet."""

from __future__ import annotations

from collections.abc import Callable

from persidict.core.backend import StatLike
from persidict.core.results import ETagValue


class LateStat:
    """Requests the time only when somebody reads it.

    Args:
        stat: Returns a stat that has the time.
        etag: The version's ETag.
    """

    size: int | None = None

    def __init__(self, stat: Callable[[], StatLike], etag: ETagValue) -> None:
        self._stat = stat
        self.etag = etag

    @property
    def timestamp(self) -> float:
        """POSIX seconds of the last write; ``KeyError`` if the item has vanished."""
        return self._stat().timestamp
