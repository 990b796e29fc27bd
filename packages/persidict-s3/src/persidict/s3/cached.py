"""`S3Dict`: a dict on S3 whose values are kept in local files."""

from __future__ import annotations

import hashlib
import os
from typing import Any, ClassVar

from botocore.config import Config

from persidict.core._codecs.signing import SigningKey, SigningKeys
from persidict.core.home_paths import expand_home
from persidict.core.key_components import replace_unsafe_chars
from persidict.core.results import ValueType
from persidict.file import FileDirDict
from persidict.s3.basic import BasicS3Dict
from persidict.wrappers import AppendOnlyDictCached
from persidict.wrappers.byte_entries import ByteEntries
from persidict.wrappers.revalidating_cache import RevalidatingCache
from persidict.wrappers.wrapper import ForwardingDict


class S3Dict(ForwardingDict[ValueType]):
    """A persistent dict in an S3 bucket with a cache of its values in local files.

    It holds the same items as a `BasicS3Dict` with the same settings. A value is transferred only
    if the cached one is not the current one; reading all values of a cached dict takes the
    listing alone. An append-only dict trusts what is cached without asking.

    Args:
        bucket_name: The bucket; see `BasicS3Dict`.
        region: Its region; None: as boto3 is configured.
        root_prefix: How the names of all objects begin; persidict adds a missing final ``/``.
        base_dir: Where the cache is. Any number of dicts and processes may share it: each
            endpoint, bucket, prefix, format and digest length has a directory of its own there.
        serialization_format: See `BasicS3Dict`.
        digest_len: See `persidict.file.FileDirDict`; of the cache's file names.
        append_only: Refuse every change and deletion of an existing item.
        base_class_for_values: Refuse values that are not instances of this class.
        endpoint_url: See `BasicS3Dict`, as for all that follow.
        client: A ready boto3 S3 client; it stays the caller's.
        config: A ``botocore.config.Config``.
        max_workers: Requests at a time in operations on many items.
        strict_conditions: Raise `BackendError` where the server can't do a condition atomically.
        create_bucket: False raises `BackendError` if the bucket does not exist.
        anonymous: Send no credentials.
        max_cached_items: The most values that the cache may hold; None: all.
        max_cached_bytes: The most bytes that their files may take; None: any number.
        signing_key: See `BasicS3Dict`; values in the cache are signed too.
        object_tags: See `BasicS3Dict`.
        max_inflated_bytes: See `BasicS3Dict`.

    Raises:
        BackendError: The server can't be reached, refuses, or fails.
        ValueError: A bound of the cache is given for an append-only dict.

    Notes:
        A cache that can't be written or read costs a transfer, never an error.

    Example:
        >>> d = S3Dict("results", root_prefix="team")
        >>> d["runs", "first"] = {"loss": 0.25}
        >>> d.base_url, list(d)
        ('s3://results/team/', [NonEmptySafeStrTuple(('runs', 'first'))])
    """

    _secret_params: ClassVar[frozenset[str]] = frozenset({"client"})

    def __init__(
        self,
        bucket_name: str = "my_bucket",
        *,
        region: str | None = None,
        root_prefix: str = "",
        base_dir: str | os.PathLike[str] = "__s3_dict__",
        serialization_format: str = "pkl",
        digest_len: int = 8,
        append_only: bool = False,
        base_class_for_values: type[ValueType] | None = None,
        endpoint_url: str | None = None,
        client: Any = None,
        config: Config | None = None,
        max_workers: int = 32,
        strict_conditions: bool = False,
        create_bucket: bool = True,
        anonymous: bool = False,
        max_cached_items: int | None = None,
        max_cached_bytes: int | None = None,
        signing_key: SigningKey | None = None,
        object_tags: bool = True,
        max_inflated_bytes: int | None = 2**30,
    ) -> None:
        if append_only and (max_cached_items, max_cached_bytes) != (None, None):
            raise ValueError(
                "max_cached_items and max_cached_bytes are for dicts that are not append-only"
            )
        self._basic: BasicS3Dict[ValueType] = BasicS3Dict(
            bucket_name=bucket_name,
            region=region,
            root_prefix=root_prefix,
            serialization_format=serialization_format,
            append_only=append_only,
            base_class_for_values=base_class_for_values,
            endpoint_url=endpoint_url,
            client=client,
            config=config,
            max_workers=max_workers,
            strict_conditions=strict_conditions,
            create_bucket=create_bucket,
            anonymous=anonymous,
            signing_key=signing_key,
            object_tags=object_tags,
            max_inflated_bytes=max_inflated_bytes,
        )
        # What a sub-dict has in common with the whole; the rest are properties.
        self.bucket_name = bucket_name
        self.region = region
        self.endpoint_url = endpoint_url
        self.client = client
        self.config = config
        self.max_workers = max_workers
        self.strict_conditions = self._basic.strict_conditions
        self.create_bucket = self._basic.create_bucket
        self.anonymous = self._basic.anonymous
        self.object_tags = self._basic.object_tags
        self.max_inflated_bytes = max_inflated_bytes
        self.base_dir = os.path.abspath(expand_home(os.fspath(base_dir)))
        self.digest_len = digest_len
        self.max_cached_items = max_cached_items
        self.max_cached_bytes = max_cached_bytes
        directory = os.path.join(self.base_dir, _cache_name(self._basic, digest_len))
        super().__init__(self._cached(directory))
        self._basic._misses.speak_for(self)

    @property
    def main_dict(self) -> BasicS3Dict[ValueType]:
        """The dict without the cache; a sub-dict's, its sub-dict."""
        return self._basic.get_subdict(self._prefix)

    @property
    def root_prefix(self) -> str:
        """How the names of all objects of this (sub-)dict begin."""
        return self.main_dict.root_prefix

    @property
    def base_url(self) -> str:
        """The address of this (sub-)dict: ``s3://bucket/prefix``."""
        return self.main_dict.base_url

    @property
    def signing_key(self) -> SigningKeys | None:
        """The keys that were given, hidden."""
        return self.main_dict.signing_key

    def __bool__(self) -> bool:
        """Tell whether there is any item, by listing one."""
        return bool(self.main_dict)

    def _stored_otherwise(self) -> list[dict[str, Any]]:
        return self._basic._stored_otherwise()

    def _cached(self, directory: str) -> ForwardingDict[ValueType]:
        """Return the dict with its cache in a directory.

        The cache is not flushed to disk: a power cut may lose copies, never items.
        """
        basic = self._basic
        if basic.append_only:
            data_cache: FileDirDict[ValueType] = FileDirDict(
                base_dir=os.path.join(directory, "data"),
                serialization_format=basic.serialization_format,
                append_only=True,
                digest_len=self.digest_len,
                base_class_for_values=basic.base_class_for_values,
                durable=False,
                signing_key=basic.signing_key,
                object_tags=basic.object_tags,
                max_inflated_bytes=basic.max_inflated_bytes,
            )
            return AppendOnlyDictCached(main_dict=basic, data_cache=data_cache)
        entries: FileDirDict[Any] = FileDirDict(
            base_dir=os.path.join(directory, "entries"), digest_len=self.digest_len, durable=False
        )
        return RevalidatingCache(
            basic, ByteEntries(basic, entries), self.max_cached_items, self.max_cached_bytes
        )


S3Dict_FileDirCached = S3Dict
"""The same class by its longer name."""


def _cache_name(main: BasicS3Dict[Any], digest_len: int) -> str:
    """Return the name of the cache directory: equal only for the same items, files and policy."""
    identity = [
        main._connection.endpoint(),
        main.bucket_name,
        main.root_prefix,
        main.serialization_format,
        "append-only" if main.append_only else "mutable",
        # Two keys may share the name of a file if each has another length of digests.
        f"digest_len={digest_len}",
    ]
    if main.signing_key is not None:
        # Others would find each other's entries damaged, and replace them in turn.
        identity.append("signed")
    digest = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:32]
    return f"{replace_unsafe_chars(main.bucket_name, '_')}-{digest}"
