"""Conditional writes and deletions: one request each, or a fallback with a warning in the log.

If an answer is lost, persidict asks the server whether it has carried out the request. If the
server can't tell, persidict raises `Uncertain`. It never makes a change twice, and never reports
one without proof.
"""

from __future__ import annotations

import time

from persidict.core.backend import ETagMismatch
from persidict.core.errors import BackendError
from persidict.core.log import debug
from persidict.core.results import ETagValue
from persidict.s3.attempts import was_in_doubt
from persidict.s3.boto_objects import seconds_of
from persidict.s3.capabilities import ALL, Capabilities, learn, learn_in_parts
from persidict.s3.connection import Connection
from persidict.s3.errors import S3_ERRORS, Uncertain, status_of
from persidict.s3.multipart import MAX_PUT_BYTES, etag_of
from persidict.s3.objects import AnswerLost, Found, ObjectStore, Refused
from persidict.s3.write_ids import Write, is_made_from

_MAX_ATTEMPTS = 4
# Seconds. Servers tell the time of a write and of an answer in whole seconds.
_CLOCK_STEP = 2.0


class ConditionalRequests:
    """Changes objects only if their version is the expected one.

    Args:
        objects: The bucket.
        connection: Where it is.
        bucket: Its name.
        directories: Where a scratch object may be, see `capabilities.learn`.
        strict: Raise `BackendError` where the server does not enforce a condition.
        unique: Whether no two writes have the same ETag.
        never_deleted: Whether nobody deletes items, so that an absent one was never written.
    """

    def __init__(
        self,
        objects: ObjectStore,
        connection: Connection,
        bucket: str,
        directories: tuple[str, ...],
        *,
        strict: bool,
        unique: bool,
        never_deleted: bool,
    ) -> None:
        self._objects = objects
        self._connection = connection
        self._bucket = bucket
        self._directories = directories
        self._strict = strict
        self._unique = unique
        self._never_deleted = never_deleted

    def put(
        self, name: str, data: bytes, expected: ETagValue | None, *, learned_again: bool = False
    ) -> Found:
        """Write over the version `expected`, or, if that is None, only if there is none.

        Raises:
            ETagMismatch: There is another version, or none.
        """
        can = self._capabilities(len(data))
        if not (can.create if expected is None else can.replace):
            condition = "PUT If-None-Match: *" if expected is None else "PUT If-Match"
            self._look_instead(name, expected, condition)
            return self._objects.put(name, data)
        match = None if expected is None else can.sent(expected)
        write = self._connection.write_ids.begin(f"{self._bucket}/{name}", expected)
        started = time.monotonic()
        attempts = 0
        while True:
            attempts += 1
            try:
                return self._objects.put(
                    name, data, match=match, create=expected is None, write_ids=write.ids
                )
            except Refused as refusal:
                if not refusal.in_doubt:
                    raise ETagMismatch from refusal
                return self._own_write(name, data, write, expected, started)
            except AnswerLost as loss:
                try:
                    return self._own_write(name, data, write, expected, started)
                except _AbsentAfterLoss:
                    if not self._never_deleted or attempts == _MAX_ATTEMPTS:
                        raise Uncertain(_NO_TRACE) from loss.__cause__
            except S3_ERRORS as error:
                if learned_again or not self._contradicts(error, can):
                    raise
                return self.put(name, data, expected, learned_again=True)

    def delete(self, name: str, expected: ETagValue) -> None:
        """Delete the version `expected`.

        Raises:
            ETagMismatch: There is another version, or none.
        """
        started = time.monotonic()
        if not self._capabilities().erase:
            self._look_instead(name, expected, "DELETE If-Match")
        if self._delete_version(name, expected):
            return
        try:
            found = self._objects.head(name, dated=True)
        except KeyError:
            pass
        else:
            # Our id is new, so the answer is False or None.
            write = self._connection.write_ids.begin(f"{self._bucket}/{name}", expected)
            no_etag = ETagValue("")
            is_replacement = (
                is_made_from(found.write_ids, write.ids, no_etag, expected, unique=self._unique)
                is False
            )
            if is_replacement or _is_older(found, started):
                raise ETagMismatch
        raise Uncertain(
            "the answer got lost and the version is gone: this deletion or somebody else's "
            "change took it away"
        )

    def delete_any(self, name: str) -> None:
        """Delete the version that is there; ``KeyError`` if there is none.

        Where a server does not enforce conditions on DELETE, or an answer gets lost, two who
        delete one item at the same time may both be told that they did.
        """
        can = self._capabilities()
        if can.erase_any:
            started = time.monotonic()
            try:
                self._objects.delete(name, match="*")
            except Refused as refusal:
                if refusal.absent or can is not ALL:
                    raise KeyError(name) from refusal
                # Amazon was not asked what it can do, and what stands in for it in tests may not
                # know the asterisk.
            except AnswerLost as loss:
                self.delete_older(name, started, loss)
                return
            else:
                return
        while True:
            etag = self._objects.head(name).etag
            try:
                self._delete_version(name, etag)
            except ETagMismatch:
                continue  # another version by now, or none
            return

    def delete_older(self, name: str, started: float, loss: AnswerLost) -> None:
        """Finish a deletion whose answer got lost: delete a version only if it is older.

        Args:
            name: The object's name.
            started: When the deletion was sent first, by `time.monotonic`.
            loss: What the deletion raised.
        """
        try:
            found = self._objects.head(name, dated=True)
        except KeyError:
            return
        if not _is_older(found, started):
            raise Uncertain(
                "the answer got lost, and the item that is there now may have been written since"
            ) from loss.__cause__
        try:
            self._delete_version(name, found.etag)
        except ETagMismatch:
            return  # somebody has replaced the version that was to be deleted

    def _delete_version(
        self, name: str, expected: ETagValue, *, learned_again: bool = False
    ) -> bool:
        """Delete a version that was seen; False: it is gone, and an answer about it got lost."""
        can = self._capabilities()
        if not can.erase:
            return self._delete_unguarded(name, expected)
        try:
            self._objects.delete(name, match=can.sent(expected))
        except Refused as refusal:
            if not refusal.in_doubt:
                raise ETagMismatch from refusal
            _log("DELETE", name, "the version is gone")
            return False
        except S3_ERRORS as error:
            if learned_again or not self._contradicts(error, can):
                raise
            return self._delete_version(name, expected, learned_again=True)
        return True

    def _delete_unguarded(self, name: str, expected: ETagValue) -> bool:
        """Do the same on a server that does not enforce the condition."""
        for _ in range(_MAX_ATTEMPTS):
            try:
                self._objects.delete(name)
            except Refused as refusal:
                raise ETagMismatch from refusal
            except AnswerLost as error:
                loss = error
            else:
                return True
            try:
                if self._objects.head(name).etag != expected:
                    return False
            except KeyError:
                return False
        raise Uncertain("every answer got lost") from loss.__cause__

    def _contradicts(self, error: Exception, can: Capabilities) -> bool:
        """Tell whether the server refuses a condition that it is known to enforce; forget that."""
        if status_of(error) != 501 or can is ALL or was_in_doubt():
            return False
        self._connection.known.pop(self._bucket, None)
        return True

    def _capabilities(self, size: int = 0) -> Capabilities:
        """Return what the server enforces for objects of a size."""
        if self._connection.is_aws:
            return ALL  # its documentation promises them
        can = self._connection.known.get(self._bucket) or self._learn()
        if size <= MAX_PUT_BYTES or can is ALL:
            return can
        endpoint = self._connection.endpoint()
        return learn_in_parts(self._objects, endpoint, self._bucket, self._directories, can)

    def _learn(self) -> Capabilities:
        endpoint = self._connection.endpoint()
        if self._connection.is_aws:
            return ALL
        return learn(self._objects, endpoint, self._bucket, self._directories)

    def _look_instead(self, name: str, expected: ETagValue | None, condition: str) -> None:
        """Check a condition by reading the ETag, because the server does not enforce it."""
        if self._strict:
            raise BackendError(
                f"the server does not enforce {condition}, so this operation can't be atomic; "
                "strict_conditions=False accepts that",
                backend="BasicS3Dict",
                operation=condition,
            )
        try:
            actual = self._objects.head(name).etag
        except KeyError:
            actual = None
        if actual != expected:
            raise ETagMismatch

    def _own_write(
        self, name: str, data: bytes, write: Write, expected: ETagValue | None, started: float
    ) -> Found:
        """Return the version that this write created, although its answer was lost.

        Raises:
            ETagMismatch: No attempt of ours has written.
            Uncertain: It can't be told, because others have written or deleted the object.
        """
        own_etag = etag_of(data)
        try:
            found = self._objects.head(name, dated=True)
            is_own = self._is_own(name, data, found, write, own_etag, expected)
        except KeyError:
            if expected is None:
                raise _AbsentAfterLoss from None
            raise Uncertain(_NO_TRACE) from None
        if is_own:
            _log("PUT", name, "it was carried out")
            is_current = found.write_ids in ("", write.ids)
            return found if is_current else found._replace(etag=own_etag, write_ids="")
        was_seen = self._unique and found.etag == write.seen
        if is_own is False or was_seen or _is_older(found, started):
            _log("PUT", name, "it was not carried out")
            raise ETagMismatch
        raise Uncertain(_NO_TRACE)

    def _is_own(
        self,
        name: str,
        data: bytes,
        found: Found,
        write: Write,
        own_etag: ETagValue,
        expected: ETagValue | None,
    ) -> bool | None:
        if found.write_ids:
            return is_made_from(found.write_ids, write.ids, own_etag, expected, unique=self._unique)
        # A plain write, or a server that keeps no metadata: then the nonce in the body tells.
        if not self._unique:
            return None
        if found.etag != own_etag and found.size == len(data):
            return True if self._objects.get(name)[0] == data else None
        return True if found.etag == own_etag else None


class _AbsentAfterLoss(Exception):
    """There is no object, and an attempt to create one may have been carried out."""


_NO_TRACE = (
    "the answer got lost, and nothing shows whether the write was carried out before others "
    "changed or deleted the item"
)


def _is_older(found: Found, started: float) -> bool:
    """Tell whether a version was surely written before a moment, by the server's clock."""
    now = seconds_of(found.server_date)
    if now is None or found.timestamp is None:
        return False
    return now - found.timestamp > time.monotonic() - started + _CLOCK_STEP


def _log(request: str, name: str, outcome: str) -> None:
    debug("persidict.s3", "%s %s: an answer got lost, %s", request, name, outcome)
