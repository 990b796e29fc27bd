"""The bucket: checked when a dict is constructed, and created if it is missing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from persidict.core.log import debug
from persidict.s3.attempts import was_in_doubt
from persidict.s3.capabilities import forget_endpoint, note_server
from persidict.s3.connection import Connection
from persidict.s3.errors import S3_ERRORS, code_of, status_of
from persidict.s3.objects import ObjectStore
from persidict.s3.parameters import validate_new_bucket_name

_Result = TypeVar("_Result")

logger = logging.getLogger("persidict.s3")


class Bucket:
    """One bucket, which may disappear or require other credentials at any time.

    Args:
        connection: Where it is.
        objects: Its objects.
        name: Its name.
        directory: The prefix that the dict uses. Permissions for it alone are enough.
        create: Create the bucket if it is missing; otherwise ask for nothing beyond `directory`.
    """

    def __init__(
        self,
        connection: Connection,
        objects: ObjectStore,
        name: str,
        directory: str,
        *,
        create: bool,
    ) -> None:
        self._connection = connection
        self._objects = objects
        self._name = name
        self._directory = directory
        self._create = create

    def run(self, request: Callable[..., _Result], *args: Any, **options: Any) -> _Result:
        """Send a request; resend it if the bucket was created again or credentials renewed."""
        generation = self._connection.generation
        try:
            return request(*args, **options)
        except S3_ERRORS as error:
            if not self._learns_anew(error, generation):
                raise
        return request(*args, **options)

    def check(self) -> None:
        """Raise botocore's error unless the bucket may be used; one request if it exists."""
        if not self._create:
            self._check_directory()
            return
        connection = self._connection
        try:
            answer = connection.client().head_bucket(Bucket=self._name)
        except ClientError as error:
            if status_of(error) == 404:
                forget_endpoint(connection.endpoint())
                _create(connection.client(), self._name, is_aws=connection.is_aws)
                logger.info("created the bucket %s at %s", self._name, connection.endpoint())
            elif status_of(error) == 403:
                self._list_instead(error)
            else:
                raise
        else:
            headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            note_server(connection.endpoint(), headers.get("server", ""))

    def _learns_anew(self, error: Exception, generation: int) -> bool:
        """Create the bucket again or renew the credentials if need be; return whether to resend."""
        if was_in_doubt():
            return False
        if code_of(error) == "NoSuchBucket" and self._create:
            self.check()
            return True
        return self._connection.renew_credentials(error, generation)

    def _check_directory(self) -> None:
        try:
            self._objects.page(self._directory, None, limit=1)
        except ClientError as error:
            if code_of(error) != "AccessDenied":
                raise
            debug("persidict.s3", "can't list %s: assuming that it exists", self._name)

    def _list_instead(self, refusal: ClientError) -> None:
        """Accept a bucket without permission for `HeadBucket` if the prefix can be listed."""
        try:
            self._objects.page(self._directory, None, limit=1)
        except ClientError:
            raise refusal from None


def _create(client: Any, name: str, *, is_aws: bool) -> None:
    if is_aws:
        validate_new_bucket_name(name)
    region = client.meta.region_name
    # us-east-1 is the one region that must not be named; other servers rarely have several.
    in_region: dict[str, Any] = {}
    if region not in (None, "us-east-1", "aws-global"):
        in_region["CreateBucketConfiguration"] = {"LocationConstraint": region}
    settings = in_region if is_aws else {}
    try:
        client.create_bucket(Bucket=name, **settings)
    except ClientError as error:
        if code_of(error) == "IllegalLocationConstraintException" and in_region != settings:
            client.create_bucket(Bucket=name, **in_region)
            return
        if code_of(error) == "BucketAlreadyOwnedByYou":
            return  # somebody was faster
        if code_of(error) != "BucketAlreadyExists":
            raise
        client.head_bucket(Bucket=name)  # some servers say it of one's own bucket too
