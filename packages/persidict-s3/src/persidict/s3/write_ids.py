"""Write ids: they show which writes a version was made from.

After a lost answer, persidict sends a conditional write again. The server then refuses it, either
because its own first attempt was carried out or because somebody else changed the object. To tell
these apart, each conditional write stores an id of its own in the object's metadata, followed by
the ids of the versions before it. If the current version has our id, we have written it, or one
that it was made from.

A writer may not know the ids of the version that it replaces, for example if it read that from a
cache. Then the list ends with a mark made from that version's ETag instead.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

from persidict.core.results import ETagValue
from persidict.s3.nonces import new_nonce

# Characters of an id: 48 random bits; of a mark, which no id begins like.
_WIDTH = 8
_MARK = "~"
# Below the 2 KB that S3 has for metadata. So many others may build on a write before it is sent
# again, for which botocore waits up to a second.
_MAX_IDS = 240
# Twice as many at most.
_MAX_REMEMBERED = 512


class Write(NamedTuple):
    """One conditional write, before it is sent."""

    ids: str
    """What it stores in the object's metadata: its own id, then those of the versions before."""
    seen: ETagValue | None
    """The last version of the object that this process saw before."""


class WriteIds:
    """Remembers the last versions that were seen of objects, with their ids.

    No lock is held, for which the threads of a bulk operation would queue up: each step is one
    operation of a dict. What a race loses costs a write its predecessor's ids, as forgetting does.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[ETagValue, str]] = {}
        self._seen_before: dict[str, tuple[ETagValue, str]] = {}

    def note(self, name: str, etag: ETagValue, ids: str) -> None:
        """Remember the version that an answer told of."""
        seen = self._seen
        seen[name] = etag, ids
        if len(seen) >= _MAX_REMEMBERED:
            self._seen_before, self._seen = seen, {}

    def begin(self, name: str, expected: ETagValue | None) -> Write:
        """Return a new write over the version `expected`; None: over no version."""
        seen, ids = self._seen.get(name) or self._seen_before.get(name) or (None, "")
        own = base64.urlsafe_b64encode(new_nonce()[: _WIDTH * 6 // 8]).decode()
        if expected is None:
            return Write(own, seen)
        before = ids if seen == expected else ""
        return Write(own + (before or _mark(expected))[: _WIDTH * (_MAX_IDS - 1)], seen)


def is_made_from(
    found: str, sent: str, own_etag: ETagValue, expected: ETagValue | None, *, unique: bool
) -> bool | None:
    """Tell whether a version was made from a write of ours; None: that can't be told.

    Args:
        found: The ids that the version has.
        sent: The ids that our write has.
        own_etag: The ETag that our write would have.
        expected: The ETag of the version that it was to replace; None: it was to be the first.
        unique: Whether no two writes have the same ETag. Otherwise marks prove nothing.
    """
    ids = _split(found)
    own, *before = _split(sent)
    if own in ids or (unique and _mark(own_etag) in ids):
        return True
    if expected is None or not before:
        return None  # ours may have been deleted before the first write of this version
    # Somebody else has replaced the version that we expected, and left no room for us.
    if before[0] in ids and (unique or not before[0].startswith(_MARK)):
        return False
    return False if unique and _mark(expected) in ids else None


def _split(ids: str) -> list[str]:
    return [ids[at : at + _WIDTH] for at in range(0, len(ids), _WIDTH)]


def _mark(etag: ETagValue) -> str:
    digest = hashlib.sha256(etag.strip('"').encode()).digest()
    return _MARK + base64.urlsafe_b64encode(digest).decode()[: _WIDTH - 1]
