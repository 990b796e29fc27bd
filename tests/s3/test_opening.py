"""Descriptions and URLs of stores on S3."""

import json
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config

from persidict import (
    BackendError,
    BasicS3Dict,
    FileDirDict,
    LocalDict,
    S3Dict,
    describe,
    open_store,
)
from tests.support import opening_workers


def through_json(store):
    return json.loads(json.dumps(describe(store), allow_nan=False))


@pytest.fixture(name="make", params=["basic", "cached", "basic sub-dict", "cached sub-dict"])
def make_fixture(request, moto_place, tmp_path):
    def make(**params):
        if "cached" in request.param:
            d = S3Dict(base_dir=tmp_path / "cache", **moto_place, **params)
        else:
            d = BasicS3Dict(**moto_place, **params)
        return d.get_subdict(["a", "b"]) if "sub-dict" in request.param else d

    return make


def test_descriptions_open_the_same_store(make):
    d = make(serialization_format="json", max_workers=3)
    d["x"] = [1, 2]
    again = open_store(through_json(d))
    assert repr(again) == repr(d)
    assert again._is_same_store(d)
    assert again["x"] == [1, 2]


def test_clients_and_settings_have_to_be_given(make, moto):
    client = boto3.session.Session("testing", "testing").client(
        "s3", endpoint_url=moto.url, region_name="us-east-1"
    )
    config = Config(read_timeout=7)
    d = make(client=client, config=config)
    d["x"] = 1
    description = through_json(d)
    assert sorted(description["needs"]) == ["client", "config"]
    with pytest.raises(ValueError, match="client, config"):
        open_store(description)
    again = open_store(description, client=client, config=config)
    assert again["x"] == 1
    assert again.client is client
    client.close()


def test_credentials_in_the_address_are_left_out(moto_place, moto):
    address = moto.url.replace("://", "://user:hunter2@")
    d = BasicS3Dict(**{**moto_place, "endpoint_url": moto.url})
    d.endpoint_url = address
    description = through_json(d)
    assert "hunter2" not in json.dumps(description)
    assert description["needs"] == ["endpoint_url"]
    assert open_store(description, endpoint_url=moto.url).endpoint_url == moto.url


@pytest.mark.slow
def test_another_process(make):
    d = make()
    d["x"] = {"loss": 0.25}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        found = pool.submit(opening_workers.read, through_json(d), "x", {}).result(120)
    assert found == ({"loss": 0.25}, repr(d))


def test_urls(moto_place, tmp_path):
    root = moto_place["root_prefix"].rstrip("/")
    url = f"s3://tests/{root}?endpoint_url={moto_place['endpoint_url']}"
    d = BasicS3Dict(**moto_place)
    assert open_store(url) == d
    assert type(open_store(url)) is BasicS3Dict
    cached = open_store(f"{url}&base_dir={quote(str(tmp_path))}&format=json&max_workers=2")
    assert cached == S3Dict(
        base_dir=tmp_path, serialization_format="json", max_workers=2, **moto_place
    )
    assert type(open_store(url, base_dir=tmp_path)) is S3Dict


@pytest.mark.parametrize("cls", [BasicS3Dict, S3Dict])
def test_a_bucket_is_made_only_where_it_may_be(cls, moto_place, tmp_path):
    place = {**moto_place, "bucket_name": f"new-{moto_place['root_prefix'].strip('/')}"}
    place |= {"base_dir": tmp_path} if cls is S3Dict else {}
    for _ in range(2):
        with pytest.raises(BackendError, match=r"there is no such bucket.*create_bucket=True"):
            cls(**place, create_bucket=False)
    assert cls(**place).create_bucket
    d = cls(**place, create_bucket=False)
    assert not d.create_bucket
    assert not open_store(describe(d)).create_bucket


@pytest.mark.parametrize("name", ["a b", "ä", "a\n", "a*", "x" * 256, "a?b", "a\\b", "", "a/b"])
def test_names_that_are_sent_to_no_server(moto_place, name):
    with pytest.raises(ValueError, match="bucket_name must"):
        BasicS3Dict(**{**moto_place, "bucket_name": name})


def test_other_servers_have_rules_of_their_own(moto_place):
    for name in ("UPPER", "under_score", "dots..in.it"):
        assert not BasicS3Dict(**{**moto_place, "bucket_name": name})


def test_an_access_point_is_no_address(moto_place):
    arn = "arn:aws:s3:us-east-1:123456789012:accesspoint/mine"
    with pytest.raises(BackendError, match=r"can't use the bucket s3://arn:"):
        BasicS3Dict(**{**moto_place, "bucket_name": arn})


def test_listings_tell_sizes(make):
    d = make(serialization_format="txt", base_class_for_values=str)
    d["x"] = "äöü"
    assert [stat.size for _, stat in d._scan(d._prefix)] == [6]


@pytest.mark.slow
def test_copies(make, tmp_path, moto):
    files = FileDirDict(base_dir=tmp_path / "files", durable=False)
    files.update({("k", f"{number}"): number for number in range(60)})
    d = make(serialization_format="json")
    d.setdefault("warm", 1)
    del d["warm"]  # what the server can do is known by now
    outcomes = []
    two = threading.Barrier(2, timeout=60)

    def gate(environ):
        if environ["REQUEST_METHOD"] == "PUT":
            two.wait()  # fails if there is no other at the same time

    moto.gate = gate
    with moto.counting() as seen:
        found = files.copy_to(d, progress=lambda key, outcome: outcomes.append(outcome))
    moto.gate = None
    assert found.copied == 60
    assert outcomes == ["copied"] * 60
    assert seen["PUT"] == 60
    memory = LocalDict()
    assert d.copy_to(memory).copied == 60
    assert memory == files
    del files["k", "7"]
    assert files.sync_to(d).deleted == 1
    assert len(d) == 59


def test_a_part_of_the_same_bucket_is_refused(make):
    d = make()
    with pytest.raises(ValueError, match="overlap"):
        d.copy_to(d.get_subdict("deeper"))


def test_what_is_kept_of_the_environment_shows_no_secret(moto_place, monkeypatch):
    from persidict.s3 import connection

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
    one, same = BasicS3Dict(**moto_place), BasicS3Dict(**moto_place)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert one._connection is same._connection is not BasicS3Dict(**moto_place)._connection
    assert "hunter2" not in repr(connection._registry) + repr(vars(one._connection))
