"""Servers that leave out what S3 promises: an error that names it, and nothing left behind."""

import pytest

from persidict.core import BackendError
from persidict.s3 import BasicS3Dict, S3Dict
from persidict.s3.capabilities import forget_endpoint

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]


@pytest.fixture
def leave_out(moto):
    """Lets the server's answers to some methods lack a header, or a listing an element."""
    application = moto._application

    def leave_out(header, *methods):
        def odd(environ, start_response):
            is_odd = environ["REQUEST_METHOD"] in methods

            def start(status, headers):
                kept = [pair for pair in headers if pair[0].lower() != header.lower()]
                return start_response(status, kept if is_odd else headers)

            body = b"".join(application(environ, start))
            element = header.replace("-", "").encode()
            if is_odd and b"<ListBucketResult" in body:
                body = body.replace(element, b"X" + element[1:])  # of the same length
            return [body]

        moto._application = odd

    yield leave_out
    moto._application = application
    forget_endpoint(moto.url)


@pytest.fixture(params=[BasicS3Dict, S3Dict])
def d(request, moto_place, tmp_path):
    more = {"base_dir": tmp_path / "cache"} if request.param is S3Dict else {}
    made = request.param(**moto_place, **more)
    BasicS3Dict(**moto_place)["a"] = 1
    made.setdefault("warm", 1)
    return made


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
@pytest.mark.parametrize(
    ("act", "methods", "operation"),
    [
        (lambda d: d["a"], ["GET"], "read"),
        (lambda d: d.get("a"), ["GET"], "read"),
        (lambda d: "a" in d, ["HEAD"], "look up"),
        (lambda d: d.etag("a"), ["HEAD"], "look up"),
        (lambda d: list(d.items()), ["GET"], "list"),
        (lambda d: d.setdefault("a", 2), ["GET"], "read"),
        (lambda d: d.pop("a"), ["GET"], "read"),
        (lambda d: d.discard("a"), ["HEAD"], "delete"),
    ],
    ids=["read", "get", "look", "etag", "items", "setdefault", "pop", "discard"],
)
def test_reading(d, leave_out, header, act, methods, operation):
    leave_out(header, *methods)
    with pytest.raises(BackendError, match=f"has no .*{header.replace('-', '-?')}") as caught:
        act(d)
    assert caught.value.operation == operation
    assert "What to do" in str(caught.value)


@pytest.mark.parametrize(
    "act",
    [
        lambda d: d.__setitem__("b", 2),
        lambda d: d.setdefault("b", 2),
        lambda d: d.update(b=2),
        lambda d: d.transform_item("a", transformer=lambda n: n + 1),
    ],
    ids=["write", "insert", "update", "transform"],
)
def test_writing(d, leave_out, act):
    leave_out("ETag", "PUT")
    with pytest.raises(BackendError, match="has no ETag") as caught:
        act(d)
    assert caught.value.operation == "write"


@pytest.mark.parametrize("methods", [["PUT"], ["HEAD"], ["PUT", "HEAD"]], ids="-".join)
def test_no_scratch_object_stays(moto_place, moto, leave_out, methods):
    d = BasicS3Dict(**moto_place)

    def scratch_objects():
        listing = d._connection.client().list_objects_v2(Bucket="tests", Prefix=".persidict-probe")
        return {entry["Key"] for entry in listing.get("Contents", ())}

    before = scratch_objects()  # those of other tests, which break servers in other ways
    forget_endpoint(moto.url)
    leave_out("ETag", *methods)
    with pytest.raises(BackendError, match="has no ETag"):
        d.setdefault("a", 1)
    assert scratch_objects() <= before
