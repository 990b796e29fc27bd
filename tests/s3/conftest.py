"""Dicts on the servers of `tests.support.s3_fixtures`."""

from __future__ import annotations

import logging
import os
import random
from functools import partial

import pytest

from tests.support import servers

servers.set_credentials()


@pytest.fixture
def transport(request, monkeypatch):
    """What sends requests; a module that marks it with both runs each of its tests twice."""
    name = getattr(request, "param", "boto3")
    if name == "obstore":
        pytest.importorskip("obstore")
    monkeypatch.setenv("PERSIDICT_S3_TRANSPORT", name)
    return name


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
