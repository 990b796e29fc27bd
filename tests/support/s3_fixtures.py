"""Fixtures with S3 servers, for all tests; nothing here ever leaves the loopback interface."""

from __future__ import annotations

import uuid

import pytest

from tests.support import servers


@pytest.fixture(scope="session")
def session_moto():
    """An S3 server for the tests of this process, to which the environment has the credentials."""
    for module in ("persidict.s3", "moto", "flask"):
        pytest.importorskip(module)
    servers.set_credentials()
    server = servers.Moto()
    yield server
    server.stop()


@pytest.fixture
def moto(session_moto):
    """A moto server without faults, latency, gate, earlier requests or objects."""
    session_moto.seen.clear()
    yield session_moto
    session_moto.latency, session_moto.faults, session_moto.gate = 0.0, None, None
    session_moto.forget()


@pytest.fixture(scope="session")
def seaweed():
    """A real S3 server, where one is installed."""
    servers.set_credentials()
    try:
        server = servers.SeaweedFS()
    except servers.NotInstalledError as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture(params=["moto", pytest.param("seaweed", marks=pytest.mark.s3_real)])
def server(request):
    """Each kind of server; the real one only where it is asked for."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def place(server):
    """The parameters of a place on the server that no other test uses."""
    return _place(server)


@pytest.fixture
def moto_place(moto):
    """The same, always on moto."""
    return _place(moto)


def _place(server):
    return {
        "endpoint_url": server.url,
        "bucket_name": "tests",
        "root_prefix": f"{uuid.uuid4().hex[:8]}/",
    }


@pytest.fixture
def s3_account(session_moto, monkeypatch):
    """What examples rely on: the environment names a server and an account without buckets."""
    import boto3

    for name in servers.OTHER_ACCOUNTS:
        monkeypatch.delenv(name, raising=False)
    # A new name, because persidict remembers which buckets the account has.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", uuid.uuid4().hex)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", session_moto.url)
    s3 = boto3.session.Session().resource("s3")
    foreign = {bucket.name for bucket in s3.buckets.all()}
    yield
    for bucket in s3.buckets.all():
        if bucket.name not in foreign:
            bucket.objects.all().delete()
            bucket.delete()
    s3.meta.client.close()
