"""Validation of the constructor's arguments. No message shows what may be a secret."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config

from persidict.core.redaction import shown

# Each may hold a connection; a larger number is a mistake that would cost memory without end.
_MAX_WORKERS = 1000


def validate_bucket_name(name: object) -> str:
    """Return the name of a bucket."""
    if not isinstance(name, str):
        raise TypeError(f"bucket_name must be a string, got {type(name).__name__}")
    is_address = "@" in name or (":" in name and not name.startswith("arn:"))
    if not name or "/" in name or is_address:
        given = "an address" if is_address else shown(name)
        raise ValueError(
            f"bucket_name must be the name of a bucket, got {given} "
            "(what goes before the keys is root_prefix)"
        )
    return name


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
        _validate_endpoint(endpoint_url)
    if client is not None and not hasattr(client, "get_object"):
        raise TypeError(f"client must be a boto3 S3 client or None, got {type(client).__name__}")


def _validate_endpoint(url: str) -> None:
    if "@" in url:
        raise ValueError(
            "credentials don't belong in endpoint_url, which is shown and logged, and boto3 "
            "does not send them: it takes them from the environment, ~/.aws/credentials or "
            "the machine's role"
        )
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError("endpoint_url must be an address without ? and #")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"endpoint_url must begin with http:// or https://, got {shown(url)}")
