"""The versions that this process wrote last, from which the next change of an item can start."""

from __future__ import annotations

from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import ETagValue

_MAX_ITEMS = 256
_MAX_BYTES = 16_384
# Writes that are not remembered after another process has changed the item.
_PENALTY = 16


class RecentWrites:
    """Remembers ETag and bytes of small items. It may be outdated: whoever uses it compares ETags.

    No lock is held: each step is one operation of a dict, and a lost note costs one request.
    """

    def __init__(self) -> None:
        self._written: dict[NonEmptySafeStrTuple, tuple[ETagValue, bytes]] = {}
        self._penalties: dict[NonEmptySafeStrTuple, int] = {}

    def note(self, key: NonEmptySafeStrTuple, etag: ETagValue, data: bytes) -> None:
        """Remember a version that was just written."""
        if len(data) > _MAX_BYTES:
            return
        penalty = self._penalties.get(key, 0)
        if penalty:
            self._penalties[key] = penalty - 1
            return
        if len(self._written) >= _MAX_ITEMS:
            self._written.clear()
        self._written[key] = etag, data

    def take(self, key: NonEmptySafeStrTuple) -> tuple[ETagValue, bytes] | None:
        """Return the version, to one of several threads only."""
        return self._written.pop(key, None)

    def forget(self, key: NonEmptySafeStrTuple) -> None:
        """Note that this process itself is about to replace or delete the version."""
        self._written.pop(key, None)

    def missed(self, key: NonEmptySafeStrTuple) -> None:
        """Note that somebody else had changed the item: it may be busy."""
        if len(self._penalties) >= _MAX_ITEMS:
            self._penalties.clear()
        self._penalties[key] = _PENALTY
