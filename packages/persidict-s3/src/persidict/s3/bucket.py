"""The bucket: looked for when a dict is constructed, made if it is missing and may be made."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from persidict.s3.client import Connection
from persidict.s3.errors import code_of, status_of

_EXISTS_BY_NOW = frozenset({"BucketAlreadyOwnedByYou"})


def ensure_bucket(connection: Connection, name: str, *, create: bool = True) -> None:
    """See that the bucket exists and may be used: one request, none if it was seen before."""
    if name in connection.checked_buckets:
        return
    client = connection.client()
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        if status_of(error) != 404 or not create:
            raise
        _create(client, name, is_aws=connection.is_aws())
    connection.checked_buckets.add(name)


def _create(client: Any, name: str, *, is_aws: bool) -> None:
    region = client.meta.region_name
    settings: dict[str, Any] = {}
    # us-east-1 is the one region that must not be named; other servers rarely have several.
    if is_aws and region not in (None, "us-east-1", "aws-global"):
        settings["CreateBucketConfiguration"] = {"LocationConstraint": region}
    try:
        client.create_bucket(Bucket=name, **settings)
    except ClientError as error:
        if code_of(error) in _EXISTS_BY_NOW:
            return  # somebody was faster
        if code_of(error) != "BucketAlreadyExists":
            raise
        client.head_bucket(Bucket=name)  # some servers say it of one's own bucket too
