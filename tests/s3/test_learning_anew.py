"""What was learned of the world outside is believed only as long as it holds."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from persidict.core import ETAG_IS_THE_SAME, BackendError, describe, open_store
from persidict.core._opening.travel import arriving
from persidict.s3 import BasicS3Dict, S3Dict
from persidict.s3.capabilities import forget_endpoint, known_of

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]

UNKNOWN = ("501 Not Implemented", "NotImplemented")
EXPIRED = ("400 Bad Request", "ExpiredToken")


@pytest.fixture
def credentials(tmp_path, monkeypatch):
    """Writes a key into the file of credentials; the environment has none."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    def write(key):
        text = f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n"
        path.write_text(text + "aws_session_token = token\n")

    return write


@pytest.fixture
def expire(moto):
    """Lets the server refuse a key."""

    def expire(key, refusal=EXPIRED):
        def fault(environ):
            return refusal if key in environ.get("HTTP_AUTHORIZATION", "") else None

        moto.faults = fault

    return expire


@pytest.fixture(params=[BasicS3Dict, S3Dict])
def make(request, moto_place, tmp_path):
    more = {"base_dir": tmp_path / "cache"} if request.param is S3Dict else {}
    return lambda **params: request.param(**{**moto_place, **more, **params})


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_renewed_credentials_are_used(make, credentials, expire, code):
    credentials("OLD")
    d = make()
    d["a"] = 1
    sub = d.get_subdict("x")
    expire("OLD", (EXPIRED[0] if code == "ExpiredToken" else "403 Forbidden", code))
    credentials("NEW")
    assert d["a"] == 1
    sub["b"] = 2
    assert make()["a"] == open_store(describe(d))["a"] == 1
    assert "a" in d
    d.transform_item("a", transformer=lambda n: n + 1)
    assert sorted(d) == [("a",), ("x", "b")]


@pytest.mark.slow
def test_every_operation_uses_renewed_credentials(make, credentials, expire):
    credentials("OLD0")
    d = make()
    d["a"] = 1
    operations = [
        lambda: d["a"],
        lambda: "a" in d,
        lambda: d.__setitem__("b", 1),
        lambda: d.setdefault("c", 1),
        lambda: d.discard("b"),
        lambda: list(d),
        lambda: dict(d.items()),
        lambda: d.update(x=1, y=2),
        lambda: d.discard_many(["x", "y"]),
        d.subdicts,
        lambda: bool(d),
    ]
    for number, operation in enumerate(operations):
        expire(f"OLD{number}")
        credentials(f"OLD{number + 1}")
        operation()


def test_threads_that_meet_expired_credentials_at_once(moto, moto_place, credentials, expire):
    credentials("OLD")
    d = BasicS3Dict(**moto_place)
    d.update({str(n): n for n in range(8)})
    old_client = d._connection.client()
    expire("OLD")
    credentials("NEW")
    together = threading.Barrier(8)

    def gate(environ):
        if "OLD" in environ["HTTP_AUTHORIZATION"]:
            together.wait(60)

    moto.gate = gate
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: d[str(n)], range(8))) == list(range(8))
    assert d._connection.client() is not old_client
    assert d._connection.generation == 2


def test_credentials_expire_while_threads_change_one_item(make, moto, credentials, expire):
    credentials("OLD")
    d = make()
    d["n"] = 0
    begin = threading.Barrier(8)

    def increment(me):
        begin.wait(60)
        if not me:
            credentials("NEW")
            expire("OLD")
        for _ in range(5):
            d.transform_item("n", transformer=lambda n: n + 1, n_retries=None)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(8)))
    assert d["n"] == 40


def test_credentials_that_are_given_after_the_first_try(make, credentials):
    with pytest.raises(BackendError, match=r"provide credentials.*anonymous=True"):
        make()
    with arriving():
        d = make()
    with pytest.raises(BackendError, match="provide credentials"):
        d["a"] = 1
    credentials("NEW")
    d["a"] = 1
    assert make()["a"] == 1


def test_new_variables_of_the_environment(make, expire, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OLD")
    d = make()
    d["a"] = 1
    expire("OLD")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "NEW")
    assert d["a"] == 1
    # A dict that is constructed under the old ones again gets what it asks for.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OLD")
    with pytest.raises(BackendError, match="renew"):
        make()


def test_credentials_that_nobody_renewed_are_tried_once(make, moto, credentials, expire, transport):
    credentials("OLD")
    d = make()
    d["a"] = 1
    expire("OLD")
    with moto.counting() as seen, pytest.raises(BackendError, match="renew"):
        d["b"] = 1
    assert seen["PUT"] == (2 if transport == "obstore" else 1)  # once by each library
    with moto.counting() as seen, pytest.raises(BackendError, match="renew"):
        "a" in d  # noqa: B015  # it raises
    assert seen["HEAD"] <= 3  # botocore asks twice


def test_a_bucket_that_went_away_and_another_handle(make, moto_place):
    place = {"bucket_name": f"gone-{moto_place['root_prefix'].strip('/')}"}
    d = make(**place)
    sub = d.get_subdict("x")
    for act in (lambda: sub.setdefault("a", 1), lambda: d.update(b=2), d.clear):
        act()
        sub.clear()
        d.clear()
        client = BasicS3Dict(**{**moto_place, **place})._connection.client()
        client.delete_bucket(Bucket=d.bucket_name)
        act()
    d.clear()
    client.delete_bucket(Bucket=d.bucket_name)


# Servers that change


@pytest.fixture
def changing(moto):
    """A server that can be told to ignore, or to refuse, conditions from now on."""
    application = moto._application

    def lax(environ, start_response):
        if environ["REQUEST_METHOD"] in ("PUT", "DELETE"):
            environ.pop("HTTP_IF_MATCH", None)
            environ.pop("HTTP_IF_NONE_MATCH", None)
        return application(environ, start_response)

    class Changing:
        def ignore_conditions(self):
            moto._application = lax

        def refuse_conditions(self):
            def fault(environ):
                conditions = {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"} & environ.keys()
                is_change = environ["REQUEST_METHOD"] in ("PUT", "DELETE")
                return (
                    ("501 Not Implemented", "NotImplemented") if conditions and is_change else None
                )

            moto.faults = fault

        def rename(self):
            def named(environ, start_response):
                def start(status, headers):
                    headers = [pair for pair in headers if pair[0].lower() != "server"]
                    return start_response(status, [*headers, ("Server", "Another/1.0")])

                return lax(environ, start)

            moto._application = named

    yield Changing()
    moto._application = application
    forget_endpoint(moto.url)


def change_it_wrongly(d):
    d["a"] = 1
    old = d.etag("a")
    d["a"] = 2
    return d.set_item_if("a", value=3, condition=ETAG_IS_THE_SAME, expected_etag=old)


def test_a_condition_that_is_suddenly_refused(moto_place, changing, caplog):
    d = BasicS3Dict(**moto_place)
    strict = BasicS3Dict(**moto_place, strict_conditions=True)
    assert strict.setdefault("s", 1) == 1
    changing.refuse_conditions()
    assert not change_it_wrongly(d).condition_was_satisfied
    assert d.pop("a") == 2
    assert "NOT atomic" in caplog.text
    with pytest.raises(BackendError, match="strict_conditions"):
        strict.setdefault("t", 1)


def test_a_bucket_on_another_server(moto_place, changing, caplog):
    """A server in memory that is replaced has lost its buckets: the sign that it is another."""
    place = {**moto_place, "bucket_name": f"new-{moto_place['root_prefix'].strip('/')}"}
    d = BasicS3Dict(**place)
    assert d.setdefault("a", 1) == 1
    d.clear()
    d._connection.client().delete_bucket(Bucket=place["bucket_name"])
    changing.ignore_conditions()
    assert not change_it_wrongly(d).condition_was_satisfied
    assert "NOT atomic" in caplog.text


def test_a_server_of_another_name(moto_place, changing, caplog):
    d = BasicS3Dict(**moto_place)
    assert d.setdefault("a", 1) == 1
    changing.rename()
    BasicS3Dict(**moto_place, config=Config())  # its constructor looks at the bucket
    assert not change_it_wrongly(d).condition_was_satisfied
    assert "NOT atomic" in caplog.text


def test_a_server_that_was_away(basic, moto, monkeypatch, transport):
    if transport == "obstore":
        pytest.skip("the server is made to be away by botocore's events")
    assert basic.setdefault("a", 1) == 1
    assert known_of(moto.url)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))

    def refuse(**_):
        raise EndpointConnectionError(endpoint_url=moto.url)

    events = basic._connection.client().meta.events
    events.register("before-send.s3", refuse, unique_id="refuse")
    try:
        with pytest.raises(BackendError, match="check endpoint_url"):
            basic["b"] = 1
    finally:
        events.unregister("before-send.s3", unique_id="refuse")
    assert not known_of(moto.url), "another server may answer there by now"
    assert basic.setdefault("a", 2) == 1


def test_no_request_for_a_handle_that_is_made_again(make, moto):
    d = make()
    d["a"] = 1
    with moto.counting() as seen, arriving():
        again = type(d)(**d.get_params())
    assert not seen
    assert again["a"] == 1
