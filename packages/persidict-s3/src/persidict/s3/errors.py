"""From botocore's errors to `BackendError`: what was tried, where, and what to do about it."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's, the base of all that is about reaching a server
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from persidict.core.errors import BackendError

S3_ERRORS = (BotoCoreError, ClientError)

_ADVICE = {
    "NoSuchBucket": "the bucket is gone; construct the dict again to have it created",
    "InvalidAccessKeyId": "the server doesn't know this access key: check the credentials",
    "SignatureDoesNotMatch": "the server refused the secret key: check the credentials",
    "ExpiredToken": "the credentials have expired: renew them",
    "RequestTimeTooSkewed": "check the clock of this machine",
    "PermanentRedirect": "the bucket is in another region: pass region=...",
    "AuthorizationHeaderMalformed": "the bucket is in another region: pass region=...",
    "IllegalLocationConstraintException": "pass the region of the endpoint as region=...",
    "InvalidBucketName": "choose another bucket_name, S3 allows no such name",
    "KeyTooLongError": "the object's name, prefix included, is longer than S3 allows (1024 bytes)",
}
_ADVICE_FOR_STATUS = {
    301: "the bucket is in another region: pass region=...",
    400: "check bucket_name, region and credentials",
    403: "check the credentials and what they permit; if the bucket is somebody else's, choose "
    "another bucket_name",
    404: "there is no such bucket: check bucket_name, or let create_bucket=True make it",
    501: "this server lacks the operation",
}


def status_of(error: Exception) -> int:
    """Return the HTTP status of an answer, 0 if there was none."""
    if isinstance(error, ClientError):
        metadata: dict[str, Any] = error.response.get("ResponseMetadata", {})  # type: ignore[assignment]
        return int(metadata.get("HTTPStatusCode", 0))
    return 0


def code_of(error: Exception) -> str:
    """Return S3's own code of an error; answers to HEAD have only their status."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def is_missing_key(error: Exception) -> bool:
    """Tell whether the server said that there is no such object."""
    return status_of(error) == 404 and code_of(error) != "NoSuchBucket"


def backend_error(
    error: Exception,
    *,
    backend: str,
    operation: str,
    target: str,
    endpoint: str,
    key: Any = None,
) -> BackendError:
    """Make the error that users see; the caller chains `error` as its cause."""
    reason = str(error).rstrip(".")
    return BackendError(
        f"can't {operation} {target} at {endpoint}: {reason}. What to do: {_advice(error)}",
        backend=backend,
        operation=operation,
        key=key,
    )


def _advice(error: Exception) -> str:
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return (
            "provide credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws, a role) "
            "or a ready client=..."
        )
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return "check endpoint_url, the network and that the server runs"
    known = _ADVICE.get(code_of(error)) or _ADVICE_FOR_STATUS.get(status_of(error))
    return known or "see the cause, which is what the server or botocore said"
