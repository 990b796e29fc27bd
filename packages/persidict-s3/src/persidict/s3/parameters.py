"""Validation of the constructor's arguments. No message shows what may be a secret."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config

from persidict.core.redaction import shown

# Each may hold a connection; a larger number is a mistake that would cost memory without end.
_MAX_WORKERS = 1000
_is_sent = re.compile(r"[A-Za-z0-9._-]{1,255}", re.ASCII).fullmatch
_is_new_name = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", re.ASCII).fullmatch
_is_ip_address = re.compile(r"(?:[0-9]+\.){3}[0-9]+", re.ASCII).fullmatch


def validate_bucket_name(name: object) -> str:
    """Return the name of a bucket, or the ARN of an access point.

    It refuses what botocore sends to no server. Servers have rules of their own beyond.
    """
    if not isinstance(name, str):
        raise TypeError(f"bucket_name must be a string, got {type(name).__name__}")
    is_address = "@" in name or (":" in name and not name.startswith("arn:"))
    if not name or is_address or ("/" in name and not name.startswith("arn:")):
        given = "an address" if is_address else shown(name)
        raise ValueError(
            f"bucket_name must be the name of a bucket, got {given} "
            "(what goes before the keys is root_prefix)"
        )
    if _is_sent(name) is None and not name.startswith("arn:"):
        raise ValueError(
            f"bucket_name must have 1 to 255 letters, digits, dots, hyphens and underscores, all "
            f"of them ASCII, got {shown(name)}"
        )
    return name


def validate_new_bucket_name(name: str) -> None:
    """Raise ``ValueError`` if Amazon creates no bucket of this name.

    An older bucket may have such a name. Underscores are left to the server: moto, which stands in
    for Amazon in tests, takes them, and the default name has one.
    """
    if _is_new_name(name) is None or ".." in name or _is_ip_address(name) is not None:
        raise ValueError(
            "there is no such bucket, and Amazon creates none of this name: bucket_name must have "
            "3 to 63 lowercase letters, digits, dots and hyphens, begin and end with a letter or "
            f"digit, have no two dots in a row, and be no IP address, got {shown(name)}"
        )


def validate_max_workers(number: object) -> int:
    """Return a number of requests at a time."""
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"max_workers must be an int, got {type(number).__name__}")
    if not 1 <= number <= _MAX_WORKERS:
        raise ValueError(f"max_workers must be from 1 to {_MAX_WORKERS}, got {number}")
    return number


def validate_connection(region: object, endpoint_url: object, config: object, client: Any) -> None:
    """Raise an error unless these say where a server is."""
    for name, given, kind in (
        ("region", region, str),
        ("endpoint_url", endpoint_url, str),
        ("config", config, Config),
    ):
        if given is not None and not isinstance(given, kind):
            raise TypeError(f"{name} must be a {kind.__name__} or None, got {type(given).__name__}")
    if isinstance(endpoint_url, str):
        validate_endpoint(endpoint_url, "endpoint_url")
    if client is not None and not hasattr(client, "get_object"):
        raise TypeError(f"client must be a boto3 S3 client or None, got {type(client).__name__}")


def validate_endpoint(url: str, name: str) -> None:
    """Raise ``ValueError`` unless this is the address of a server; `name` says who gave it."""
    if "@" in url:
        raise ValueError(
            f"credentials don't belong in {name}, which is shown and logged, and boto3 "
            "does not send them: it takes them from the environment, ~/.aws/credentials or "
            "the machine's role"
        )
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError(f"{name} must be an address without ? and #")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{name} must begin with http:// or https://, got {shown(url)}")
