"""Which conditions a server really enforces, found out once per endpoint and bucket."""

from __future__ import annotations

import logging
import uuid
from typing import NamedTuple

from botocore.exceptions import ClientError

from persidict.core.forks import new_lock
from persidict.core.results import ETagValue
from persidict.s3.client import was_in_doubt
from persidict.s3.errors import status_of
from persidict.s3.requests import ObjectStore, Refused

logger = logging.getLogger("persidict.s3")

_WRONG = ETagValue('"00000000000000000000000000000000"')
_SCRATCH = ".persidict-probe-"
# How often to begin anew when a lost answer has made a probe meaningless.
_MAX_PROBES = 20


class Capabilities(NamedTuple):
    """The conditions that a server enforces."""

    create: bool
    """PUT with ``If-None-Match: *``."""
    replace: bool
    """PUT with ``If-Match: <etag>``."""
    erase: bool
    """DELETE with ``If-Match: <etag>``."""
    erase_any: bool
    """DELETE with ``If-Match: *``."""
    quoted: bool
    """Whether it takes ETags in the quotes that it gives them in."""


# Documented: docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
ALL = Capabilities(create=True, replace=True, erase=True, erase_any=True, quoted=True)

_known: dict[tuple[str, str], Capabilities] = {}
_lock = new_lock()


def capabilities_of(
    store: ObjectStore, endpoint: str, bucket: str, root: str, *, is_aws: bool
) -> Capabilities:
    """Return what the server can do; the first time in a process, ask it.

    Amazon's own servers are not asked. Others get one empty scratch object at the top of the
    bucket (below `root` if writing is permitted only there), deleted again at the end.
    """
    if is_aws:
        return ALL
    known = _known.get((endpoint, bucket))
    if known is not None:
        return known
    with _lock:
        if (endpoint, bucket) not in _known:
            found = _probe_where_permitted(store, root)
            _known[endpoint, bucket] = found
            _tell(found, endpoint, bucket)
        return _known[endpoint, bucket]


def _probe_where_permitted(store: ObjectStore, root: str) -> Capabilities:
    try:
        return _probe(store, "")
    except ClientError as error:
        if status_of(error) != 403 or not root:
            raise
    return _probe(store, root)


def _probe(store: ObjectStore, directory: str, more: int = _MAX_PROBES - 1) -> Capabilities:
    probe = _Probe(store, f"{directory}{_SCRATCH}{uuid.uuid4().hex}")
    try:
        found = probe.run()
    finally:
        probe.clean_up()
    return _probe(store, directory, more - 1) if probe.in_doubt and more else found


class _Probe:
    """A few requests with conditions of which it is known whether they hold."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store = store
        self._name = name
        self._exists = False
        self.in_doubt = False

    def run(self) -> Capabilities:
        if not self._put():  # a write without any condition: what fails now is no capability
            self.in_doubt = True
        create = not self._put(create=True)
        quoted = True
        replace = False
        current = self._store.head(self._name).etag
        if not self._put(match=_WRONG):
            replace = self._put(match=current)
            if not replace:
                # Ceph compares what is sent with an ETag without quotes.
                current = ETagValue(self._store.head(self._name).etag.strip('"'))
                quoted = not self._put(match=current)
                replace = not quoted
        wrong = _WRONG if quoted else ETagValue(_WRONG.strip('"'))
        erase = not self._delete(wrong)
        # The last one must be refused, because by then the object is gone.
        erase_any = erase and self._delete("*") and not self._delete("*")
        return Capabilities(create, replace, erase, erase_any, quoted)

    def clean_up(self) -> None:
        if self._exists:
            try:
                self._store.delete(self._name)
            except ClientError:
                logger.warning("could not delete the scratch object %s", self._name)

    def _put(self, *, create: bool = False, match: ETagValue | None = None) -> bool:
        try:
            self._store.put(self._name, b"", create=create, match=match)
        except Refused as refusal:
            self.in_doubt = self.in_doubt or refusal.in_doubt
            return False
        except ClientError as error:
            # A server that doesn't know a condition may say so.
            if status_of(error) not in (400, 501) or not (create or match):
                raise
            return create or match == _WRONG
        self._exists = True
        self.in_doubt = self.in_doubt or was_in_doubt()
        return True

    def _delete(self, match: str) -> bool:
        try:
            self._store.delete(self._name, match=match)
        except Refused as refusal:
            self.in_doubt = self.in_doubt or refusal.in_doubt
            return False
        except ClientError as error:
            if status_of(error) not in (400, 501):
                raise
            return match != "*"
        self._exists = False
        self.in_doubt = self.in_doubt or was_in_doubt()
        return True


def _tell(found: Capabilities, endpoint: str, bucket: str) -> None:
    lacking = [
        what
        for what, enforced in (
            ("PUT If-None-Match: *", found.create),
            ("PUT If-Match", found.replace),
            ("DELETE If-Match", found.erase),
        )
        if not enforced
    ]
    if lacking:
        logger.warning(
            "the S3 server at %s (bucket %s) does not enforce %s: operations that need it look "
            "first and act then, which is NOT atomic; strict_conditions=True refuses them instead",
            endpoint,
            bucket,
            ", ".join(lacking),
        )
    logger.info("the S3 server at %s (bucket %s) has %s", endpoint, bucket, found)
