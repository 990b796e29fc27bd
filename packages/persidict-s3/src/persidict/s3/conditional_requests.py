"""Conditional writes and deletions: one request each, or a fallback that was warned about."""

from __future__ import annotations

import hashlib

from persidict.core.backend import ETagMismatch
from persidict.core.errors import BackendError
from persidict.core.log import debug
from persidict.core.results import ETagValue
from persidict.s3.capabilities import ALL, Capabilities
from persidict.s3.requests import Found, ObjectStore, Refused
from persidict.s3.write_ids import Lineage, is_made_from, new_writer


class GuardedStore:
    """Changes objects only if their version is the expected one.

    Where an answer got lost and the request was sent again, these can't be told apart, and are
    taken for the first: an item that this deletion deleted, and one that somebody else deleted
    between its attempts; an insert that was undone by a deletion before it was sent again, and
    one that never arrived.
    """

    def __init__(
        self,
        store: ObjectStore,
        capabilities: Capabilities,
        lineage: Lineage,
        *,
        bucket: str,
        strict: bool,
    ) -> None:
        self._store = store
        self._can = capabilities
        self._lineage = lineage
        self._bucket = bucket
        self._strict = strict

    def put(self, name: str, data: bytes, expected: ETagValue | None) -> Found:
        """Write over the version `expected`, or, if that is None, only if there is none.

        Raises:
            ETagMismatch: There is another version, or none.
        """
        if not (self._can.create if expected is None else self._can.replace):
            self._look_instead(
                name, expected, "PUT If-None-Match: *" if expected is None else "PUT If-Match"
            )
            return self._store.put(name, data)
        writer = new_writer()
        writers = self._lineage.extended(writer, f"{self._bucket}/{name}", expected)
        try:
            return self._store.put(
                name, data, match=expected, create=expected is None, writers=writers
            )
        except Refused as refusal:
            own = self._own_write(name, data, writers, expected) if refusal.in_doubt else None
            if refusal.in_doubt:
                _tell("PUT", name, done=own is not None)
            if own is None:
                raise ETagMismatch from refusal
            return own

    def delete(self, name: str, expected: ETagValue) -> None:
        """Delete the version `expected`.

        Raises:
            ETagMismatch: There is another version, or none.
        """
        if not self._can.erase:
            self._look_instead(name, expected, "DELETE If-Match")
            self._store.delete(name)
            return
        try:
            self._store.delete(name, match=expected)
        except Refused as refusal:
            is_done = refusal.in_doubt and self._is_absent(name, refusal)
            if refusal.in_doubt:
                _tell("DELETE", name, done=is_done)
            if not is_done:
                raise ETagMismatch from refusal

    def delete_any(self, name: str) -> None:
        """Delete whichever version there is; ``KeyError`` if there is none.

        Where a server enforces no condition on DELETE, two who delete one item at a time may
        both be told that they did.
        """
        if self._can.erase_any:
            try:
                self._store.delete(name, match="*")
            except Refused as refusal:
                if refusal.in_doubt:
                    _tell("DELETE", name, done=True)
                    return
                if refusal.absent or self._can is not ALL:
                    raise KeyError(name) from refusal
                # Amazon was not asked what it can do, and what stands in for it in tests may not
                # know the asterisk.
            else:
                return
        while True:
            etag = self._store.head(name).etag
            if not self._can.erase:
                self._store.delete(name)
                return
            try:
                self.delete(name, etag)
            except ETagMismatch:
                continue  # written or deleted since
            return

    def _look_instead(self, name: str, expected: ETagValue | None, condition: str) -> None:
        """Check a condition that the server would not enforce, if the user accepts that."""
        if self._strict:
            raise BackendError(
                f"the server does not enforce {condition}, so this operation can't be atomic; "
                "strict_conditions=False accepts that",
                backend="BasicS3Dict",
                operation=condition,
            )
        try:
            actual = self._store.head(name).etag
        except KeyError:
            actual = None
        if actual != expected:
            raise ETagMismatch

    def _own_write(
        self, name: str, data: bytes, sent: str, expected: ETagValue | None
    ) -> Found | None:
        """Return what an earlier attempt of ours wrote, if it did."""
        own_etag = ETagValue(f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"')
        try:
            found = self._store.head(name)
            if found.writers:
                is_own = is_made_from(found.writers, sent, own_etag, expected)
                if is_own is None:
                    raise _lost_without_trace(name)
                is_current = found.writers == sent
                own = found if is_current else found._replace(etag=own_etag, writers="")
                return own if is_own else None
            # The server keeps no metadata: the nonce in the body tells.
            if found.etag == own_etag:
                return found
            if found.size == len(data):
                body, found = self._store.get(name)
                return found if body == data else None
        except KeyError:
            pass  # deleted since: whether ours was there can't be told
        return None

    def _is_absent(self, name: str, refusal: Refused) -> bool:
        if refusal.absent:
            return True
        try:
            self._store.head(name)
        except KeyError:
            return True
        return False


def _tell(request: str, name: str, *, done: bool) -> None:
    outcome = "has done it" if done else "has not done it"
    debug("persidict.s3", "%s %s: an answer got lost, that attempt %s", request, name, outcome)


def _lost_without_trace(name: str) -> BackendError:
    return BackendError(
        f"can't tell whether {name} was written: the answer got lost, and others have written it "
        "since without leaving a trace of who did so before them; read it to see what it is",
        backend="BasicS3Dict",
        operation="write",
    )
