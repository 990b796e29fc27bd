"""`ObjectStore` by obstore (Rust), which needs a tenth of boto3's time per request.

obstore sends each request for an object once. If it gets no clear answer, or can't do something,
boto3 takes over, with its retries, its errors and its renewal of credentials.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple, TypeVar

from persidict.core.errors import raise_if_from_handler
from persidict.core.log import debug
from persidict.core.results import ETagValue
from persidict.s3.attempts import note_doubt, silent_before
from persidict.s3.boto_objects import WRITE_IDS, BotoObjects
from persidict.s3.client import CONNECT_TIMEOUT, READ_TIMEOUT, USER_AGENT
from persidict.s3.connection import Connection
from persidict.s3.errors import OddAnswer
from persidict.s3.multipart import MAX_PUT_BYTES
from persidict.s3.objects import AnswerLost, Found, ObjectStore, Page, Refused, quoted

try:
    import obstore
    import obstore.exceptions
    import obstore.store
except ModuleNotFoundError as _error:
    if _error.name is None or not _error.name.startswith("obstore"):
        raise
    obstore = None  # type: ignore[assignment]

TRANSPORT_VARIABLE = "PERSIDICT_S3_TRANSPORT"
"""The environment variable that, set to ``boto3``, forbids obstore."""

# Names that obstore sends as they are.
_is_plain = re.compile(r"(?:[A-Za-z0-9()_\-~.=]+/)*\Z").match
_status_in = re.compile(r"status code: (\d{3})").search
_code_in = re.compile(r"<Code>(\w+)</Code>").search
# Variables that boto3 heeds and obstore does not.
_CERTIFICATES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
_MAX_SECONDS = 3600
# How long obstore keeps credentials before it asks for them again.
_CREDENTIALS_AGE = timedelta(minutes=5)
# Where boto3 succeeds so often in a row with what obstore could not do, obstore is given up.
_MAX_FALLBACKS = 5

_Result = TypeVar("_Result")


def _raise_for_put(error: Exception, failure: _Failure, *, create: bool, is_guarded: bool) -> None:
    """Raise the error for an answer to a PUT that boto3 must not repeat."""
    if "ETag Header missing" in str(error):
        raise OddAnswer("the answer has no ETag") from error
    if is_guarded and (failure.status == 412 or failure.is_missing):
        raise Refused(absent=failure.is_missing, in_doubt=False) from error
    if create and failure.in_doubt:
        raise AnswerLost from error


def objects_for(connection: Connection, bucket: str, root: str) -> ObjectStore:
    """Return a bucket through obstore if that is installed and permitted, else through boto3."""
    boto = BotoObjects(connection, bucket)
    is_permitted = (
        obstore is not None
        and os.environ.get(TRANSPORT_VARIABLE) != "boto3"
        and connection.permits_other_transports()
        and _is_plain(root) is not None
        and ":" not in bucket
    )
    return FastObjects(connection, bucket, boto) if is_permitted else boto


class FastObjects(ObjectStore):
    """One bucket through obstore, and through boto3 for the rest.

    Args:
        connection: Has the server's address and the credentials.
        bucket: The bucket's name.
        boto: The same bucket through boto3.
    """

    is_usable: ClassVar[bool] = True
    """False in a forked child: obstore's threads do not survive a fork."""

    def __init__(self, connection: Connection, bucket: str, boto: BotoObjects) -> None:
        self._connection = connection
        self._bucket = bucket
        self._boto = boto
        self._store: Any = None
        self._generation = -1
        self._fallbacks = 0

    def head(self, name: str, *, dated: bool = False) -> Found:
        """Ask for the version with HEAD."""
        store = None if dated else self._current()
        if store is None:
            return self._boto.head(name, dated=dated)
        try:
            result = obstore.get(store, name, options={"head": True})
        except Exception as error:  # boto3 decides
            raise_if_from_handler(error)
            failure = _Failure.of(error)
            if failure.status == 404:
                raise KeyError(name) from error
        else:
            found = _found(result)
            if found is not None:
                self._fallbacks = 0
                return found
            failure = _NO_FAILURE
        return self._by_boto(failure, lambda: self._boto.head(name))

    def get(self, name: str, known: ETagValue | None = None) -> tuple[bytes | None, Found]:
        """Ask for body and version with GET."""
        store = self._current()
        if store is None:
            return self._boto.get(name, known)
        try:
            options: Any = None if known is None else {"if_none_match": known}
            result = obstore.get(store, name, options=options)
            found = _found(result)
            data = None if found is None or found.etag == known else bytes(result.bytes())
        except Exception as error:  # boto3 decides
            raise_if_from_handler(error)
            failure = _Failure.of(error)
            if failure.status == 304 and known is not None:
                return None, Found(known, None, "", 0)
            if failure.is_missing:
                raise KeyError(name) from error
        else:
            if found is not None:
                self._fallbacks = 0
                return data, found
            failure = _NO_FAILURE
        return self._by_boto(failure, lambda: self._boto.get(name, known))

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
        """Send one PUT; boto3 sends those in parts."""
        in_parts = in_parts or len(data) > MAX_PUT_BYTES
        store = None if in_parts else self._current()

        def put() -> Found:
            return self._boto.put(
                name, data, match=match, create=create, write_ids=write_ids, in_parts=in_parts
            )

        if store is None:
            return put()
        mode: Any = "create" if create else {"e_tag": match} if match else "overwrite"
        attributes: Any = {WRITE_IDS: write_ids} if write_ids else None
        try:
            answer = obstore.put(
                store, name, data, mode=mode, attributes=attributes, use_multipart=False
            )
        except Exception as error:  # noqa: BLE001  # boto3 decides
            raise_if_from_handler(error)
            failure = _Failure.of(error)
            _raise_for_put(error, failure, create=create, is_guarded=create or match is not None)
            if failure.status == 409:
                debug("persidict.s3", "PUT %s met a conflict (409)", name)
            return self._by_boto(failure, put)
        self._fallbacks = 0
        return Found(quoted(answer["e_tag"] or ""), None, write_ids, len(data))

    def delete(self, name: str, *, match: str | None = None) -> None:
        """Send one DELETE by boto3: obstore knows no condition for it."""
        self._boto.delete(name, match=match)

    def delete_many(self, names: list[str]) -> list[tuple[str, str]]:
        """Send one DeleteObjects by boto3."""
        return self._boto.delete_many(names)

    def page(
        self, directory: str, token: str | None, *, limit: int = 1000, deep: bool = True
    ) -> Page:
        """Send one ListObjectsV2 by boto3: obstore can't begin at a token."""
        return self._boto.page(directory, token, limit=limit, deep=deep)

    def _current(self) -> Any:
        """Return obstore's store for the connection as it is now; None: boto3 must do it."""
        if self._connection.ready is None or self._generation != self._connection.generation:
            self._connection.client()
            self._store = _make_store(self._connection, self._bucket)
            self._fallbacks = 0
            self._generation = self._connection.generation
        return self._store if self.is_usable and self._fallbacks <= _MAX_FALLBACKS else None

    def _by_boto(self, failure: _Failure, request: Callable[[], _Result]) -> _Result:
        """Repeat a request by boto3, which goes on where obstore has failed."""
        try:
            with silent_before(1 if failure.is_silence else 0):
                answer = request()
        except Refused as refusal:
            if not failure.in_doubt:
                raise
            raise Refused(absent=refusal.absent, in_doubt=True) from refusal.__cause__
        finally:
            if failure.in_doubt:
                note_doubt()
        self._fallbacks += 1
        return answer


class _Failure(NamedTuple):
    """The parts of an error of obstore."""

    status: int
    """The HTTP status, 0 if there was no answer."""
    code: str
    in_doubt: bool
    """Whether the server may have carried out the request."""
    is_silence: bool
    """Whether the server took the request and gave no answer in time."""

    @property
    def is_missing(self) -> bool:
        """Whether the body of the answer says that there is no such object."""
        return self.status == 404 and self.code not in ("", "NoSuchBucket")

    @classmethod
    def of(cls, error: Exception) -> _Failure:
        """Read the text: obstore's errors carry nothing else."""
        text = str(error)
        answer = text.partition("\n\nDebug source")[0]
        status, code = _status_in(answer), _code_in(answer)
        if status is not None:
            number = int(status[1])
            is_turned_away = number in (501, 503)
            in_doubt = number >= 500 and not is_turned_away
            return cls(number, code[1] if code else "", in_doubt, is_silence=False)
        is_unsent = "ConnectError" in text or "redirect" in answer or "Connect," in text
        is_silence = not is_unsent and "TimedOut" in text
        return cls(0, "", in_doubt=not is_unsent, is_silence=is_silence)


_NO_FAILURE = _Failure(0, "", in_doubt=False, is_silence=False)


def _make_store(connection: Connection, bucket: str) -> Any:
    """Return obstore's store, or None if it can't do what the client does."""
    client, credentials = connection.ready, connection.credentials
    is_anonymous = connection.is_anonymous()
    if client is None or (credentials is None and not is_anonymous):
        return None
    # moto replaces AWS inside of botocore, where obstore does not pass by.
    if connection.is_aws and "moto" in sys.modules:
        return None
    endpoint = connection.endpoint()
    is_secure = endpoint.startswith("https:")
    if is_secure and any(map(os.environ.get, _CERTIFICATES)):
        return None
    return obstore.store.S3Store(
        bucket,
        config={
            "endpoint": endpoint,
            "region": client.meta.region_name or "us-east-1",
            "virtual_hosted_style_request": False,
            "skip_signature": is_anonymous,
        },
        client_options={
            "allow_http": not is_secure,
            "connect_timeout": f"{CONNECT_TIMEOUT}s",
            "read_timeout": f"{READ_TIMEOUT}s",
            "timeout": f"{_MAX_SECONDS}s",
            "user_agent": USER_AGENT,
        },
        retry_config={"max_retries": 0},
        credential_provider=None if is_anonymous else _Credentials(credentials),
    )


class _Credentials:
    """Gives obstore the credentials of botocore, which renews them."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def __call__(self) -> Any:
        frozen = self._credentials.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + _CREDENTIALS_AGE,
        }


def _found(result: Any) -> Found | None:
    """Parse an answer; None: it lacks the ETag or the time (obstore returns 0 then)."""
    meta = result.meta
    timestamp = meta["last_modified"].timestamp()
    if not meta["e_tag"] or not timestamp:
        return None
    write_ids = result.attributes.get(WRITE_IDS, "")
    return Found(quoted(meta["e_tag"]), timestamp, write_ids, meta["size"])


def _note_fork() -> None:
    FastObjects.is_usable = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
