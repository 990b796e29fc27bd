"""Who wrote the versions that a version was made from.

A conditional write whose answer got lost is sent again and then refused, by its own first
attempt or because others have built on it since. Each conditional write therefore carries an
identifier of its own in the object's metadata, followed by those of the versions before it:
whoever finds its own there has succeeded. Where it is not known who wrote the version before,
as when it was read from a cache, a mark made from its ETag stands at the end instead.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections import OrderedDict

from persidict.core.forks import new_lock
from persidict.core.results import ETagValue

# Characters of an identifier: 48 random bits; of a mark, which no identifier begins like.
_WIDTH = 8
_MARK = "~"
# Below the 2 KB that S3 has for metadata. So many others may build on a write before it is sent
# again, for which botocore waits up to a second.
_MOST = 240
_REMEMBERED = 4096


def new_writer() -> str:
    """Return an identifier for one write."""
    return secrets.token_urlsafe(_WIDTH * 6 // 8)


def is_made_from(
    writers: str, sent: str, own_etag: ETagValue, expected: ETagValue | None
) -> bool | None:
    """Tell whether a version was made from a write of ours, None if that can't be told.

    Args:
        writers: What the version carries.
        sent: What our write carried.
        own_etag: The ETag that our write would have.
        expected: The ETag of the version that it was to replace; None: it was to be the first.
    """
    found = _split(writers)
    own, *before = _split(sent)
    if own in found or _mark(own_etag) in found:
        return True
    if expected is None:
        return False  # that it was there all along is likelier than that ours is covered up
    # Whoever else has replaced the version that we expected has left no room for us.
    if before[0] in found or _mark(expected) in found:
        return False
    return None if len(found) == _MOST or found[-1].startswith(_MARK) else False


class Lineage:
    """Remembers the writers of the versions that were seen last."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, ETagValue], str] = OrderedDict()
        self._lock = new_lock()

    def note(self, name: str, etag: ETagValue, writers: str) -> None:
        """Remember the writers of a version."""
        if writers:
            with self._lock:
                self._seen[name, etag] = writers
                self._seen.move_to_end((name, etag))
                if len(self._seen) > _REMEMBERED:
                    self._seen.popitem(last=False)

    def extended(self, writer: str, name: str, etag: ETagValue | None) -> str:
        """Return what a write by `writer` over that version carries."""
        if etag is None:
            return writer
        with self._lock:
            before = self._seen.get((name, etag))
        return writer + (before or _mark(etag))[: _WIDTH * (_MOST - 1)]


def _split(writers: str) -> list[str]:
    return [writers[at : at + _WIDTH] for at in range(0, len(writers), _WIDTH)]


def _mark(etag: ETagValue) -> str:
    digest = hashlib.sha256(etag.strip('"').encode()).digest()
    return _MARK + base64.urlsafe_b64encode(digest).decode()[: _WIDTH - 1]
