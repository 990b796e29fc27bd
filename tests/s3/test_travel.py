"""Handles on S3 travel without a request; ready clients and secrets don't."""

import copy
import pickle
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import boto3
import pytest
from botocore.config import Config

from persidict.core import describe, open_store
from persidict.s3 import BasicS3Dict, S3Dict
from tests.support.travel_workers import write

KEY = b"a secret key of 27 letters."


@pytest.fixture(name="make", params=["basic", "cached", "append-only cached"])
def make_fixture(request, moto_place, tmp_path):
    def make(**params):
        arguments = {**moto_place, **params}
        if request.param == "basic":
            return BasicS3Dict(**arguments)
        append_only = request.param == "append-only cached"
        return S3Dict(base_dir=tmp_path / "cache", append_only=append_only, **arguments)

    return make


def test_unpickling_sends_no_request(make, moto):
    d = make(serialization_format="json", max_workers=3)
    with moto.counting() as seen:
        handles = [
            pickle.loads(pickle.dumps(one)) for one in (d, d.get_subdict("a"), d.get_subdict("a"))
        ]
        handles.append(copy.deepcopy(d))
    assert seen == Counter()
    assert handles == [d, d.get_subdict("a"), d.get_subdict("a"), d]
    handles[1]["b"] = 1
    assert d["a", "b"] == 1
    assert handles[0].get_params() == d.get_params()


def test_another_process_uses_it(make):
    d = make()
    with ProcessPoolExecutor(1) as executor:
        assert executor.submit(write, d.get_subdict("sub"), "k", 1).result() == {("k",): 1}
    assert d["sub", "k"] == 1


def test_a_bucket_that_is_gone_is_created_by_the_first_write(make, moto_place):
    name = f"gone-{moto_place['root_prefix'].strip('/')}"
    d = make(bucket_name=name)
    data = pickle.dumps(d)
    s3 = boto3.client("s3", endpoint_url=moto_place["endpoint_url"], region_name="us-east-1")
    s3.delete_bucket(Bucket=name)
    again = pickle.loads(data)
    again["a"] = 1
    assert d["a"] == 1


def test_settings_of_botocore_travel(make):
    d = make(config=Config(read_timeout=7))
    again = pickle.loads(pickle.dumps(d))
    assert again.config.read_timeout == 7
    again["a"] = 1
    assert d["a"] == 1


def test_a_ready_client_stays(make, moto_place):
    client = boto3.client("s3", endpoint_url=moto_place["endpoint_url"], region_name="us-east-1")
    d = make(client=client)
    with pytest.raises(TypeError, match=r"client stays.*open_store\(description, client="):
        pickle.dumps(d.get_subdict("a"))
    assert copy.deepcopy(d) == d
    assert open_store(describe(d), client=client) == d


def test_a_signing_key_stays(make):
    d = make(signing_key=KEY)
    with pytest.raises(TypeError, match=r"signing_key stays.*open_store") as caught:
        pickle.dumps(d)
    assert "secret key" not in str(caught.value)
    assert copy.deepcopy(d) == d
