"""The bucket: checked when a dict is constructed, and created if it is missing."""

from __future__ import annotations

import logging
from typing import Any

from botocore.exceptions import ClientError

from persidict.core.log import debug
from persidict.s3.capabilities import forget_endpoint, note_server
from persidict.s3.connection import Connection
from persidict.s3.errors import code_of, status_of
from persidict.s3.objects import ObjectStore

logger = logging.getLogger("persidict.s3")


def check_bucket(
    connection: Connection, objects: ObjectStore, name: str, directory: str, *, create: bool
) -> None:
    """Raise botocore's error unless the bucket may be used; one request if it exists.

    Args:
        connection: Where the bucket is.
        objects: The bucket.
        name: Its name.
        directory: The prefix that the dict uses. Permissions for it alone are enough.
        create: Create the bucket if it is missing; otherwise ask for nothing beyond `directory`.
    """
    if not create:
        try:
            objects.page(directory, None, limit=1)
        except ClientError as error:
            if code_of(error) != "AccessDenied":
                raise
            debug("persidict.s3", "can't list %s: assuming that it exists", name)
        return
    client = connection.client()
    try:
        answer = client.head_bucket(Bucket=name)
    except ClientError as error:
        if status_of(error) == 404:
            forget_endpoint(connection.endpoint())
            _create(client, name, is_aws=connection.is_aws)
            logger.info("created the bucket %s at %s", name, connection.endpoint())
        elif status_of(error) == 403:
            _list_instead(objects, directory, error)
        else:
            raise
    else:
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        note_server(connection.endpoint(), headers.get("server", ""))


def _list_instead(objects: ObjectStore, directory: str, refusal: ClientError) -> None:
    """Accept a bucket that may not be looked at as a whole if the prefix may be listed."""
    try:
        objects.page(directory, None, limit=1)
    except ClientError:
        raise refusal from None


def _create(client: Any, name: str, *, is_aws: bool) -> None:
    region = client.meta.region_name
    settings: dict[str, Any] = {}
    # us-east-1 is the one region that must not be named; other servers rarely have several.
    if is_aws and region not in (None, "us-east-1", "aws-global"):
        settings["CreateBucketConfiguration"] = {"LocationConstraint": region}
    try:
        client.create_bucket(Bucket=name, **settings)
    except ClientError as error:
        if code_of(error) == "BucketAlreadyOwnedByYou":
            return  # somebody was faster
        if code_of(error) != "BucketAlreadyExists":
            raise
        client.head_bucket(Bucket=name)  # some servers say it of one's own bucket too
