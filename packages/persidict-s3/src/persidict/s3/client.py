"""boto3 clients, set up for small objects on any server."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader, create_loader
from botocore.utils import determine_content_length, parse_timestamp

from persidict.core._version import __version__
from persidict.core.errors import raise_if_from_handler
from persidict.s3.attempts import give_up_on_silence
from persidict.s3.errors import OddAnswer
from persidict.s3.listed_objects import read_quickly
from persidict.s3.parameters import validate_endpoint

# Seconds. persidict tries an endpoint that refuses or fails four times and a silent one twice: it
# reports one that takes no connection after 7 s, one that never answers after 31 s.
CONNECT_TIMEOUT = 3
READ_TIMEOUT = 15
_MAX_ATTEMPTS = 4
# From this size on it pays to ask whether the server wants a body before sending it.
_LARGE_BODY = 1 << 20
USER_AGENT = f"persidict/{__version__} Boto3/{boto3.__version__} Botocore/{botocore.__version__}"
# The variables that decide which server a client talks to, and as whom.
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
# The variables that name files which decide the same, and what they name if they are not set.
_FILES = (
    ("AWS_CONFIG_FILE", "~/.aws/config"),
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
)


_CONFIGURED = "AWS_ENDPOINT_URL, or endpoint_url in ~/.aws/config,"


class Settings(NamedTuple):
    """The parameters of a dict that determine its client."""

    endpoint_url: str | None
    region: str | None
    config: Config | None
    max_workers: int
    anonymous: bool


class Made(NamedTuple):
    """A new client and the credentials that it signs with."""

    client: Any
    credentials: Any
    """botocore's object, which renews itself if it can; None: there are none."""


def make_client(settings: Settings) -> Made:
    """Create a client with a session of its own, which reads environment and files anew."""
    url = settings.endpoint_url
    made = _make(settings, elsewhere=url is not None and not is_aws(url))
    if url is None and not is_aws(made.client.meta.endpoint_url):
        # The environment or a profile names another server.
        validate_endpoint(made.client.meta.endpoint_url, _CONFIGURED)
        made = _make(settings, elsewhere=True)
    events = made.client.meta.events
    events.register_last("before-call.s3", _expect_for_large_bodies_only)
    read_quickly(made.client)
    if getattr(settings.config, "retries", None) is None:
        events.register_first("needs-retry.s3", give_up_on_silence)
    return made


def current_credentials(settings: Settings) -> Any:
    """Return the credentials that a new client would sign with."""
    if settings.anonymous:
        return None
    try:
        return botocore.session.get_session().get_credentials()
    except BotoCoreError:
        return None  # a profile that is gone, say: the old client's error is the better one


def environment_digest() -> str:
    """Return a digest of the environment, and of the state of the files, that clients depend on.

    It is hashed, because a registry that is kept may be shown where errors are reported.
    """
    parts: list[Any] = [os.environ.get(name) for name in _ENVIRONMENT]
    for name, default in _FILES:
        try:
            info = os.stat(os.path.expanduser(os.environ.get(name) or default))
        except OSError as error:
            raise_if_from_handler(error)
            parts.append(None)
        else:
            parts.append((info.st_mtime_ns, info.st_size, info.st_ino))
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _make(settings: Settings, *, elsewhere: bool) -> Made:
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _MAX_ATTEMPTS},
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        max_pool_connections=2 * max(settings.max_workers, 8),
        # Given, because botocore would put it together anew twice per request.
        user_agent=USER_AGENT,
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
    if settings.anonymous:
        config = config.merge(Config(signature_version=UNSIGNED))
    if settings.config is not None:
        config = config.merge(settings.config)
    # A session of its own: creating clients from the default one is not safe between threads.
    core = botocore.session.get_session()
    # botocore reads every date with dateutil: most of the work for a page of a thousand objects.
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_date)
    session = boto3.session.Session(botocore_session=core)
    # After boto3, which adds its directory to the search path of the loader that it finds.
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    region = settings.region or session.region_name or "us-east-1"
    try:
        client = session.client(
            "s3", region_name=region, endpoint_url=settings.endpoint_url, config=config
        )
    except ValueError as error:
        raise_if_from_handler(error)
        if settings.endpoint_url is not None or "endpoint" not in str(error):
            raise
        raise ValueError(f"{_CONFIGURED} must begin with http:// or https://") from None
    return Made(client, None if settings.anonymous else session.get_credentials())


@cache
def _loader(data_path: str | None) -> Loader:
    """Return what loads botocore's descriptions of services, and keeps them for later clients.

    They say nothing of accounts or servers. To parse them is most of the work for a new client.
    """
    return create_loader(data_path)


def read_date(text: Any) -> datetime:
    """Parse a date: the two usual forms quickly, all others as botocore does."""
    try:
        if text[-1:] == "Z":
            return datetime.fromisoformat(text)
        if text[-3:] == "GMT":
            return parsedate_to_datetime(text)
    except (TypeError, ValueError):
        pass
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise OddAnswer(f"the answer has no date but {text!r}") from error


def is_aws(url: str) -> bool:
    """Tell whether an address is one of Amazon's own."""
    host = urlsplit(url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _expect_for_large_bodies_only(params: dict[str, Any], **_: Any) -> None:
    """Remove the `Expect` header from small PUTs, because it costs a round trip."""
    body = params.get("body", b"")
    if (determine_content_length(body) or 0) < _LARGE_BODY:
        params.get("headers", {}).pop("Expect", None)
