"""Tests on a scratch object which conditions a server enforces."""

from __future__ import annotations

import logging
import uuid
from typing import NamedTuple

from persidict.core.forks import new_lock
from persidict.core.results import ETagValue
from persidict.s3.attempts import was_in_doubt
from persidict.s3.errors import S3_ERRORS, OddAnswer, status_of
from persidict.s3.objects import AnswerLost, ObjectStore, Refused

logger = logging.getLogger("persidict.s3")

_WRONG = ETagValue('"00000000000000000000000000000000"')
_SCRATCH = ".persidict-probe-"
# Repetitions, because a lost answer makes a probe meaningless.
_MAX_PROBES = 20
_MAX_DELETIONS = 4


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
    """Whether it accepts ETags in the quotes that it sends them in."""

    def sent(self, etag: ETagValue) -> str:
        """Return an ETag in the form that the server accepts in conditions."""
        return etag if self.quoted else etag.strip('"')


# Documented: docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
ALL = Capabilities(create=True, replace=True, erase=True, erase_any=True, quoted=True)

# By endpoint, then by bucket. The inner dicts stay the same objects, since others keep them.
_known: dict[str, dict[str, Capabilities]] = {}
# The header `Server` of each endpoint's last look at a bucket.
_servers: dict[str, str] = {}
_lock = new_lock()


def known_of(endpoint: str) -> dict[str, Capabilities]:
    """Return what is known of an endpoint's buckets now and, since it is shared, later."""
    return _known.setdefault(endpoint, {})


def forget_endpoint(endpoint: str) -> None:
    """Forget what an endpoint enforces, because another server may answer there by now."""
    _known.get(endpoint, {}).clear()


def note_server(endpoint: str, name: str) -> None:
    """Forget what an endpoint enforces if a server of another name answers there."""
    if _servers.setdefault(endpoint, name) != name:
        _servers[endpoint] = name
        forget_endpoint(endpoint)


def learn(
    objects: ObjectStore, endpoint: str, bucket: str, directories: tuple[str, ...]
) -> Capabilities:
    """Return what the server enforces; if nobody knows, try it on an empty scratch object.

    persidict deletes the object at the end. Amazon's own servers are not tried.

    Args:
        objects: The bucket.
        endpoint: The server's address.
        bucket: The bucket's name.
        directories: Where the scratch object may be; the first place that permits it.
    """
    known = known_of(endpoint)
    with _lock:
        found = known.get(bucket)
        if found is None:
            found = known[bucket] = _probe_where_permitted(objects, directories)
            _log(found, endpoint, bucket)
        return found


def learn_in_parts(
    objects: ObjectStore,
    endpoint: str,
    bucket: str,
    directories: tuple[str, ...],
    whole: Capabilities,
) -> Capabilities:
    """Return what the server enforces when an object in parts is completed; try it if need be.

    Args:
        objects: See `learn`, as for the next three.
        endpoint: The server's address.
        bucket: The bucket's name.
        directories: Where the scratch object may be.
        whole: What the server enforces for other objects.
    """
    known = known_of(endpoint)
    with _lock:
        name = f"{bucket}, in parts"  # no bucket has such a name
        found = known.get(name)
        if found is None:
            found = known[name] = _probe_where_permitted(objects, directories, whole)
            _log(found, endpoint, name)
        return found


def _probe_where_permitted(
    objects: ObjectStore, directories: tuple[str, ...], whole: Capabilities | None = None
) -> Capabilities:
    *first, last = directories
    for directory in first:
        try:
            return _probe(objects, directory, whole)
        except S3_ERRORS as error:
            if status_of(error) != 403:
                raise
    return _probe(objects, last, whole)


def _probe(
    objects: ObjectStore,
    directory: str,
    whole: Capabilities | None,
    more: int = _MAX_PROBES - 1,
) -> Capabilities:
    probe = _Probe(objects, f"{directory}{_SCRATCH}{uuid.uuid4().hex}")
    try:
        found = probe.run() if whole is None else probe.run_in_parts(whole)
    finally:
        probe.clean_up()
    return _probe(objects, directory, whole, more - 1) if probe.in_doubt and more else found


class _Probe:
    """Sends conditional requests whose right answers are known."""

    def __init__(self, objects: ObjectStore, name: str) -> None:
        self._objects = objects
        self._name = name
        self._may_exist = False
        self.in_doubt = False

    def run(self) -> Capabilities:
        if not self._put():  # a write without any condition: what fails now is no capability
            self.in_doubt = True
        create = not self._put(create=True)
        quoted = True
        replace = False
        current: str = self._objects.head(self._name).etag
        if not self._put(match=_WRONG):
            replace = self._put(match=current)
            if not replace:
                # Ceph compares what is sent with an ETag without quotes.
                current = self._objects.head(self._name).etag.strip('"')
                quoted = not self._put(match=current)
                replace = not quoted
        wrong = _WRONG if quoted else _WRONG.strip('"')
        erase = not self._delete(wrong)
        # The server must refuse the last one, because by then the object is gone.
        erase_any = erase and self._delete("*") and not self._delete("*")
        return Capabilities(create, replace, erase, erase_any, quoted)

    def run_in_parts(self, whole: Capabilities) -> Capabilities:
        self._put()
        create = not self._put(create=True, in_parts=True)
        replace = not self._put(match=whole.sent(_WRONG), in_parts=True)
        return whole._replace(create=create and whole.create, replace=replace and whole.replace)

    def clean_up(self) -> None:
        for _ in range(_MAX_DELETIONS if self._may_exist else 0):
            try:
                self._objects.delete(self._name)
            except AnswerLost:
                continue  # nobody else has an object of this name
            except Refused:
                return  # it never came to exist
            except S3_ERRORS:
                break
            return
        if self._may_exist:
            logger.warning("could not delete the scratch object %s", self._name)

    def _put(
        self, *, create: bool = False, match: str | None = None, in_parts: bool = False
    ) -> bool:
        self._may_exist = True
        body = b"scratch" if in_parts else b""  # there are no empty parts
        try:
            self._objects.put(self._name, body, create=create, match=match, in_parts=in_parts)
        except Refused as refusal:
            self.in_doubt = self.in_doubt or refusal.in_doubt
            return False
        except AnswerLost:
            self.in_doubt = True
            return True
        except OddAnswer:
            raise
        except S3_ERRORS as error:
            # A server that doesn't know a condition may say so.
            if status_of(error) not in (400, 501) or not (create or match):
                raise
            return create or match in (_WRONG, _WRONG.strip('"'))
        self.in_doubt = self.in_doubt or was_in_doubt()
        return True

    def _delete(self, match: str) -> bool:
        try:
            self._objects.delete(self._name, match=match)
        except Refused as refusal:
            self.in_doubt = self.in_doubt or refusal.in_doubt
            return False
        except AnswerLost:
            self.in_doubt = True
            return True
        except S3_ERRORS as error:
            if status_of(error) not in (400, 501):
                raise
            return match != "*"
        self._may_exist = False
        self.in_doubt = self.in_doubt or was_in_doubt()
        return True


def _log(found: Capabilities, endpoint: str, bucket: str) -> None:
    lacking = [
        condition
        for condition, enforced in (
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
