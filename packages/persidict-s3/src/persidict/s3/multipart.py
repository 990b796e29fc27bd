"""Uploads of values too large for one PUT: in parts, which become an object in one step."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from persidict.core.results import ETagValue
from persidict.s3.parallel import ordered_map

logger = logging.getLogger("persidict.s3")

MAX_PUT_BYTES = 5 * 2**30
"""S3's limit for one PUT."""

# Each part is copied while it is under way, so that this times the workers is what it costs.
_PART_BYTES = 64 * 2**20
_MAX_PARTS = 10_000
_WORKERS = 4


def etag_of(data: bytes) -> ETagValue:
    """Return the ETag that S3 gives a body, if it does not encrypt it with a key of its own."""
    if len(data) <= MAX_PUT_BYTES:
        return ETagValue(f'"{_md5(data).hexdigest()}"')
    digests = [_md5(part).digest() for part in _parts(data)]
    return ETagValue(f'"{_md5(b"".join(digests)).hexdigest()}-{len(digests)}"')


class Upload:
    """One upload in parts; `abort` deletes them unless the upload was completed.

    Args:
        client: A boto3 client.
        bucket: The bucket's name.
        name: The object's name.
        metadata: The object's metadata.
    """

    def __init__(self, client: Any, bucket: str, name: str, metadata: dict[str, str]) -> None:
        self._client = client
        self._where = {"Bucket": bucket, "Key": name}
        answer = client.create_multipart_upload(**self._where, Metadata=metadata)
        self._where["UploadId"] = answer["UploadId"]
        self._etags: list[str] = []

    def send(self, data: bytes) -> None:
        """Send all parts, several at a time."""

        def send(numbered: tuple[int, memoryview]) -> str:
            number, part = numbered
            body = bytes(part)
            answer = self._client.upload_part(**self._where, PartNumber=number, Body=body)
            return str(answer["ETag"])

        self._etags = list(ordered_map(send, enumerate(_parts(data), 1), _WORKERS))

    def complete(self, **condition: str) -> Any:
        """Turn the parts into an object; at this moment the server checks the condition."""
        parts = [{"PartNumber": number, "ETag": e} for number, e in enumerate(self._etags, 1)]
        return self._client.complete_multipart_upload(
            **self._where, MultipartUpload={"Parts": parts}, **condition
        )

    def abort(self) -> None:
        """Delete the parts; does nothing to an object that they have become."""
        try:
            self._client.abort_multipart_upload(**self._where)
        except (BotoCoreError, ClientError) as error:
            logger.warning("could not abort the upload of %s: %s", self._where["Key"], error)


def _parts(data: bytes) -> Iterator[memoryview]:
    size = max(_PART_BYTES, -(-len(data) // _MAX_PARTS))
    view = memoryview(data)
    return (view[start : start + size] for start in range(0, len(data), size))


def _md5(data: Any) -> Any:
    return hashlib.md5(data, usedforsecurity=False)
