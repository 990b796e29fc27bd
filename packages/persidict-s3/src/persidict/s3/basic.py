"""`BasicS3Dict`: each value in an object of an S3 bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, ClassVar, TypeVar

from botocore.config import Config

from persidict.core._codecs.signing import SigningKey
from persidict.core._opening.travel import is_arriving
from persidict.core.backend import ETagMismatch, Expected, Location, StatLike
from persidict.core.blobs import BlobDict
from persidict.core.combining import Combiner
from persidict.core.errors import BackendError
from persidict.core.flags import (
    ANY_ETAG,
    ITEM_NOT_AVAILABLE,
    AnyETagFlag,
    ItemNotAvailableFlag,
    ValueNotRetrievedFlag,
)
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.other_layouts import MissNotice, with_format
from persidict.core.recent_writes import RecentWrites
from persidict.core.results import ETagValue, Stat, ValueType
from persidict.s3.bucket import Bucket
from persidict.s3.bulk import erase_each, insert_each, load_each, put_each
from persidict.s3.client import Settings
from persidict.s3.conditional_requests import ConditionalRequests
from persidict.s3.connection import connection_for
from persidict.s3.deletions import delete_batch, deletions_failed
from persidict.s3.errors import S3_ERRORS, backend_error
from persidict.s3.fast_objects import objects_for
from persidict.s3.listing import ListPage, first_components, has_item, other_formats, pages
from persidict.s3.naming import Naming, with_slash
from persidict.s3.nonces import new_nonce
from persidict.s3.objects import Found
from persidict.s3.parameters import (
    validate_bucket_name,
    validate_connection,
    validate_max_workers,
)
from persidict.s3.stats import LateStat

# Their bodies carry a nonce, so that no two writes have the same ETag.
_FORMATS_WITH_NONCE = frozenset({"pkl", "json"})
_Outcome = TypeVar("_Outcome")


class BasicS3Dict(BlobDict[ValueType]):
    """A persistent dict in an S3 bucket, shared by many machines.

    The item ``d["a", "b"]`` is the object ``<root_prefix>a/b.pkl``. Each conditional operation is
    one conditional request, so it is atomic between all machines. If the server does not enforce a
    condition, persidict falls back to a non-atomic read-then-write, with a warning of the logger
    ``persidict.s3``.

    Args:
        bucket_name: The bucket. The constructor checks it with one request and creates it if it
            does not exist (see `create_bucket`).
        region: Its region; None: as boto3 is configured.
        root_prefix: How the names of all objects begin; persidict adds a missing final ``/``.
        serialization_format: ``"pkl"`` (any object; reading runs code, so read only buckets that
            you trust), ``"json"``, a registered format, or any other safe name for plain text.
            With ``"pkl"`` and ``"json"`` every write has an ETag of its own; in other formats
            equal bytes have equal ETags.
        append_only: Refuse every change and deletion of an existing item.
        base_class_for_values: Refuse values that are not instances of this class.
        endpoint_url: Another server than Amazon's: MinIO, R2, Ceph, SeaweedFS, ... Without
            credentials, which boto3 would not send.
        client: A ready boto3 S3 client to use. It stays the caller's, who must not close it while
            the dict is in use. The settings that create clients are then ignored.
        config: A ``botocore.config.Config`` (retries, timeouts, proxies, signatures, checksums).
            It overrides the defaults here: four attempts, 3 s to connect and 15 s to wait for an
            answer, no third attempt at a server that is silent.
        max_workers: Requests at a time in operations on many items. One process sends some
            thousand requests a second, so more than the latency (in seconds) times a thousand
            gain nothing.
        strict_conditions: Raise `BackendError` where the server can't do a condition atomically.
        create_bucket: False raises `BackendError` if the bucket does not exist, and sends no
            request that concerns more than `root_prefix`.
        anonymous: Send no credentials, to read a public bucket. It creates no bucket.
        signing_key: A secret of at least 16 bytes, or several: persidict signs every value with
            the first, and refuses to decode a value unless one of them has signed it for its key
            and format. None: no signatures.
        object_tags: False makes ``"json"`` refuse, when writing and reading, the tags of objects,
            which can run code.
        max_inflated_bytes: The most bytes that a compressed value may inflate to. Larger values
            are stored uncompressed, and refused when they are read. None: no bound.

    Raises:
        BackendError: The server can't be reached, refuses the credentials or the bucket, or
            fails; the message says what to do, ``__cause__`` is botocore's error.

    Notes:
        All dicts with the same settings share one client per process; sub-dicts and copies
        send no request of their own. You may use a dict after a fork, unless you gave `client`.
        Foreign objects below the prefix are ignored and never touched.

        If the bucket is gone or the credentials have expired, persidict creates the bucket again
        (unless ``create_bucket=False``) or reads the credentials again, once, and repeats the
        operation.

    Example:
        >>> d = BasicS3Dict("results", root_prefix="team")
        >>> d["runs", "first"] = {"loss": 0.25}
        >>> d.base_url, list(d)
        ('s3://results/team/', [NonEmptySafeStrTuple(('runs', 'first'))])
    """

    _secret_params: ClassVar[frozenset[str]] = frozenset({"client"})
    _nonces: ClassVar[Iterator[bytes] | None] = iter(new_nonce, b"")
    _max_first_backoff = 0.1

    def __init__(
        self,
        bucket_name: str = "my_bucket",
        *,
        region: str | None = None,
        root_prefix: str = "",
        serialization_format: str = "pkl",
        append_only: bool = False,
        base_class_for_values: type[ValueType] | None = None,
        endpoint_url: str | None = None,
        client: Any = None,
        config: Config | None = None,
        max_workers: int = 32,
        strict_conditions: bool = False,
        create_bucket: bool = True,
        anonymous: bool = False,
        signing_key: SigningKey | None = None,
        object_tags: bool = True,
        max_inflated_bytes: int | None = 2**30,
    ) -> None:
        super().__init__(
            append_only=append_only,
            base_class_for_values=base_class_for_values,
            serialization_format=serialization_format,
            signing_key=signing_key,
            object_tags=object_tags,
            max_inflated_bytes=max_inflated_bytes,
        )
        validate_connection(region, endpoint_url, config, client)
        self.bucket_name = validate_bucket_name(bucket_name)
        self.region = region
        self.endpoint_url = endpoint_url
        self.client = client
        self.config = config
        self.max_workers = self._max_workers = validate_max_workers(max_workers)
        self.strict_conditions = bool(strict_conditions)
        self.create_bucket = bool(create_bucket)
        self.anonymous = bool(anonymous)
        self._naming = Naming(with_slash(root_prefix), serialization_format)
        settings = Settings(endpoint_url, region, config, max_workers, self.anonymous)
        self._connection = connection_for(settings, client)
        self._objects = objects_for(self._connection, bucket_name, self._naming.root)
        root, create = self._naming.root, self.create_bucket and not self.anonymous
        self._bucket = Bucket(self._connection, self._objects, bucket_name, root, create=create)
        self._conditional = ConditionalRequests(
            self._objects,
            self._connection,
            bucket_name,
            ("", root) if create_bucket else (root,),
            strict=self.strict_conditions,
            unique=serialization_format in _FORMATS_WITH_NONCE,
            never_deleted=self.append_only,
        )
        self._recent_writes = RecentWrites()
        self._combiner = Combiner.of_bytes()
        self._misses = MissNotice()
        if not is_arriving():
            self._run("use the bucket", None, self._bucket.check)

    @property
    def root_prefix(self) -> str:
        """How the names of all objects of this (sub-)dict begin."""
        return self._naming.directory(self._prefix)

    @property
    def base_url(self) -> str:
        """The address of this (sub-)dict: ``s3://bucket/prefix``."""
        return f"s3://{self.bucket_name}/{self.root_prefix}"

    def __bool__(self) -> bool:
        """Tell whether there is any item, by listing one."""
        has_any = has_item(self._list_page(), self._naming, self.root_prefix, first=1)
        self._note_listing(is_empty=not has_any)
        return has_any

    def _stat(self, key: NonEmptySafeStrTuple) -> StatLike:
        name = self._naming.object_name(key)
        return self._noted(key, name, self._run("look up", key, self._objects.head, name))

    def _get(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[bytes | None, StatLike]:
        name = self._naming.object_name(key)
        data, found = self._run("read", key, self._objects.get, name, known)
        return data, self._noted(key, name, found)

    def _put(self, key: NonEmptySafeStrTuple, data: bytes, expected: Expected) -> StatLike:
        name = self._naming.object_name(key)
        if expected is ANY_ETAG:
            self._recent_writes.forget(key)
            found = self._run("write", key, self._objects.put, name, data)
        else:
            etag = None if expected is ITEM_NOT_AVAILABLE else expected
            try:
                found = self._run("write", key, self._conditional.put, name, data, etag)
            except ETagMismatch:
                self._recent_writes.missed(key)
                raise
            self._recent_writes.note(key, found.etag, data)
        return self._noted(key, name, found)

    def _last_written(self, key: NonEmptySafeStrTuple) -> tuple[ValueType, ETagValue] | None:
        written = self._recent_writes.take(key)
        if written is None or self.append_only:
            return None
        return self._decoded(key, written[1]), written[0]

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        self._recent_writes.forget(key)
        name = self._naming.object_name(key)
        if expected is ANY_ETAG:
            self._run("delete", key, self._conditional.delete_any, name)
        else:
            self._run("delete", key, self._conditional.delete, name, expected)

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
        is_empty = True
        for page in pages(self._list_page(), self._naming.directory(prefix)):
            for name, etag, timestamp, size in page.objects:
                key = self._naming.key_of(name)
                if key is not None:
                    is_empty = False
                    yield key, Stat(etag, timestamp, size)
        self._note_listing(is_empty=is_empty)

    def _first_components(self, prefix: SafeStrTuple) -> Iterator[str]:
        directory = self._naming.directory(prefix)
        is_empty = True
        for name in first_components(self._list_page(), self._naming, directory, self.max_workers):
            is_empty = False
            yield name
        self._note_listing(is_empty=is_empty)

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        found: Iterator[Any] = self._revalidate_many((key, None) for key, _ in wanted)
        return found

    def _revalidate_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, ETagValue | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType | ValueNotRetrievedFlag, StatLike]]:
        return load_each(self._load, wanted, self.max_workers)

    def _store_many(
        self,
        items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]],
        expected: AnyETagFlag | ItemNotAvailableFlag,
    ) -> None:
        encoded = ((key, self._encoded(key, value)) for key, value in items)
        put_each(self._put, encoded, expected, self.max_workers)

    def _insert_many(
        self, items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]]
    ) -> Iterator[bool]:
        encoded = ((key, self._encoded(key, value)) for key, value in items)
        return insert_each(self._put, encoded, self.max_workers)

    def _erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        for failed in erase_each(self._erase_batch, keys, self.max_workers):
            raise deletions_failed(
                failed, type(self).__name__, self.bucket_name, self._naming.key_of
            )

    def _erase_batch(self, keys: list[NonEmptySafeStrTuple]) -> list[tuple[str, str]]:
        names = list(dict.fromkeys(map(self._naming.object_name, keys)))
        return self._run("delete", None, delete_batch, self._objects, self._conditional, names)

    def _list_page(self) -> ListPage:
        return partial(self._run, "list", None, self._objects.page)

    def _note_listing(self, *, is_empty: bool) -> None:
        if is_empty:
            self._misses.found_nothing(self)
        else:
            self._misses.silence()

    def _expect_other_layouts(self) -> None:
        self._misses.silence()

    def _stored_otherwise(self) -> list[dict[str, Any]]:
        return [with_format(name) for name in other_formats(self._list_page(), self._naming)]

    def _location(self) -> Location:
        path = tuple(self.base_url.rstrip("/").split("/"))
        server = self._connection.shown_endpoint()
        return ("s3", server, self.serialization_format), path

    def _run(
        self,
        operation: str,
        key: NonEmptySafeStrTuple | None,
        request: Callable[..., _Outcome],
        *args: Any,
        **options: Any,
    ) -> _Outcome:
        """Send a request; `BackendError` if it fails, caused by botocore's error."""
        try:
            return self._bucket.run(request, *args, **options)
        except S3_ERRORS as error:
            raise self._failed(error, operation, key) from error
        except KeyError:
            self._misses.found_nothing(self)
            raise

    def _noted(self, key: NonEmptySafeStrTuple, name: str, found: Found) -> StatLike:
        """Turn an answer into a stat, and remember which version was seen."""
        self._misses.silence()
        self._connection.write_ids.note(f"{self.bucket_name}/{name}", found.etag, found.write_ids)
        if found.timestamp is None:
            return LateStat(partial(self._stat, key), found.etag)
        return Stat(found.etag, found.timestamp, found.size)

    def _where(self, key: NonEmptySafeStrTuple) -> str:
        return f"s3://{self.bucket_name}/{self._naming.object_name(key)}"

    def _failed(
        self, error: Exception, operation: str, key: NonEmptySafeStrTuple | None
    ) -> BackendError:
        return backend_error(
            error,
            backend=type(self).__name__,
            operation=operation,
            target=f"s3://{self.bucket_name}" if key is None else self._where(key),
            endpoint=self._connection.shown_endpoint(),
            key=None if key is None else self._shown(key),
        )
