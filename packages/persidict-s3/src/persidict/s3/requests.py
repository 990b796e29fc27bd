"""The S3 requests that a dict needs; the only module that touches boto3's untyped client."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from persidict.core.log import debug
from persidict.core.results import ETagValue
from persidict.s3.client import forget_attempts, was_in_doubt
from persidict.s3.errors import is_missing_key, status_of

# Who wrote a version, and whose versions it was made from: see write_ids.py.
_WRITERS = "persidict-writers"
# 409 says "others are at it, ask again"; so long that only a broken server exhausts it.
_MAX_CONFLICTS = 50
_LONGEST_PAUSE = 0.2
_BODY_ATTEMPTS = 4


class Found(NamedTuple):
    """What the server tells of an object."""

    etag: ETagValue
    timestamp: float | None
    writers: str
    size: int


class Refused(Exception):
    """A condition did not hold; nothing was changed by this attempt.

    Attributes:
        absent: The server said that there is no object.
        in_doubt: An earlier attempt may have been carried out before its answer got lost.
    """

    def __init__(self, *, absent: bool, in_doubt: bool) -> None:
        super().__init__()
        self.absent = absent
        self.in_doubt = in_doubt


class Page(NamedTuple):
    """One answer to a listing."""

    objects: list[tuple[str, ETagValue, float, int | None]]
    directories: list[str]
    next_token: str | None
    may_be_empty: bool
    """Whether a directory in it may have been deserted: SeaweedFS clears up later."""


class ObjectStore:
    """One bucket through one client. Errors are botocore's."""

    def __init__(self, client: Any, bucket: str, *, quoted: bool = True) -> None:
        self._client = client
        self._bucket = bucket
        self._quoted = quoted

    def head(self, name: str) -> Found:
        """Ask for an object's version; ``KeyError`` if there is none."""
        try:
            return _found(self._client.head_object(Bucket=self._bucket, Key=name))
        except ClientError as error:
            raise _missing_or(error, name) from error

    def get(self, name: str, known: ETagValue | None = None) -> tuple[bytes | None, Found]:
        """Ask for body and version, for no body if the ETag is `known`."""
        condition = {} if known is None else {"IfNoneMatch": self._sent(known)}
        attempts = 0
        while True:
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=name, **condition)
            except ClientError as error:
                if status_of(error) == 304 and known is not None:
                    return None, _unchanged(error, known)
                raise _missing_or(error, name) from error
            found = _found(answer)
            try:
                # Not `with answer["Body"]`: that gives urllib3's body, which raises other errors.
                with closing(answer["Body"]) as body:
                    # Not every server knows the condition.
                    return (None if found.etag == known else body.read()), found
            except BotoCoreError:
                # botocore asks again for an answer, not for the rest of a body.
                attempts += 1
                if attempts == _BODY_ATTEMPTS:
                    raise

    def put(
        self,
        name: str,
        data: bytes,
        *,
        match: ETagValue | None = None,
        create: bool = False,
        writers: str = "",
    ) -> Found:
        """Write an object, if asked so only over the version `match` or over none; `Refused`."""
        extra: dict[str, Any] = {"Metadata": {_WRITERS: writers}} if writers else {}
        if create:
            extra["IfNoneMatch"] = "*"
        elif match is not None:
            extra["IfMatch"] = self._sent(match)
        answer = _ask(
            lambda: self._client.put_object(Bucket=self._bucket, Key=name, Body=data, **extra),
            f"PUT {name}",
            conditional=create or match is not None,
        )
        date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        return Found(_etag(answer["ETag"]), _seconds(date) or time.time(), writers, len(data))

    def delete(self, name: str, *, match: str | None = None) -> None:
        """Delete an object, if asked so only a certain version (or ``*``: any); `Refused`."""
        extra = {} if match is None else {"IfMatch": self._sent(match)}
        _ask(
            lambda: self._client.delete_object(Bucket=self._bucket, Key=name, **extra),
            f"DELETE {name}",
            conditional=match is not None,
        )

    def delete_many(self, names: list[str]) -> list[tuple[str, str]]:
        """Delete up to a thousand objects; return name and reason of those it failed for."""
        objects = [{"Key": name} for name in names]
        answer = self._client.delete_objects(
            Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
        )
        return [
            (error.get("Key", "?"), f"{error.get('Code')}: {error.get('Message', '')}")
            for error in answer.get("Errors", ())
            if error.get("Code") != "NoSuchKey"
        ]

    def page(
        self, directory: str, token: str | None, *, limit: int = 1000, deep: bool = True
    ) -> Page:
        """List objects whose names begin with `directory`, or only one level of them."""
        extra: dict[str, Any] = {} if deep else {"Delimiter": "/"}
        if token is not None:
            extra["ContinuationToken"] = token
        answer = self._client.list_objects_v2(
            Bucket=self._bucket, Prefix=directory, MaxKeys=limit, **extra
        )
        return Page(
            [
                (
                    entry["Key"],
                    _etag(entry["ETag"]),
                    entry["LastModified"].timestamp(),
                    entry.get("Size"),
                )
                for entry in answer.get("Contents", ())
            ],
            [entry["Prefix"] for entry in answer.get("CommonPrefixes", ())],
            answer.get("NextContinuationToken") if answer.get("IsTruncated") else None,
            "seaweedfs" in str(answer["ResponseMetadata"]["HTTPHeaders"].get("server")).lower(),
        )

    def _sent(self, etag: str) -> str:
        return etag if self._quoted else etag.strip('"')


def _ask(request: Callable[[], Any], what: str, *, conditional: bool) -> Any:
    """Send a request, the same again after 409; `Refused` if its condition did not hold."""
    in_doubt = False
    conflicts = 0
    while True:
        forget_attempts()
        try:
            return request()
        except ClientError as error:
            in_doubt = in_doubt or was_in_doubt()
            status = status_of(error)
            if not conditional:
                raise
            if status == 412 or is_missing_key(error):
                raise Refused(absent=status == 404, in_doubt=in_doubt) from error
            if status != 409 or conflicts == _MAX_CONFLICTS:
                raise
            conflicts += 1
            debug("persidict.s3", "%s met a conflict (409), attempt %d", what, conflicts)
            time.sleep(random.random() * min(0.005 * 2**conflicts, _LONGEST_PAUSE))


def _missing_or(error: ClientError, name: str) -> Exception:
    return KeyError(name) if is_missing_key(error) else error


def _etag(sent: str) -> ETagValue:
    """Return an ETag in quotes, as the standard has it and some listings don't."""
    return ETagValue(sent if sent.endswith('"') else f'"{sent}"')


def _found(answer: Any) -> Found:
    return Found(
        _etag(answer["ETag"]),
        answer["LastModified"].timestamp(),
        answer.get("Metadata", {}).get(_WRITERS, ""),
        answer.get("ContentLength", 0),
    )


def _unchanged(error: ClientError, known: ETagValue) -> Found:
    metadata: Any = error.response.get("ResponseMetadata", {})
    headers = metadata.get("HTTPHeaders", {})
    return Found(known, _seconds(headers.get("last-modified")), "", 0)


def _seconds(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
