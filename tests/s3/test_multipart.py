"""Values above the limit of one PUT, with the limits lowered."""

import hashlib
import io
import threading

import pytest

from persidict.core import ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE, BackendError
from persidict.s3 import (
    BasicS3Dict,
    S3Dict,
    boto_objects,
    conditional_requests,
    fast_objects,
    multipart,
)
from persidict.s3.capabilities import forget_endpoint

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]

ABSENT = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}
PART = 5 * 2**20  # the least that moto takes for a part
LARGE = b"\0" * 7 + b"x" * (2 * PART + 1000)


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch):
    for module in (multipart, boto_objects, conditional_requests, fast_objects):
        monkeypatch.setattr(module, "MAX_PUT_BYTES", 2 * PART)
    monkeypatch.setattr(multipart, "_PART_BYTES", PART)


@pytest.fixture
def d(moto_place):
    made = BasicS3Dict(**moto_place, serialization_format="json")
    made.setdefault("warm", 1)
    return made


@pytest.fixture
def text():
    return LARGE.decode()


def uploads(d):
    answer = d._connection.client().list_multipart_uploads(Bucket=d.bucket_name)
    return [one for one in answer.get("Uploads", ()) if one["Key"].startswith(d.root_prefix)]


@pytest.mark.slow
@pytest.mark.parametrize("cls", [BasicS3Dict, S3Dict])
def test_a_large_value_comes_back(cls, moto_place, tmp_path, moto, text):
    more = {"base_dir": tmp_path} if cls is S3Dict else {}
    d = cls(**moto_place, **more, serialization_format="txt", base_class_for_values=str)
    with moto.counting() as seen:
        d["a"] = text
    assert (seen["POST"], seen["PUT"]) == (2, 3)
    assert d["a"] == text
    assert d.etag("a").endswith('-3"')
    d.update(b=text, c="small")
    assert (d["b"], d["c"]) == (text, "small")
    assert not uploads(d if cls is BasicS3Dict else d.main_dict)


def test_parts_are_sent_at_the_same_time(d, moto, text):
    together = threading.Barrier(3, timeout=60)

    def gate(environ):
        if "partNumber" in environ["QUERY_STRING"]:
            together.wait()

    moto.gate = gate
    d["a"] = text
    assert d["a"] == text


@pytest.mark.slow
def test_conditions_are_judged_at_the_completion(d, text):
    assert d.setdefault_if("a", default_value=text, **ABSENT).value_was_mutated
    assert not d.setdefault_if("a", default_value=text + "!", **ABSENT).value_was_mutated
    etag = d.etag("a")
    found = d.set_item_if("a", value=text + "!", condition=ETAG_IS_THE_SAME, expected_etag=etag)
    assert found.value_was_mutated
    assert found.resulting_etag == d.etag("a") != etag
    assert not d.set_item_if("a", value=text, condition=ETAG_IS_THE_SAME, expected_etag=etag)[0]
    assert d["a"] == text + "!"
    assert not uploads(d)


@pytest.fixture
def enforcing(moto):
    """moto ignores ``If-Match`` at a completion; this one does not, as AWS."""
    application = moto._application

    def enforcing(environ, start_response):
        is_completion = environ["REQUEST_METHOD"] == "POST" and "HTTP_IF_MATCH" in environ
        if is_completion:
            length = int(environ["CONTENT_LENGTH"])
            body = environ["wsgi.input"].read(length)
            environ["wsgi.input"] = io.BytesIO(body)
            head = {**environ, "REQUEST_METHOD": "HEAD", "QUERY_STRING": "", "CONTENT_LENGTH": "0"}
            started = []
            b"".join(application(head, lambda *args: started.append(args)))
            if not started[0][0].startswith("200"):
                start_response("412 Precondition Failed", [("Content-Length", "0")])
                return [b""]
        return application(environ, start_response)

    forget_endpoint(moto.url)
    moto._application = enforcing
    yield
    moto._application = application
    forget_endpoint(moto.url)


@pytest.mark.usefixtures("enforcing")
def test_somebody_writes_while_the_parts_are_under_way(d, moto, moto_place, text):
    other = BasicS3Dict(**moto_place, serialization_format="json", max_workers=33)
    d["n"] = ""
    written = []

    def gate(environ):
        is_item = environ["PATH_INFO"].endswith("n.json")
        if is_item and "partNumber=2" in environ["QUERY_STRING"] and not written:
            written.append(1)
            other["n"] = "theirs"

    moto.gate = gate
    d.transform_item("n", transformer=lambda old: old + text)
    assert d["n"] == "theirs" + text
    assert not uploads(d)


def test_a_server_that_ignores_conditions_at_the_completion(d, moto_place, text, caplog, moto):
    forget_endpoint(moto.url)
    d["a"] = "old"
    etag = d.etag("a")
    d["a"] = "new"
    assert not d.set_item_if("a", value=text, condition=ETAG_IS_THE_SAME, expected_etag=etag)[0]
    assert d["a"] == "new"
    assert "in parts) does not enforce PUT If-Match" in caplog.text
    strict = BasicS3Dict(**moto_place, serialization_format="json", strict_conditions=True)
    with pytest.raises(BackendError, match="strict_conditions"):
        strict.transform_item("a", transformer=lambda _: text)
    assert strict.setdefault("b", text) == text


@pytest.mark.parametrize("act", ["write", "insert", "replace"])
def test_a_lost_answer_to_the_completion(d, moto, text, act):
    d["a" if act == "replace" else "b"] = "old"
    once = iter([True])

    def fault(environ):
        is_completion = (
            "uploadId" in environ["QUERY_STRING"] and environ["REQUEST_METHOD"] == "POST"
        )
        return "drop" if is_completion and next(once, False) else None

    moto.faults = fault
    if act == "write":
        d["a"] = text
    elif act == "insert":
        assert d.setdefault_if("a", default_value=text, **ABSENT).value_was_mutated
    else:
        seen = {"condition": ETAG_IS_THE_SAME, "expected_etag": d.etag("a")}
        assert d.set_item_if("a", value=text, **seen).value_was_mutated
    assert d["a"] == text
    assert not uploads(d)


def test_an_upload_that_fails_leaves_nothing(d, moto, text):
    d["a"] = "old"
    moto.faults = lambda environ: (
        ("403 Forbidden", "AccessDenied") if "partNumber=3" in environ["QUERY_STRING"] else None
    )
    with pytest.raises(BackendError, match="AccessDenied"):
        d["a"] = text
    assert d["a"] == "old"
    assert not uploads(d)


def test_an_upload_that_is_interrupted_leaves_nothing(d, monkeypatch, text):
    def interrupted(*_args, **_condition):
        raise KeyboardInterrupt

    monkeypatch.setattr(multipart.Upload, "complete", interrupted)
    with pytest.raises(KeyboardInterrupt):
        d["a"] = text
    assert "a" not in d
    assert not uploads(d)


def test_etags_of_bodies_in_parts():
    digests = [hashlib.md5(LARGE[at : at + PART]).digest() for at in range(0, len(LARGE), PART)]
    whole = hashlib.md5(b"".join(digests)).hexdigest()
    assert multipart.etag_of(LARGE) == f'"{whole}-{len(digests)}"'
