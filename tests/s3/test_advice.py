"""Errors name the server and say what helps, and nothing that does not; no secret is shown."""

import pytest
from botocore.config import Config

from persidict.core import BackendError
from persidict.s3 import BasicS3Dict, S3Dict

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]

BAD, FORBIDDEN = "400 Bad Request", "403 Forbidden"
# Code, status, and a word of the advice; None: there is none.
REFUSALS = [
    ("EntityTooLarge", BAD, "larger than the server accepts"),
    ("InvalidStorageClass", BAD, "storage class"),
    ("KMS.DisabledException", BAD, "key that encrypts"),
    ("KMS.NotFoundException", BAD, "key that encrypts"),
    ("BadDigest", BAD, "damaged on its way"),
    ("InvalidRequest", BAD, None),
    ("InvalidArgument", BAD, None),
    ("NobodyKnowsThis", BAD, None),
    ("NobodyKnowsThis", FORBIDDEN, None),
    ("QuotaExceeded", FORBIDDEN, "quota"),
    ("InvalidObjectState", FORBIDDEN, "Glacier"),
    ("AllAccessDisabled", FORBIDDEN, "disabled all access"),
    ("XMinioStorageFull", "507 Insufficient Storage", "disks of the server are full"),
    ("AccessDenied", FORBIDDEN, "what they permit"),
    ("ExpiredToken", BAD, "renew"),
    ("AuthorizationHeaderMalformed", BAD, "another region"),
]
IDENTITY = ("AccessDenied", "ExpiredToken", "AuthorizationHeaderMalformed")


@pytest.mark.parametrize(
    ("code", "status", "advice"),
    REFUSALS,
    ids=[f"{code}-{status[:3]}" for code, status, _ in REFUSALS],
)
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_what_a_code_means(basic, moto, code, status, advice, method):
    moto.faults = lambda environ: (
        (status, code)
        if environ["REQUEST_METHOD"] == method and "k.pkl" in environ["PATH_INFO"]
        else None
    )
    with pytest.raises(BackendError, match=code) as caught:
        basic["k"] if method == "GET" else basic.__setitem__("k", 1)  # it raises
    text = str(caught.value)
    assert moto.url in text
    if advice is None:
        assert "What to do" not in text
    else:
        assert advice in text.partition("What to do: ")[2]
    if code not in IDENTITY:
        assert "credentials" not in text
        assert "region" not in text


def test_an_endpoint_of_the_environment_is_named(moto, moto_place, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.url)
    d = BasicS3Dict(bucket_name="tests", root_prefix=moto_place["root_prefix"])
    moto.faults = lambda _: (FORBIDDEN, "AccessDenied")
    for act in (lambda: d["a"], lambda: list(d), lambda: BasicS3Dict("tests")):
        with pytest.raises(BackendError) as caught:
            act()
        assert moto.url in str(caught.value)
        assert "default endpoint" not in str(caught.value)


SECRETS = [
    {"client": "AKIA:hunter2"},
    {"bucket_name": "https://user:hunter2@example.org/bucket"},
    {"bucket_name": "user:hunter2@bucket"},
    {"bucket_name": "s3://AKIA:hunter2/bucket"},
    {"bucket_name": b"hunter2"},
    {"endpoint_url": "user:hunter2@example.org"},
    {"endpoint_url": "user:hunter2@example.org:9000/x"},
    {"endpoint_url": "https://user:hunter2@example.org"},
    {"endpoint_url": "https://example.org/?X-Amz-Signature=hunter2"},
    {"endpoint_url": b"https://user:hunter2@example.org"},
    {"region": ["hunter2"]},
    {"config": "hunter2"},
    {"config": {"aws_secret_access_key": "hunter2"}},
    {"root_prefix": ["hunter2"]},
    {"max_workers": "hunter2"},
]


@pytest.mark.parametrize("params", SECRETS, ids=range(len(SECRETS)))
@pytest.mark.parametrize("cls", [BasicS3Dict, S3Dict])
def test_no_secret_is_shown(cls, params, moto_place, tmp_path):
    more = {"base_dir": tmp_path} if cls is S3Dict else {}
    with pytest.raises((TypeError, ValueError)) as caught:
        cls(**{**moto_place, **more, **params})
    assert next(iter(params)) in str(caught.value)
    assert "hunter2" not in str(caught.value)


# Few permissions


@pytest.fixture
def permit(moto):
    """Lets the server permit only requests below a prefix, and of certain methods."""

    def permit(prefix, *, methods=("GET", "PUT", "DELETE", "HEAD", "POST"), listing=True):
        def fault(environ):
            path = environ["PATH_INFO"].removeprefix("/tests").lstrip("/")
            query = environ["QUERY_STRING"]
            is_below = path.startswith(prefix) and environ["REQUEST_METHOD"] in methods
            is_listing = not path and listing and f"prefix={prefix.replace('/', '%2F')}" in query
            return None if is_below or is_listing else (FORBIDDEN, "AccessDenied")

        moto.faults = fault

    return permit


@pytest.mark.parametrize("create_bucket", [False, True])
@pytest.mark.parametrize("cls", [BasicS3Dict, S3Dict])
def test_permissions_for_one_prefix(cls, moto_place, tmp_path, basic, permit, create_bucket):
    basic["a"] = 1
    more = {"base_dir": tmp_path} if cls is S3Dict else {}
    permit(moto_place["root_prefix"])
    d = cls(**moto_place, **more, create_bucket=create_bucket)
    d["b"] = 2
    assert d.setdefault("b", 3) == 2
    d.transform_item("b", transformer=lambda n: n + 1)
    assert dict(d.items()) == {("a",): 1, ("b",): 3}
    del d["b"]
    assert list(d.subdicts()) == ["a"]


def test_the_probe_stays_below_the_prefix(moto_place, basic, permit, moto):
    from persidict.s3.capabilities import forget_endpoint

    permit(moto_place["root_prefix"])
    forget_endpoint(moto.url)
    d = BasicS3Dict(**moto_place, create_bucket=False)
    refused = moto.seen["PUT 403"]
    assert d.setdefault("a", 1) == 1
    assert moto.seen["PUT 403"] == refused, "nothing is asked for beyond the prefix"


def test_permission_to_add_only(moto_place, basic, permit):
    permit(moto_place["root_prefix"], methods=("PUT",), listing=False)
    d = BasicS3Dict(**moto_place, create_bucket=False)
    d["a"] = 1
    with pytest.raises(BackendError, match="permit"):
        d["a"]
    with pytest.raises(BackendError, match="create_bucket=False"):
        BasicS3Dict(**moto_place)


def test_a_public_bucket(moto_place, basic, moto, monkeypatch, tmp_path):
    basic["a"] = 1
    name = f"{basic.root_prefix}a.pkl"
    client = basic._connection.client()
    client.put_object_acl(Bucket="tests", Key=name, ACL="public-read")
    client.put_bucket_acl(Bucket="tests", ACL="public-read")

    def fault(environ):
        is_signed = "HTTP_AUTHORIZATION" in environ or "X-Amz-Signature" in environ["QUERY_STRING"]
        is_open = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        return None if is_open and not is_signed else (FORBIDDEN, "AccessDenied")

    moto.faults = fault
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    from persidict import open_store

    url = f"s3://tests/{moto_place['root_prefix']}?endpoint_url={moto.url}&anonymous=true"
    for d in (
        BasicS3Dict(**moto_place, anonymous=True),
        S3Dict(**moto_place, anonymous=True, base_dir=tmp_path),
        BasicS3Dict(**moto_place, anonymous=True, config=Config(read_timeout=9)),
        open_store(url),
    ):
        assert d["a"] == 1
        assert list(d) == [("a",)]
        assert type(d)(**d.get_params()).anonymous
        with pytest.raises(BackendError, match="permit"):
            d["b"] = 1
    with pytest.raises(BackendError, match="no such bucket"):
        BasicS3Dict(**{**moto_place, "bucket_name": "nowhere"}, anonymous=True)
