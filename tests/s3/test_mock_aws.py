"""Amazon replaced inside the process, as users do in their tests."""

import uuid

import pytest
from botocore.config import Config

from persidict.s3 import BasicS3Dict


@pytest.fixture
def d(monkeypatch):
    moto = pytest.importorskip("moto")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with moto.mock_aws():
        # Its own settings give it a client of its own, made under the replacement.
        config = Config(user_agent_extra=uuid.uuid4().hex)
        bucket = f"test-{uuid.uuid4().hex}"
        yield BasicS3Dict(bucket_name=bucket, region="us-east-1", config=config)


def test_items_are_deleted_though_the_replacement_does_not_know_the_condition(d):
    d.update(a=1, b=2, c=3)
    del d["a"]
    assert d.discard("b") is True
    assert dict(d) == {("c",): 3}


def test_absent_items_are_absent(d):
    assert d.discard("a") is False
    with pytest.raises(KeyError):
        del d["a"]
