"""`BasicS3Dict`: each value in an object of an S3 bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from botocore.config import Config

from persidict.core._codecs.signing import SigningKey
from persidict.core.backend import ETagMismatch, Expected, Location, StatLike
from persidict.core.blobs import BlobDict
from persidict.core.errors import BackendError
from persidict.core.flags import (
    ANY_ETAG,
    ITEM_NOT_AVAILABLE,
    AnyETagFlag,
    ItemNotAvailableFlag,
    ValueNotRetrievedFlag,
)
from persidict.core.keys import NonEmptySafeStrTuple, SafeStrTuple
from persidict.core.results import ETagValue, Stat, ValueType
from persidict.s3.bucket import ensure_bucket
from persidict.s3.capabilities import capabilities_of
from persidict.s3.client import connection_for
from persidict.s3.conditional_requests import GuardedStore
from persidict.s3.errors import S3_ERRORS, backend_error
from persidict.s3.naming import Naming, with_slash
from persidict.s3.parallel import ordered_map
from persidict.s3.requests import Found, ObjectStore, Page

_DELETED_AT_ONCE = 1000  # S3's limit
_DELETERS = 4
# Each may hold a connection; beyond, it is a mistake that would cost memory without end.
_MAX_WORKERS = 1000
_Outcome = TypeVar("_Outcome")


class BasicS3Dict(BlobDict[ValueType]):
    """A persistent dict in an S3 bucket, shared by many machines.

    The item ``d["a", "b"]`` is the object ``<root_prefix>a/b.pkl``. Each conditional operation is
    one conditional request, so it is atomic between all machines. What a server does not enforce
    is found out once per process, and then done as "look, then act" with a warning of the logger
    ``persidict.s3``.

    Args:
        bucket_name: The bucket; made if it does not exist (see `create_bucket`).
        region: Its region; None: as boto3 is configured.
        root_prefix: How the names of all objects begin; a ``/`` is added where it lacks.
        serialization_format: ``"pkl"`` (any object; reading runs code, so read only buckets that
            you trust), ``"json"``, or any other safe name for plain text. Equal texts written
            twice have the same ETag; the other formats make every write a version of its own.
        append_only: Refuse every change and deletion of an existing item.
        base_class_for_values: Refuse values that are not instances of this class.
        endpoint_url: Another server than Amazon's: MinIO, R2, Ceph, SeaweedFS, ... Without
            credentials, which boto3 would not send.
        client: A ready boto3 S3 client to use; it stays the caller's, who never closes it while
            the dict is in use. The settings above and below that make clients are then ignored.
        config: A ``botocore.config.Config`` (retries, timeouts, proxies, signatures, checksums);
            what it sets goes before the defaults here: four attempts, 3 s to connect and 15 s
            to wait for an answer, no third attempt at a server that is silent.
        max_workers: Requests at a time in operations on many items. One process gets through
            some thousand requests a second, so that more than latency (seconds) times a thousand
            gain nothing.
        strict_conditions: Raise `BackendError` where the server can't do a condition atomically.
        create_bucket: False raises `BackendError` if the bucket does not exist.
        signing_key: A secret of at least 16 bytes, or several: every value is signed with the
            first, and refused before it is decoded unless one of them has signed it for its key
            and format. None: no signatures.
        object_tags: False makes ``"json"`` refuse, in what is written and in what is read, the
            tags of objects, which can run code.
        max_inflated_bytes: What a compressed value may inflate to; larger ones are stored
            uncompressed, and refused when they are read. None: no bound.

    Raises:
        BackendError: The server can't be reached, refuses the credentials or the bucket, or
            fails; the message says what to do, ``__cause__`` is botocore's error.

    Notes:
        All dicts with the same settings share one client per process; sub-dicts and copies
        send no request of their own. A dict may be used after a fork, unless `client` was given.
        Foreign objects below the prefix are ignored and never touched.

    Example:
        >>> d = BasicS3Dict(bucket_name="results", root_prefix="team")
        >>> d["runs", "first"] = {"loss": 0.25}
        >>> d.base_url, list(d)
        ('s3://results/team/', [NonEmptySafeStrTuple(('runs', 'first'))])
    """

    _needs_nonce: ClassVar[bool] = True
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
        if not isinstance(bucket_name, str) or not bucket_name or "/" in bucket_name:
            raise ValueError(
                f"bucket_name must be the name of a bucket, got {bucket_name!r:.100} "
                "(what goes before the keys is root_prefix)"
            )
        if not isinstance(max_workers, int) or not 1 <= max_workers <= _MAX_WORKERS:
            raise ValueError(
                f"max_workers must be an int from 1 to {_MAX_WORKERS}, got {max_workers!r}"
            )
        for name, given, kind in (
            ("region", region, str),
            ("endpoint_url", endpoint_url, str),
            ("config", config, Config),
        ):
            if given is not None and not isinstance(given, kind):
                raise TypeError(f"{name} must be a {kind.__name__} or None, got {given!r:.100}")
        if endpoint_url is not None and "@" in urlsplit(endpoint_url).netloc:
            raise ValueError(
                "credentials don't belong in endpoint_url, which is shown and logged, and boto3 "
                "does not send them: it takes them from the environment, ~/.aws/credentials or "
                "the machine's role"
            )
        if endpoint_url is not None and not urlsplit(endpoint_url).scheme.startswith("http"):
            raise ValueError(
                f"endpoint_url must begin with http:// or https://, got {endpoint_url!r:.100}"
            )
        if client is not None and not hasattr(client, "get_object"):
            raise TypeError(f"client must be a boto3 S3 client or None, got {client!r:.100}")
        self.bucket_name = bucket_name
        self.region = region
        self.endpoint_url = endpoint_url
        self.client = client
        self.config = config
        self.max_workers = self._max_workers = max_workers
        self.strict_conditions = bool(strict_conditions)
        self.create_bucket = bool(create_bucket)
        self._naming = Naming(with_slash(root_prefix), serialization_format)
        self._connection = connection_for(endpoint_url, region, config, max_workers, client)
        with self._reporting("use the bucket", None):
            ensure_bucket(self._connection, bucket_name, create=self.create_bucket)

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
        with self._reporting("list", None):
            return any(
                self._naming.key_of(name) is not None
                for page in self._pages(self._prefix, first=1)
                for name, *_ in page.objects
            )

    def _stat(self, key: NonEmptySafeStrTuple) -> StatLike:
        with self._reporting("look up", key):
            return self._noted(key, self._objects().head(self._naming.object_name(key)))

    def _get(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[bytes | None, StatLike]:
        with self._reporting("read", key):
            data, found = self._objects().get(self._naming.object_name(key), known)
            return data, self._noted(key, found)

    def _put(self, key: NonEmptySafeStrTuple, data: bytes, expected: Expected) -> StatLike:
        name = self._naming.object_name(key)
        with self._reporting("write", key):
            if expected is ANY_ETAG:
                found = self._objects().put(name, data)
            else:
                etag = None if expected is ITEM_NOT_AVAILABLE else expected
                found = self._guarded_objects().put(name, data, etag)
            return self._noted(key, found)

    def _erase(self, key: NonEmptySafeStrTuple, expected: ETagValue | AnyETagFlag) -> None:
        name = self._naming.object_name(key)
        with self._reporting("delete", key):
            if expected is ANY_ETAG:
                self._guarded_objects().delete_any(name)
            else:
                self._guarded_objects().delete(name, expected)

    def _scan(self, prefix: SafeStrTuple) -> Iterator[tuple[NonEmptySafeStrTuple, StatLike]]:
        with self._reporting("list", None):
            for page in self._pages(prefix):
                for name, etag, timestamp, size in page.objects:
                    key = self._naming.key_of(name)
                    if key is not None:
                        yield key, Stat(etag, timestamp, size)

    def _first_components(self, prefix: SafeStrTuple) -> Iterator[str]:
        directory = self._naming.directory(prefix)
        with self._reporting("list", None):
            for page in self._pages(prefix, deep=False):
                directories: Iterable[str] = page.directories
                if page.may_be_empty:
                    directories = self._inhabited(directories)
                for name in (*directories, *(entry[0] for entry in page.objects)):
                    component = self._naming.first_component(name, directory)
                    if component is not None:
                        yield component

    def _load_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, StatLike | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType, StatLike]]:
        found: Iterator[Any] = self._revalidate_many((key, None) for key, _ in wanted)
        return found

    def _revalidate_many(
        self, wanted: Iterable[tuple[NonEmptySafeStrTuple, ETagValue | None]]
    ) -> Iterator[tuple[NonEmptySafeStrTuple, ValueType | ValueNotRetrievedFlag, StatLike]]:
        def load(pair: tuple[NonEmptySafeStrTuple, ETagValue | None]) -> Any:
            try:
                return pair[0], *self._load(*pair)
            except KeyError:
                return None

        answers = ordered_map(load, wanted, self.max_workers)
        return (found for found in answers if found is not None)

    def _store_many(
        self,
        items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]],
        expected: AnyETagFlag | ItemNotAvailableFlag,
    ) -> None:
        for _ in self._each_put(items, lambda item: self._put(*item, expected)):
            continue

    def _insert_many(
        self, items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]]
    ) -> Iterator[bool]:
        def insert(item: tuple[NonEmptySafeStrTuple, bytes]) -> bool:
            try:
                self._put(*item, ITEM_NOT_AVAILABLE)
            except ETagMismatch:
                return False
            return True

        return self._each_put(items, insert)

    def _each_put(
        self,
        items: Iterable[tuple[NonEmptySafeStrTuple, ValueType]],
        put: Callable[[tuple[NonEmptySafeStrTuple, bytes]], _Outcome],
    ) -> Iterator[_Outcome]:
        """Encode items and put them in parallel, those of one key in order."""
        encoded = ((key, self._encoded(key, value)) for key, value in items)
        return ordered_map(put, encoded, self.max_workers, conflict=itemgetter(0))

    def _erase_many(self, keys: Iterable[NonEmptySafeStrTuple]) -> None:
        source = iter(keys)
        batches = iter(lambda: list(islice(source, _DELETED_AT_ONCE)), [])
        for failed in ordered_map(self._erase_batch, batches, min(_DELETERS, self.max_workers)):
            if failed:
                raise self._deletions_failed(failed)

    def _erase_batch(self, keys: list[NonEmptySafeStrTuple]) -> list[tuple[str, str]]:
        names = list(dict.fromkeys(map(self._naming.object_name, keys)))
        with self._reporting("delete", None):
            return self._objects().delete_many(names)

    def _deletions_failed(self, failed: list[tuple[str, str]]) -> BackendError:
        details = [
            BackendError(
                f"can't delete {name}: {reason}",
                backend=type(self).__name__,
                operation="delete",
                key=self._naming.key_of(name),
            )
            for name, reason in failed
        ]
        error = BackendError(
            f"can't delete {len(failed)} items in s3://{self.bucket_name}, the first: {details[0]}",
            backend=type(self).__name__,
            operation="delete",
            key=details[0].key,
        )
        error.__cause__ = ExceptionGroup("all that could not be deleted", details)
        return error

    def _location(self) -> Location:
        path = tuple(self.base_url.rstrip("/").split("/"))
        return Location(("s3", self.endpoint_url, self.serialization_format), path)

    def _pages(
        self, prefix: SafeStrTuple, *, first: int = _DELETED_AT_ONCE, deep: bool = True
    ) -> Iterator[Page]:
        """List a directory page by page; only the first page has its size."""
        objects = self._objects()
        directory = self._naming.directory(prefix)
        page = objects.page(directory, None, limit=first, deep=deep)
        yield page
        while page.next_token is not None:
            page = objects.page(directory, page.next_token, deep=deep)
            yield page

    def _inhabited(self, directories: Iterable[str]) -> Iterator[str]:
        """Leave out directories without objects."""
        objects = self._objects()
        candidates = list(directories)
        pages = ordered_map(lambda d: objects.page(d, None, limit=1), candidates, self.max_workers)
        for directory, page in zip(candidates, pages, strict=True):
            if page.objects:
                yield directory

    def _objects(self) -> ObjectStore:
        return ObjectStore(self._connection.client(), self.bucket_name)

    def _guarded_objects(self) -> GuardedStore:
        """Return the store for conditional requests, once it is known what the server does."""
        can = capabilities_of(
            self._objects(),
            self._connection.endpoint(),
            self.bucket_name,
            self._naming.root,
            is_aws=self._connection.is_aws(),
        )
        objects = ObjectStore(self._connection.client(), self.bucket_name, quoted=can.quoted)
        return GuardedStore(
            objects,
            can,
            self._connection.lineage,
            bucket=self.bucket_name,
            strict=self.strict_conditions,
        )

    def _noted(self, key: NonEmptySafeStrTuple, found: Found) -> StatLike:
        """Turn an answer into a stat, and remember the writers of what was seen."""
        if found.writers:
            name = f"{self.bucket_name}/{self._naming.object_name(key)}"
            self._connection.lineage.note(name, found.etag, found.writers)
        if found.timestamp is None:
            return _LateStat(self, key, found.etag)
        return Stat(found.etag, found.timestamp)

    def _where(self, key: NonEmptySafeStrTuple) -> str:
        return f"s3://{self.bucket_name}/{self._naming.object_name(key)}"

    @contextmanager
    def _reporting(self, operation: str, key: NonEmptySafeStrTuple | None) -> Iterator[None]:
        """Turn botocore's errors into `BackendError`."""
        try:
            yield
        except S3_ERRORS as error:
            target = f"s3://{self.bucket_name}" if key is None else self._where(key)
            raise backend_error(
                error,
                backend=type(self).__name__,
                operation=operation,
                target=target,
                endpoint=self.endpoint_url or "the default endpoint of AWS",
                key=None if key is None else self._shown(key),
            ) from error


class _LateStat:
    """The stat of a version whose time of writing the answer did not tell."""

    def __init__(self, owner: BasicS3Dict[Any], key: NonEmptySafeStrTuple, etag: ETagValue) -> None:
        self._owner = owner
        self._key = key
        self.etag = etag
        self.size: int | None = None

    @property
    def timestamp(self) -> float:
        return self._owner._stat(self._key).timestamp
