"""Dicts on S3 and compatible servers: `BasicS3Dict`, and `S3Dict` with a local cache."""

try:
    import boto3 as _boto3  # noqa: F401  # the error of its absence should come from here
except ModuleNotFoundError as _error:
    if _error.name != "boto3":
        raise
    raise ModuleNotFoundError(
        "persidict.s3 needs the package boto3: pip install persidict-s3 (or: pip install boto3)",
        name="boto3",
    ) from _error

from persidict.s3.basic import BasicS3Dict
from persidict.s3.cached import S3Dict, S3Dict_FileDirCached

__all__ = ["BasicS3Dict", "S3Dict", "S3Dict_FileDirCached"]
