"""Who wrote the versions that a version was made from.

A conditional write whose answer got lost is sent again and then refused, by its own first
attempt or because others have built on it since. Each conditional write therefore carries an
identifier of its own in the object's metadata, followed by those of the versions before it as far
as they are known: whoever finds its own there has succeeded.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict

from persidict.core.results import ETagValue

# 13 characters each: below the 2 KB that S3 has for metadata, and their cost small.
_LONGEST = 48
_REMEMBERED = 4096


def new_writer() -> str:
    """Return an identifier for one write."""
    return uuid.uuid4().hex[:12]


def is_among(writer: str, writers: str) -> bool:
    """Tell whether a version was written by this writer or made from what it wrote."""
    return writer in writers.split()


class Lineage:
    """Remembers the writers of the versions that were seen last."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, ETagValue], str] = OrderedDict()
        self._lock = threading.Lock()

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
        with self._lock:
            before = self._seen.get((name, etag), "") if etag is not None else ""
        return " ".join([writer, *before.split()[: _LONGEST - 1]])
