"""Servers for the S3 tests; nothing here ever leaves the loopback interface."""

from __future__ import annotations

import logging
import os
import random
import uuid
from functools import partial

import pytest

from tests.support import servers

servers.set_credentials()


def pytest_configure(config):
    config.addinivalue_line("markers", "s3_real: needs a SeaweedFS server")


@pytest.fixture
def moto(session_moto):
    """A moto server without faults, latency or gate."""
    yield session_moto
    session_moto.latency, session_moto.faults, session_moto.gate = 0.0, None, None


@pytest.fixture(scope="session")
def seaweed():
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
    return _place(moto)


def _place(server):
    return {
        "endpoint_url": server.url,
        "bucket_name": "tests",
        "root_prefix": f"{uuid.uuid4().hex[:8]}/",
    }


@pytest.fixture
def basic(moto_place):
    """A dict on moto of which nothing remains to be found out."""
    from persidict.s3 import BasicS3Dict

    d = BasicS3Dict(**moto_place)
    d["warm"] = 1
    del d["warm"]
    return d


@pytest.fixture
def make_basic(place):
    from persidict.s3 import BasicS3Dict

    return partial(BasicS3Dict, **place)


@pytest.fixture
def make_cached(place, tmp_path):
    from persidict.s3 import S3Dict

    return partial(S3Dict, base_dir=tmp_path / "cache", **place)


@pytest.fixture
def seed():
    """The seed of a test's dice, shown if it fails; the environment variable repeats one."""
    chosen = int(os.environ.get("PERSIDICT_TEST_SEED") or random.getrandbits(32))
    print(f"PERSIDICT_TEST_SEED={chosen}")
    return chosen


@pytest.fixture(autouse=True)
def _log(caplog):
    caplog.set_level(logging.INFO, "persidict.s3")
