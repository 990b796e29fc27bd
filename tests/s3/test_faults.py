"""Lost answers, refusals and servers that can't be reached."""

import logging
import os
import socket
import sysconfig
import threading
import uuid

import pytest

from persidict.core import (
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    VALUE_NOT_RETRIEVED,
    BackendError,
)
from persidict.s3 import BasicS3Dict, S3Dict
from persidict.s3.capabilities import forget_endpoint

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]


def drop_answers(moto, method):
    moto.faults = lambda environ: "drop" if environ["REQUEST_METHOD"] == method else None


ABSENT = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}


def test_lost_answer_to_an_insert(basic, moto, caplog):
    caplog.set_level(logging.DEBUG, "persidict.s3")
    drop_answers(moto, "PUT")
    assert basic.setdefault_if("a", default_value=1, **ABSENT).value_was_mutated
    assert "an answer got lost, it was carried out" in caplog.text
    moto.faults = None
    assert not basic.setdefault_if("a", default_value=2, **ABSENT).value_was_mutated


def test_lost_answer_to_a_conditional_write(basic, moto):
    basic["n"] = 1
    etag = basic.etag("n")
    drop_answers(moto, "PUT")
    outcome = basic.set_item_if("n", value=2, condition=ETAG_IS_THE_SAME, expected_etag=etag)
    assert outcome.value_was_mutated
    moto.faults = None
    assert outcome.resulting_etag == basic.etag("n")
    assert basic["n"] == 2


def test_lost_answer_to_a_deletion(basic, moto):
    basic["a"] = basic["b"] = 1
    drop_answers(moto, "DELETE")
    assert basic.discard("a")
    # Whether it was this call that deleted the version decides who has the value: an error.
    with pytest.raises(BackendError, match=r"can.t delete .*b\.pkl.*the answer got lost"):
        basic.pop("b")
    assert not basic


def test_lost_answer_to_a_write_that_others_have_built_upon(moto, basic, transport):
    """By the time the request is sent again, somebody else has incremented once more."""
    other = BasicS3Dict(**basic.get_params())
    basic["n"] = 1
    basic.transform_item("n", transformer=lambda n: n + 1)
    once = iter([True])
    built_upon = threading.Event()

    def fault(environ):
        is_item = environ["PATH_INFO"].endswith("n.pkl") and environ["REQUEST_METHOD"] == "PUT"
        return "drop" if is_item and next(once, False) else None

    answered = moto._answer

    def meanwhile(environ, start_response, *, drop):
        body = answered(environ, start_response, drop=drop)
        if drop:
            thread = threading.Thread(
                target=other.transform_item, args=("n",), kwargs={"transformer": lambda n: n + 1}
            )
            thread.start()
            thread.join()
            built_upon.set()
        return body

    def gate(environ):
        # boto3 repeats what obstore has sent, and only boto3 counts attempts.
        attempt = environ.get("HTTP_AMZ_SDK_REQUEST", "")
        if "attempt=2" in attempt or (attempt and transport == "obstore"):
            assert built_upon.wait(60)

    moto.faults, moto.gate = fault, gate
    moto._answer = meanwhile
    try:
        result = basic.transform_item("n", transformer=lambda n: n + 1)
    finally:
        moto._answer, moto.gate = answered, None
    assert result.new_value == 3
    assert basic["n"] == 4


def test_a_lost_answer_hides_no_real_conflict(basic, moto):
    basic["n"] = 1
    drop_answers(moto, "PUT")
    outcome = basic.set_item_if(
        "n", value=2, condition=ETAG_IS_THE_SAME, expected_etag='"0123456789abcdef"'
    )
    assert not outcome.condition_was_satisfied
    assert outcome.new_value == 1


@pytest.mark.parametrize(
    "fault", [("409 Conflict", "ConditionalRequestConflict"), ("503 Slow Down", "SlowDown")]
)
def test_the_same_request_again(basic, moto, fault, caplog):
    caplog.set_level(logging.DEBUG, "persidict.s3")
    left = iter(range(3 if fault[0].startswith("409") else 1))
    moto.faults = lambda environ: (
        fault if environ["REQUEST_METHOD"] == "PUT" and next(left, None) is not None else None
    )
    assert basic.setdefault_if("a", default_value=1, **ABSENT).value_was_mutated
    assert basic["a"] == 1
    told = [r.getMessage() for r in caplog.records if "met a conflict" in r.getMessage()]
    assert len(told) == (3 if fault[0].startswith("409") else 0)
    assert all(one.startswith("PUT ") and "a.pkl" in one for one in told)


def test_credentials_in_the_address_are_refused(moto_place, moto):
    address = moto.url.replace("://", "://user:hunter2@")
    for cls in (BasicS3Dict, S3Dict):
        with pytest.raises(ValueError, match="credentials don't belong") as caught:
            cls(**{**moto_place, "endpoint_url": address})
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "given", "advice"),
    [
        ("endpoint_url", "127.0.0.1:9000", "must begin with http"),
        ("endpoint_url", "localhost", "must begin with http"),
        ("bucket_name", "s3://results/runs", "root_prefix"),
        ("bucket_name", "results/runs", "root_prefix"),
    ],
)
def test_addresses_that_are_none(moto_place, name, given, advice):
    for cls in (BasicS3Dict, S3Dict):
        with pytest.raises(ValueError, match=f"{name}.*{advice}"):
            cls(**{**moto_place, name: given})


def test_unreachable(moto_place):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(BackendError, match="check endpoint_url") as caught:
            BasicS3Dict(**{**moto_place, "endpoint_url": url})
    assert url in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.s3_real
def test_wrong_credentials(seaweed):
    import boto3

    client = boto3.session.Session("wrong", "wrong").client(
        "s3", endpoint_url=seaweed.url, region_name="us-east-1"
    )
    with pytest.raises(BackendError, match="check the credentials"):
        BasicS3Dict(client=client, bucket_name="tests")


def test_no_credentials(moto_place, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(BackendError, match="provide credentials"):
        BasicS3Dict(**moto_place)


def test_foreign_bucket(moto, moto_place):
    moto.faults = lambda environ: ("403 Forbidden", "AccessDenied")
    with pytest.raises(BackendError, match="somebody else's"):
        BasicS3Dict(**{**moto_place, "bucket_name": "foreign"})


def test_bucket_that_went_away(moto_place):
    bucket = f"short-lived-{uuid.uuid4().hex}"
    place = {**moto_place, "bucket_name": bucket}
    d = BasicS3Dict(**place)
    fixed = BasicS3Dict(**place, create_bucket=False)
    for act in (lambda: d.__setitem__("a", 1), lambda: list(d), lambda: d.setdefault("a", 1)):
        d.clear()
        d._connection.client().delete_bucket(Bucket=bucket)
        with pytest.raises(BackendError, match="there is no such bucket") as caught:
            fixed["a"] = 1
        assert (caught.value.operation, caught.value.key) == ("write", ("a",))
        act()
    assert d["a"] == 1


@pytest.fixture
def lax_place(moto, moto_place):
    """A server that ignores every condition on PUT and DELETE, as some do."""
    application = moto._application

    def lax(environ, start_response):
        if environ["REQUEST_METHOD"] in ("PUT", "DELETE"):
            environ.pop("HTTP_IF_MATCH", None)
            environ.pop("HTTP_IF_NONE_MATCH", None)
        return application(environ, start_response)

    moto._application = lax
    forget_endpoint(moto.url)
    yield moto_place
    moto._application = application
    forget_endpoint(moto.url)


def test_conditions_that_a_server_ignores(lax_place, caplog):
    d = BasicS3Dict(**lax_place)
    assert d.setdefault("a", 1) == 1
    assert d.setdefault("a", 2) == 1
    old = d.etag("a")
    d["a"] = 3
    assert not d.discard_if("a", condition=ETAG_IS_THE_SAME, expected_etag=old)[0]
    assert not d.set_item_if("a", value=4, condition=ETAG_IS_THE_SAME, expected_etag=old)[0]
    d.transform_item("a", transformer=lambda n: n + 1)
    assert d.pop("a") == 4
    assert not d.discard("a")
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len([r for r in warnings if r.name == "persidict.s3"]) == 1
    assert "NOT atomic" in caplog.text


def test_strict_conditions(lax_place):
    d = BasicS3Dict(**lax_place, strict_conditions=True)
    d["a"] = 1
    for change in (
        lambda: d.setdefault("a", 2),
        lambda: d.transform_item("a", transformer=lambda n: n + 1),
        lambda: d.discard_if("a", condition=ETAG_IS_THE_SAME, expected_etag=d.etag("a")),
    ):
        with pytest.raises(BackendError, match="strict_conditions"):
            change()
    assert d["a"] == 1


def test_nothing_of_the_probe_stays(lax_place):
    d = BasicS3Dict(**lax_place)

    def scratch_objects():
        client = d._connection.client()
        return client.list_objects_v2(Bucket="tests", Prefix=".persidict")["KeyCount"]

    before = scratch_objects()
    d.setdefault("a", 1)
    assert scratch_objects() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_after_a_fork(basic):
    basic["a"] = 1
    parent = basic._connection.client()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            basic.transform_item("a", transformer=lambda n: n + 1)
            os.write(writer, b"other" if basic._connection.client() is not parent else b"same")
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reader, 10) == b"other"
    os.close(reader)
    os.close(writer)
    assert basic["a"] == 2
    assert basic._connection.client() is parent


def test_a_given_client_stays_the_callers(moto_place):
    import boto3

    client = boto3.session.Session().client(
        "s3", endpoint_url=moto_place["endpoint_url"], region_name="us-east-1"
    )
    d = BasicS3Dict(client=client, bucket_name="tests", root_prefix=moto_place["root_prefix"])
    d["a"] = 1
    assert d._connection.client() is client
    assert d.get_params()["client"] is client
    del d
    assert client.list_buckets()["Buckets"]


def test_one_client_for_all_threads(moto_place):
    d = BasicS3Dict(**{**moto_place, "max_workers": 5})
    d._connection.ready = None
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(d._connection.client())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_caches_of_different_places_are_strangers(moto_place, tmp_path):
    places = [
        moto_place,
        {**moto_place, "bucket_name": "tests2"},
        {**moto_place, "root_prefix": moto_place["root_prefix"] + "deeper/"},
        {**moto_place, "serialization_format": "json"},
    ]
    dicts = [S3Dict(base_dir=tmp_path, **place) for place in places]
    for i, d in enumerate(dicts):
        d["a"] = i
    assert [d["a"] for d in dicts] == [0, 1, 2, 3]
    for i, d in enumerate(dicts):
        assert S3Dict(**d.get_params())["a"] == i


def test_both_dicts_see_each_others_items(moto_place, tmp_path):
    basic, cached = BasicS3Dict(**moto_place), S3Dict(base_dir=tmp_path, **moto_place)
    basic["a"] = 1
    assert cached["a"] == 1
    cached["a"] = 2
    assert basic["a"] == 2
    basic["a"] = 3
    assert cached["a"] == 3
    assert cached._load(cached._complete("a"), basic.etag("a"))[0] is VALUE_NOT_RETRIEVED


@pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    reason="without GIL, moto without its lock fails in more ways",
)
def test_a_racy_server_is_found_out(moto_place, tmp_path):
    """Negative control: without the lock around moto, inserts have several winners at times."""
    from tests.support import servers

    racy = servers.Moto(atomic=False)
    inside = threading.Barrier(2)
    try:
        d = BasicS3Dict(**{**moto_place, "endpoint_url": racy.url})
        d.setdefault("warm", 1)
        application = racy._application

        def racing(environ, start_response):
            # What happens between a check and a write without a lock, made to happen always.
            if environ.pop("HTTP_IF_NONE_MATCH", None):
                inside.wait(30)
            return application(environ, start_response)

        racy._application = racing
        won = []

        def insert(me):
            if d.setdefault_if("a", default_value=me, **ABSENT).value_was_mutated:
                won.append(me)

        threads = [threading.Thread(target=insert, args=(me,)) for me in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 2
    finally:
        racy.stop()
