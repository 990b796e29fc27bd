"""Amazon replaced inside the process, as users do in their tests."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from persidict.core import BackendError
from persidict.s3 import BasicS3Dict, S3Dict

moto = pytest.importorskip("moto")

BUCKET = "users-tests"


@pytest.fixture(autouse=True)
def _account(monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def d():
    with moto.mock_aws():
        yield BasicS3Dict(BUCKET)


def test_items_are_deleted_though_the_replacement_does_not_know_the_condition(d):
    d.update(a=1, b=2, c=3)
    del d["a"]
    assert d.discard("b") is True
    assert dict(d) == {("c",): 3}


def test_absent_items_are_absent(d):
    assert d.discard("a") is False
    with pytest.raises(KeyError):
        del d["a"]


# Each test below finds an empty account, with one name of the bucket in all of them.


@moto.mock_aws
def test_a_decorated_test():
    d = BasicS3Dict(BUCKET)
    assert not d
    d["a"] = 1
    d.transform_item("a", transformer=lambda n: n + 1)
    assert d["a"] == 2


@moto.mock_aws
def test_another_one_with_the_same_bucket():
    test_a_decorated_test.__wrapped__()


@pytest.mark.parametrize("number", range(2))
def test_a_fixture(d, number):
    assert not d
    d["x", "y"] = number
    assert d.get_subdict("x")["y"] == number


@pytest.mark.parametrize("_", range(2))
def test_the_bucket_is_there_for_others(d, _):
    import boto3

    names = [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]
    assert names == [BUCKET]
    boto3.client("s3").put_object(Bucket=BUCKET, Key="theirs.json", Body=b"1")
    assert BasicS3Dict(BUCKET, serialization_format="json")["theirs"] == 1


@pytest.mark.parametrize("_", range(2))
def test_threads(d, _):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: d.__setitem__(("t", str(n)), n), range(20)))
    assert sorted(iter(d.get_subdict("t").values())) == list(range(20))
    d.clear()
    assert not [t for t in threading.enumerate() if t.name.startswith("persidict-s3")]


@pytest.mark.parametrize("_", range(2))
def test_a_cached_dict(d, _, tmp_path_factory):
    base = tmp_path_factory.getbasetemp() / "cache-of-all-tests"
    cached = S3Dict(BUCKET, base_dir=base)
    assert "a" not in cached
    cached["a"] = 1
    assert d["a"] == cached["a"] == 1


def test_one_handle_in_several_accounts():
    """A dict at the level of a module outlives the account in which it was constructed."""
    with moto.mock_aws():
        d = BasicS3Dict(BUCKET)
        fixed = BasicS3Dict(BUCKET, create_bucket=False)
        sub = d.get_subdict("x")
        sub["a"] = 1
        assert len(d) == 1
    for act in (
        lambda: sub.__setitem__("a", 2),
        lambda: sub.setdefault("a", 2),
        lambda: list(d),
        lambda: d.update(b=1),
        lambda: sub.get("a"),
        d.clear,
    ):
        with moto.mock_aws():
            with pytest.raises(BackendError, match="there is no such bucket"):
                list(fixed)
            act()


@moto.mock_aws
def test_a_region_of_its_own():
    d = BasicS3Dict("in-frankfurt", region="eu-central-1")
    d["a"] = 1
    import boto3

    location = boto3.client("s3").get_bucket_location(Bucket="in-frankfurt")
    assert location["LocationConstraint"] == "eu-central-1"


NAMES_NOT_FOR_NEW_BUCKETS = [
    "UPPER",
    "ab",
    "-ab",
    "ab-",
    ".ab",
    "ab.",
    "a..b",
    "192.168.5.4",
    "x" * 64,
    "_abc",
]


@pytest.mark.parametrize("name", NAMES_NOT_FOR_NEW_BUCKETS)
@pytest.mark.parametrize("cls", [BasicS3Dict, S3Dict])
@moto.mock_aws
def test_names_that_amazon_gives_to_no_new_bucket(cls, name, tmp_path):
    place = {"base_dir": tmp_path} if cls is S3Dict else {}
    with pytest.raises(ValueError, match=f"bucket_name must have 3 to 63 .*{name!r}"):
        cls(name, **place)
    with pytest.raises(BackendError, match="there is no such bucket"):
        cls(name, create_bucket=False, **place)


@pytest.mark.parametrize("name", ["abc", "my_bucket", "a.b-c", "1-2", "192.168.5.4a", "x" * 63])
@moto.mock_aws
def test_names_of_new_buckets(name):
    assert not BasicS3Dict(name)


@moto.mock_aws
def test_an_older_bucket_may_have_another_name():
    import boto3

    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="OldBucket_1")
    d = BasicS3Dict("OldBucket_1")
    d["a"] = 1
    assert dict(BasicS3Dict("OldBucket_1", create_bucket=False)) == {("a",): 1}
