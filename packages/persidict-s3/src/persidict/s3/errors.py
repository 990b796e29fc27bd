"""Turns botocore's errors into `BackendError`: what failed, where, and what to do about it."""

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


class OddAnswer(Exception):
    """An answer lacks something that every S3 server sends."""


class Uncertain(Exception):
    """Nobody can tell whether the server carried out a request; the message says why."""


S3_ERRORS = (BotoCoreError, ClientError, OddAnswer, Uncertain)

_REGION = "the bucket is in another region: pass region=..."
_NO_S3 = "check endpoint_url: a proxy may have changed the answer, or it is no S3 server"
_SERVICE = "the server is at fault or overloaded: try again later"
_ADVICE = {
    "NoSuchBucket": "there is no such bucket: check its name; create_bucket=True creates it, and "
    "so do commands that write, such as persidict put",
    "InvalidAccessKeyId": "the server doesn't know this access key: check the credentials",
    "SignatureDoesNotMatch": "the server refused the secret key: check the credentials",
    "InvalidToken": "the session token is not valid: renew the credentials",
    "ExpiredToken": "the credentials have expired: renew them",
    "TokenRefreshRequired": "the credentials have expired: renew them",
    "RequestTimeTooSkewed": "check the clock of this machine",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": "pass the region of the endpoint as region=...",
    "InvalidBucketName": "choose another bucket_name: S3 allows 3 to 63 lowercase letters, digits, "
    "dots and hyphens",
    "KeyTooLongError": "the object's name, prefix included, is longer than S3 allows (1024 bytes)",
    "EntityTooLarge": "the value is larger than the server accepts: store it in parts",
    "RequestTimeout": "the upload was too slow for the server: check the network and try again",
    "BadDigest": "the body was damaged on its way: try again",
    "InvalidDigest": "the body was damaged on its way: try again",
    "InvalidStorageClass": "the server doesn't have the storage class that was asked for: check "
    "what adds it to the request",
    "InvalidObjectState": "the object is in an archive (Glacier): restore it first, for example "
    "with the AWS console",
    "QuotaExceeded": "the quota of this account or bucket is used up: delete something or have it "
    "raised",
    "TooManyBuckets": "the account has as many buckets as it may have: use one that exists",
    "AllAccessDisabled": "the owner of the server has disabled all access to this bucket",
    "AccountProblem": "the server has blocked this account: ask its operator",
    "XMinioStorageFull": "the disks of the server are full",
    "InsufficientStorage": "the disks of the server are full",
    "SlowDown": "the server asks for fewer requests: lower max_workers or try again later",
    "ServiceUnavailable": _SERVICE,
    "InternalError": _SERVICE,
    "NotImplemented": "this server lacks the operation",
    "MethodNotAllowed": "this server forbids the operation on this object",
    "ObjectLocked": "the object is locked against changes until its retention ends",
}
_KMS_ADVICE = "the key that encrypts the bucket can't be used: check its state and its policy"
_PERMISSION = (
    "check the credentials and what they permit; if the bucket is somebody else's, choose another "
    "bucket_name; with permissions for one prefix only, pass create_bucket=False; for a public "
    "bucket, anonymous=True"
)
# For answers without a code of S3's, as all answers to HEAD are.
_ADVICE_FOR_STATUS = {
    301: _REGION,
    400: "the server gave no reason; check bucket_name and region, and renew expired credentials",
    403: _PERMISSION,
    404: _ADVICE["NoSuchBucket"],
    429: _ADVICE["SlowDown"],
    501: _ADVICE["NotImplemented"],
    507: _ADVICE["XMinioStorageFull"],
}


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an answer, 0 if there was none."""
    if isinstance(error, ClientError):
        metadata: dict[str, Any] = error.response.get("ResponseMetadata", {})  # type: ignore[assignment]
        return int(metadata.get("HTTPStatusCode", 0))
    return 0


def code_of(error: BaseException) -> str:
    """Return S3's own code of an error; answers to HEAD have only their status."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def is_missing_key(error: BaseException) -> bool:
    """Tell whether the server said that there is no such object.

    If the answer has a body without a code of S3's, something else has answered, such as a proxy
    whose server is not there.
    """
    return status_of(error) == 404 and code_of(error) != "NoSuchBucket" and not _is_foreign(error)


def _is_foreign(error: BaseException) -> bool:
    """Tell whether the body of an answer is not S3's."""
    if not isinstance(error, ClientError) or error.operation_name.startswith("Head"):
        return False
    metadata: Any = error.response.get("ResponseMetadata", {})
    headers = metadata.get("HTTPHeaders", {})
    has_body = bool(headers) and headers.get("content-length") != "0"
    return has_body and code_of(error) in ("", str(status_of(error)))


def redirect_of(answer: Any) -> str:
    """Return where an answer redirects to; empty: nowhere, or S3 itself names another region."""
    metadata = answer.get("ResponseMetadata", {})
    headers, status = metadata.get("HTTPHeaders", {}), metadata.get("HTTPStatusCode", 0)
    is_of_s3 = "x-amz-bucket-region" in headers or (
        answer.get("Error", {}).get("Code", "") not in ("", str(status))
    )
    return str(headers.get("location", "")) if 300 < status < 400 and not is_of_s3 else ""


def backend_error(
    error: Exception,
    *,
    backend: str,
    operation: str,
    target: str,
    endpoint: str,
    key: Any = None,
) -> BackendError:
    """Return the error that users see; the caller chains `error` as its cause."""
    reason = str(error).rstrip(".")
    advice = _advice(error)
    return BackendError(
        f"can't {operation} {target} at {endpoint}: {reason}"
        + (f". What to do: {advice}" if advice else ""),
        backend=backend,
        operation=operation,
        key=key,
    )


def _advice(error: Exception) -> str:
    """Say what to do, or nothing where only the server's own words help."""
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return (
            "provide credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws, a role), a "
            "ready client=..., or anonymous=True for a public bucket"
        )
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return "check endpoint_url, the network and that the server runs"
    if isinstance(error, Uncertain):
        return "read the item to see what it is now, then decide"
    if isinstance(error, OddAnswer):
        return _NO_S3
    code, status = code_of(error), status_of(error)
    if code in _ADVICE:
        return _ADVICE[code]
    if code.startswith("KMS."):
        return _KMS_ADVICE
    if code == "AccessDenied":
        return _PERMISSION
    if isinstance(error, ClientError) and code in ("", str(status)):
        return _advice_for_status(error)
    return _SERVICE if status >= 500 else ""


def _advice_for_status(error: ClientError) -> str:
    """Say what to do about an answer without a code of S3's."""
    address = redirect_of(error.response)
    if address:
        return f"the server redirects to {address}: use the address of that server"
    status = status_of(error)
    if status == 404 and _is_foreign(error):
        return _NO_S3
    return _ADVICE_FOR_STATUS.get(status, _SERVICE if status >= 500 else "")
