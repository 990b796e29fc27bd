"""Clients: one per settings and process, made when first used, safe over threads and forks."""

from __future__ import annotations

import hashlib
import os
import threading
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.utils import determine_content_length, parse_timestamp

from persidict.core._version import __version__
from persidict.core.errors import BackendError
from persidict.core.forks import new_lock
from persidict.s3.write_ids import Lineage

# Seconds. An endpoint that refuses or fails gets four chances, one that is silent two: it is
# reported after 7 s if it takes no connection, after 31 s if it takes one and never answers.
_CONNECT_TIMEOUT = 3
_READ_TIMEOUT = 15
_ATTEMPTS = 4
_SILENT_ATTEMPTS = 2
# From this size on it pays to ask whether the server wants a body before sending it.
_LARGE_BODY = 1 << 20
_USER_AGENT = f"persidict/{__version__} Boto3/{boto3.__version__} Botocore/{botocore.__version__}"
# Codes of 503 with which S3 says that it did nothing.
_TURNED_AWAY = frozenset({"SlowDown", "ServiceUnavailable", "RequestLimitExceeded", "Throttling"})
# What else decides whom a client talks to, and as whom.
_ENVIRONMENT = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)


class _Settings(NamedTuple):
    endpoint_url: str | None
    region: str | None
    config: Config | None
    max_workers: int
    environment: str


class Connection:
    """A way to a server: its client, and the buckets that are known to exist."""

    def __init__(self, settings: _Settings | None, client: Any = None) -> None:
        self._settings = settings
        self._client = client
        self._owner = os.getpid()
        self._lock = new_lock()
        self.checked_buckets: set[str] = set()
        self.lineage = Lineage()
        if client is not None:
            _observe(client)

    def client(self) -> Any:
        """Return the client of this process; connections are never shared over a fork."""
        if self._client is not None and self._owner == os.getpid():
            return self._client
        if self._settings is None:
            raise BackendError(
                "the client given to this dict was made before the process forked and can't be "
                "used here; construct the dict again with a client of this process",
                backend="BasicS3Dict",
                operation="connect",
            )
        with self._lock:
            if self._client is None or self._owner != os.getpid():
                self._client = _make_client(self._settings)
                self._owner = os.getpid()
            return self._client

    def endpoint(self) -> str:
        """Return the address of the server."""
        return str(self.client().meta.endpoint_url)

    def is_aws(self) -> bool:
        """Tell whether the server is Amazon's own."""
        return _is_aws(self.endpoint())


_connections: dict[_Settings, Connection] = {}
_connections_lock = new_lock()


def connection_for(
    endpoint_url: str | None,
    region: str | None,
    config: Config | None,
    max_workers: int,
    client: Any,
) -> Connection:
    """Return the connection that all dicts with these settings share, or one for `client`."""
    if client is not None:
        return Connection(None, client)
    # Hashed: there are secrets in it, and what is kept may be shown where errors are reported.
    values = repr([os.environ.get(name) for name in _ENVIRONMENT])
    environment = hashlib.sha256(values.encode()).hexdigest()
    settings = _Settings(endpoint_url, region, config, max_workers, environment)
    with _connections_lock:
        if settings not in _connections:
            _connections[settings] = Connection(settings)
        return _connections[settings]


def _make_client(settings: _Settings) -> Any:
    url = settings.endpoint_url
    client = _new_client(settings, elsewhere=url is not None and not _is_aws(url))
    if url is None and not _is_aws(client.meta.endpoint_url):
        # The environment or a profile names another server.
        client = _new_client(settings, elsewhere=True)
    client.meta.events.register_last("before-call.s3", _expect_for_large_bodies_only)
    if getattr(settings.config, "retries", None) is None:
        client.meta.events.register_first("needs-retry.s3", _give_up_on_silence)
    _observe(client)
    return client


def _new_client(settings: _Settings, *, elsewhere: bool) -> Any:
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        max_pool_connections=2 * max(settings.max_workers, 8),
        # Given, because botocore would put it together anew twice per request.
        user_agent=_USER_AGENT,
    )
    if elsewhere:
        # Many servers refuse the checksums that only AWS knows, and have no name per bucket.
        config = config.merge(
            Config(
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"},
            )
        )
    if settings.config is not None:
        config = config.merge(settings.config)
    # A session of its own: making clients from the default one is not safe between threads.
    core = botocore.session.get_session()
    # botocore reads every date with dateutil: most of the work for a page of a thousand objects.
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_date)
    session = boto3.session.Session(botocore_session=core)
    region = settings.region or session.region_name or "us-east-1"
    return session.client(
        "s3", region_name=region, endpoint_url=settings.endpoint_url, config=config
    )


def read_date(text: Any) -> datetime:
    """Read a date of an answer: the two forms that servers use quickly, all others as botocore."""
    try:
        if text[-1:] == "Z":
            return datetime.fromisoformat(text)
        if text[-3:] == "GMT":
            return parsedate_to_datetime(text)
    except (TypeError, ValueError):
        pass
    return parse_timestamp(text)


def _is_aws(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _expect_for_large_bodies_only(params: dict[str, Any], **_: Any) -> None:
    """Take back what botocore adds to every PUT: a round trip before a body of a few bytes."""
    body = params.get("body", b"")
    if (determine_content_length(body) or 0) < _LARGE_BODY:
        params.get("headers", {}).pop("Expect", None)


def _give_up_on_silence(request_dict: dict[str, Any], **_: Any) -> bool | None:
    """Send no further attempt of a request of which several were never answered."""
    silences = request_dict["context"].get(_SILENCES, 0)
    return False if silences >= _SILENT_ATTEMPTS else None


# Where a request counts the attempts that were never answered.
_SILENCES = "persidict-silences"
# Whether an attempt of the current request ended so that the server may have done it.
_attempts = threading.local()


def _observe(client: Any) -> None:
    client.meta.events.register(
        "response-received.s3", _note_attempt, unique_id="persidict-note-attempt"
    )


def _note_attempt(
    parsed_response: dict[str, Any] | None = None,
    exception: Exception | None = None,
    context: Any = None,
    **_: Any,
) -> None:
    if exception is not None:
        if isinstance(exception, (ConnectTimeoutError, ReadTimeoutError)) and context is not None:
            context[_SILENCES] = context.get(_SILENCES, 0) + 1
        if not isinstance(exception, (EndpointConnectionError, ConnectTimeoutError)):
            _attempts.in_doubt = True
    elif parsed_response is not None:
        status = parsed_response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = parsed_response.get("Error", {}).get("Code", "")
        if status >= 500 and not (status == 503 and code in _TURNED_AWAY):
            _attempts.in_doubt = True


def forget_attempts() -> None:
    """Begin a new request in this thread."""
    _attempts.in_doubt = False


def was_in_doubt() -> bool:
    """Tell whether an earlier attempt of this thread's last request may have been carried out."""
    return bool(getattr(_attempts, "in_doubt", False))
