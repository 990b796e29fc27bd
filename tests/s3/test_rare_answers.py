"""Answers that servers rarely give, and races that are rarely lost."""

import logging
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from persidict.core import BackendError
from persidict.core.backend import ETagMismatch
from persidict.s3 import BasicS3Dict
from persidict.s3.boto_objects import seconds_of
from persidict.s3.capabilities import forget_endpoint
from persidict.s3.client import read_date
from persidict.s3.conditional_requests import ConditionalRequests
from persidict.s3.connection import Connection
from persidict.s3.errors import OddAnswer, Uncertain
from persidict.s3.objects import Refused

FORBIDDEN = ("403 Forbidden", "AccessDenied")
UNKNOWN = ("501 Not Implemented", "NotImplemented")


@pytest.fixture
def unknown_server(moto, moto_place):
    """A server of which nothing is known yet."""
    forget_endpoint(moto.url)
    yield BasicS3Dict(**moto_place)
    forget_endpoint(moto.url)


def test_a_top_of_the_bucket_that_is_not_ours(unknown_server, moto, moto_place):
    top = f"/{moto_place['bucket_name']}/.persidict-probe"
    moto.faults = lambda environ: FORBIDDEN if environ["PATH_INFO"].startswith(top) else None
    assert unknown_server.setdefault("a", 1) == 1
    assert unknown_server.setdefault("a", 2) == 1


def test_a_bucket_that_is_not_ours(unknown_server, moto):
    moto.faults = lambda environ: FORBIDDEN if environ["REQUEST_METHOD"] == "PUT" else None
    with pytest.raises(BackendError, match="permit"):
        unknown_server.setdefault("a", 1)


def test_deletions_that_are_not_permitted(unknown_server, moto, caplog):
    moto.faults = lambda environ: FORBIDDEN if environ["REQUEST_METHOD"] == "DELETE" else None
    with pytest.raises(BackendError, match="permit"):
        unknown_server.setdefault("a", 1)
    assert "could not delete the scratch object" in caplog.text


def test_conditions_that_a_server_refuses_to_know(unknown_server, moto, caplog):
    def fault(environ):
        return UNKNOWN if {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"} & environ.keys() else None

    moto.faults = fault
    assert unknown_server.setdefault("a", 1) == 1
    assert unknown_server.setdefault("a", 2) == 1
    assert unknown_server.pop("a") == 1
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert "NOT atomic" in warnings[0].getMessage()


class Deserted:
    """A store that refuses because of an object, which is gone when one looks."""

    def __init__(self, *, in_doubt):
        self._refusal = Refused(absent=False, in_doubt=in_doubt)

    def put(self, *_args, **_kwargs):
        raise self._refusal

    def delete(self, *_args, **_kwargs):
        raise self._refusal

    def head(self, name, *, dated=False):
        raise KeyError(name)


class Amazon:
    """A client of which only the address is looked at."""

    class meta:  # noqa: N801  # boto3's name
        endpoint_url = "https://s3.amazonaws.com"

        class events:  # noqa: N801
            register = register_first = staticmethod(lambda *_, **__: None)


def conditional(objects):
    return ConditionalRequests(
        objects,
        Connection(None, Amazon()),
        "b",
        ("",),
        strict=True,
        unique=True,
        never_deleted=False,
    )


def test_what_was_refused_is_gone_by_now():
    refused, in_doubt = (conditional(Deserted(in_doubt=doubt)) for doubt in (False, True))
    with pytest.raises(ETagMismatch):
        refused.put("a", b"", '"e"')
    with pytest.raises(Uncertain):
        in_doubt.put("a", b"", '"e"')
    with pytest.raises(ETagMismatch):
        refused.delete("a", '"e"')
    with pytest.raises(Uncertain):
        in_doubt.delete("a", '"e"')
    with pytest.raises(KeyError):
        refused.delete_any("a")


class TakenBucket:
    """Answers to a look at a bucket, and to making it."""

    def __init__(self, code, *, is_ours):
        self._code = code
        self._is_ours = is_ours
        self.looks = 0

    class meta:  # noqa: N801  # boto3's name
        region_name = "us-east-1"

    def head_bucket(self, **_):
        self.looks += 1
        if self.looks == 1 or not self._is_ours:
            raise error_of(404 if self.looks == 1 else 403, "no")

    def create_bucket(self, **_):
        raise error_of(409, self._code)


def error_of(status, code):
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Test")


@pytest.mark.parametrize(
    ("code", "is_ours", "is_refused"),
    [
        ("BucketAlreadyOwnedByYou", True, False),
        ("BucketAlreadyExists", True, False),
        ("BucketAlreadyExists", False, True),
        ("InvalidBucketName", True, True),
    ],
)
def test_a_bucket_that_somebody_makes_at_the_same_time(code, is_ours, is_refused):
    from persidict.s3.bucket import _create

    client = TakenBucket(code, is_ours=is_ours)
    client.looks = 1
    if is_refused:
        with pytest.raises(ClientError):
            _create(client, "b", is_aws=False)
    else:
        _create(client, "b", is_aws=False)


def test_dates_that_are_none():
    assert seconds_of("yesterday") is None
    assert seconds_of(None) is None
    with pytest.raises(OddAnswer, match="yesterday"):
        read_date("yesterday at noon GMT")


class Rewritten:
    """An object that is another version whenever one is to be deleted, and then gone."""

    def __init__(self):
        self._etags = iter(['"1"', '"2"'])

    def head(self, name, *, dated=False):
        etag = next(self._etags, None)
        if etag is None:
            raise KeyError(name)
        return SimpleNamespace(etag=etag)

    def delete(self, *_args, **_kwargs):
        raise Refused(absent=False, in_doubt=False)


def test_a_deletion_that_others_forestall():
    with pytest.raises(KeyError):
        conditional(Rewritten()).delete_any("a")
