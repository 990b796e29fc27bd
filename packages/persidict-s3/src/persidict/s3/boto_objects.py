"""`ObjectStore` by boto3; the only module that sends requests for objects by boto3's client."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from persidict.core.log import debug
from persidict.core.results import ETagValue
from persidict.s3.attempts import never_repeated, raise_from_handler, was_in_doubt
from persidict.s3.connection import Connection
from persidict.s3.errors import OddAnswer, is_missing_key, status_of
from persidict.s3.listed_objects import objects_in
from persidict.s3.multipart import MAX_PUT_BYTES, Upload
from persidict.s3.objects import (
    PAGE_SIZE,
    AnswerLost,
    Found,
    ListedObject,
    ObjectStore,
    Page,
    Refused,
    quoted,
)

# The metadata's name dates from earlier versions, whose objects stay readable.
WRITE_IDS = "persidict-writers"
# S3 answers 409 while another request changes the object. Only a broken server does so for long.
_MAX_CONFLICTS = 50
_MAX_PAUSE = 0.2
_BODY_ATTEMPTS = 4
_PARTS_OF_A_LISTING = frozenset({"Name", "KeyCount", "IsTruncated", "Contents"})


class BotoObjects(ObjectStore):
    """One bucket through boto3.

    Args:
        connection: Has the client to use.
        bucket: The bucket's name.
    """

    def __init__(self, connection: Connection, bucket: str) -> None:
        self._connection = connection
        self._bucket = bucket

    def head(self, name: str, *, dated: bool = False) -> Found:  # it always is
        """Ask for the version with HEAD."""
        client = self._connection.ready or self._connection.client()
        try:
            return _found(client.head_object(Bucket=self._bucket, Key=name))
        except ClientError as error:
            raise _missing_or(error, name) from error

    def get(self, name: str, known: ETagValue | None = None) -> tuple[bytes | None, Found]:
        """Ask for body and version with GET, and again if a body breaks off."""
        condition = {} if known is None else {"IfNoneMatch": known}
        client = self._connection.ready or self._connection.client()
        attempts = 0
        while True:
            try:
                answer = client.get_object(Bucket=self._bucket, Key=name, **condition)
            except ClientError as error:
                if status_of(error) == 304 and known is not None:
                    return None, _unchanged(error, known)
                raise _missing_or(error, name) from error
            try:
                # Not `with answer["Body"]`: that gives urllib3's body, which raises other errors.
                with closing(answer["Body"]) as body:
                    found = _found(answer)
                    # Not every server knows the condition.
                    return (None if found.etag == known else body.read()), found
            except BotoCoreError as error:
                raise_from_handler(error)
                # botocore asks again for an answer, not for the rest of a body.
                attempts += 1
                if attempts == _BODY_ATTEMPTS:
                    raise

    def put(
        self,
        name: str,
        data: bytes,
        *,
        match: str | None = None,
        create: bool = False,
        write_ids: str = "",
        in_parts: bool = False,
    ) -> Found:
        """Send one PUT, or several for a large object."""
        extra: dict[str, Any] = {"Metadata": {WRITE_IDS: write_ids}} if write_ids else {}
        if create:
            extra["IfNoneMatch"] = "*"
        elif match is not None:
            extra["IfMatch"] = match
        client = self._connection.ready or self._connection.client()
        if in_parts or len(data) > MAX_PUT_BYTES:
            return self._put_in_parts(name, data, match=match, create=create, write_ids=write_ids)
        send = partial(client.put_object, Bucket=self._bucket, Key=name, Body=data, **extra)
        if create or match is not None:
            answer = _send_guarded(send, f"PUT {name}", may_resend=not create)
        else:
            answer = send()
        date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        return Found(_etag(answer), seconds_of(date) or time.time(), write_ids, len(data))

    def _put_in_parts(
        self, name: str, data: bytes, *, match: str | None, create: bool, write_ids: str
    ) -> Found:
        """Send the parts, then ask once for an object of them, under the condition."""
        client = self._connection.ready or self._connection.client()
        metadata = {WRITE_IDS: write_ids} if write_ids else {}
        condition = {"IfNoneMatch": "*"} if create else {"IfMatch": match} if match else {}
        upload = Upload(client, self._bucket, name, metadata)
        try:
            upload.send(data)
            # A completion that was carried out has no upload any more: it can't be done twice.
            answer = _send_guarded(
                partial(upload.complete, **condition), f"PUT {name}", may_resend=not create
            )
        except Refused as refusal:
            if condition or not (refusal.absent and refusal.in_doubt):
                upload.abort()
                raise
            return self.head(name)
        except BaseException:
            upload.abort()
            raise
        return Found(_etag(answer), None, write_ids, len(data))

    def delete(self, name: str, *, match: str | None = None) -> None:
        """Send one DELETE."""
        extra = {} if match is None else {"IfMatch": match}
        client = self._connection.ready or self._connection.client()
        _send_guarded(
            partial(client.delete_object, Bucket=self._bucket, Key=name, **extra),
            f"DELETE {name}",
            may_resend=match not in (None, "*"),
        )

    def delete_many(self, names: list[str]) -> list[tuple[str, str]]:
        """Send one DeleteObjects."""
        objects = [{"Key": name} for name in names]
        client = self._connection.ready or self._connection.client()
        try:
            with never_repeated():
                answer = client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
                )
        except (ClientError, BotoCoreError) as error:
            if was_in_doubt():
                raise AnswerLost from error
            raise
        return [
            (error.get("Key", "?"), f"{error.get('Code')}: {error.get('Message', '')}")
            for error in answer.get("Errors", ())
            if error.get("Code") != "NoSuchKey"
        ]

    def page(
        self, directory: str, token: str | None, *, limit: int = PAGE_SIZE, deep: bool = True
    ) -> Page:
        """Send one ListObjectsV2."""
        extra: dict[str, Any] = {} if deep else {"Delimiter": "/"}
        if token is not None:
            extra["ContinuationToken"] = token
        client = self._connection.ready or self._connection.client()
        try:
            answer = client.list_objects_v2(
                Bucket=self._bucket, Prefix=directory, MaxKeys=limit, **extra
            )
        except ValueError as error:
            raise_from_handler(error)
            raise OddAnswer(f"the listing of {directory!r} can't be parsed: {error}") from error
        if _PARTS_OF_A_LISTING.isdisjoint(answer):
            raise OddAnswer(f"the answer is no listing of {directory!r}")
        objects = objects_in(answer)
        if objects is None:
            objects = _objects(answer, directory)
        return Page(
            objects,
            [entry["Prefix"] for entry in answer.get("CommonPrefixes", ())],
            answer.get("NextContinuationToken") if answer.get("IsTruncated") else None,
        )


def _objects(answer: Any, directory: str) -> list[ListedObject]:
    try:
        return [
            (entry["Key"], _etag(entry), entry["LastModified"].timestamp(), entry.get("Size"))
            for entry in answer.get("Contents", ())
        ]
    except KeyError as error:
        raise OddAnswer(f"an entry of the listing of {directory!r} has no {error}") from error


def _send_guarded(request: Callable[[], Any], what: str, *, may_resend: bool) -> Any:
    """Send a non-idempotent request; resend it after a 409."""
    in_doubt = False
    conflicts = 0
    while True:
        try:
            if may_resend:
                return request()
            with never_repeated():
                return request()
        except (ClientError, BotoCoreError) as error:
            in_doubt = in_doubt or was_in_doubt()
            status = status_of(error)
            if status == 412 or is_missing_key(error):
                raise Refused(absent=status == 404, in_doubt=in_doubt) from error
            if was_in_doubt() and not may_resend:
                raise AnswerLost from error
            if status != 409 or conflicts == _MAX_CONFLICTS:
                raise
            conflicts += 1
            debug("persidict.s3", "%s met a conflict (409), attempt %d", what, conflicts)
            time.sleep(random.random() * min(0.005 * 2**conflicts, _MAX_PAUSE))


def seconds_of(date: str | None) -> float | None:
    """Return the POSIX seconds of an HTTP date, None if it is none."""
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None


def _missing_or(error: ClientError, name: str) -> Exception:
    return KeyError(name) if is_missing_key(error) else error


def _etag(answer: Any) -> ETagValue:
    sent = answer.get("ETag")
    if not sent:
        raise OddAnswer("the answer has no ETag")
    return quoted(sent)


def _found(answer: Any) -> Found:
    etag = _etag(answer)
    if "LastModified" not in answer:
        raise OddAnswer("the answer has no Last-Modified")
    return Found(
        etag,
        answer["LastModified"].timestamp(),
        answer.get("Metadata", {}).get(WRITE_IDS, ""),
        answer.get("ContentLength", 0),
        answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date"),
    )


def _unchanged(error: ClientError, known: ETagValue) -> Found:
    metadata: Any = error.response.get("ResponseMetadata", {})
    headers = metadata.get("HTTPHeaders", {})
    return Found(known, seconds_of(headers.get("last-modified")), "", 0)
