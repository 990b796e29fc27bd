"""Answers that get lost while others change the same item: done once, or an error that says so."""

from types import SimpleNamespace

import pytest

from persidict.core import (
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    BackendError,
    register_format,
)
from persidict.s3 import BasicS3Dict

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]

ABSENT = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}
UNKNOWN = "the answer got lost"

register_format("upper", lambda text: text.upper().encode(), lambda data: data.decode().lower())


def increment(n):
    return 1 if n is ITEM_NOT_AVAILABLE else n + 1


@pytest.fixture
def lose(moto, monkeypatch):
    """Lets one request of a kind lose its answer, and others act before it is known."""
    answer = moto._answer

    def lose(method, meanwhile=lambda: None, *, arrives=True):
        def lost(environ, start_response, *, drop):
            if environ["REQUEST_METHOD"] != method:
                return answer(environ, start_response, drop=drop)
            monkeypatch.setattr(moto, "_answer", answer)
            if arrives:
                body = answer(environ, start_response, drop=False)
            else:
                start_response("500 Internal Server Error", [])
                body = []
            meanwhile()
            environ["werkzeug.socket"].shutdown(2)
            return body

        monkeypatch.setattr(moto, "_answer", lost)

    yield lose
    moto._answer = answer


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


@pytest.fixture
def others(moto_place):
    """Two machines beside the one that a test is about."""
    return [BasicS3Dict(**moto_place, max_workers=n) for n in (33, 34)]


def texts(place, **more):
    return BasicS3Dict(**place, serialization_format="txt", base_class_for_values=str, **more)


@pytest.mark.parametrize("arrives", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        lambda other: other.__setitem__("n", 100),
        lambda other: other.pop("n"),
        lambda other: (other.pop("n"), other.setdefault("n", 100)),
        lambda other: (other.pop("n"), other.__setitem__("n", 100)),
    ],
    ids=["written plainly", "popped", "popped and inserted", "popped and written"],
)
def test_an_increment_of_which_nothing_is_left(basic, others, lose, change, arrives):
    basic["n"] = 0
    lose("PUT", lambda: change(others[0]), arrives=arrives)
    with pytest.raises(BackendError, match=UNKNOWN) as caught:
        basic.transform_item("n", transformer=increment)
    assert (caught.value.operation, caught.value.key) == ("write", ("n",))


@pytest.mark.parametrize("arrives", [False, True])
def test_an_increment_that_others_built_upon_or_forestalled(basic, others, lose, arrives):
    basic["n"] = 0
    lose(
        "PUT",
        lambda: [other.transform_item("n", transformer=increment) for other in others],
        arrives=arrives,
    )
    assert basic.transform_item("n", transformer=increment).new_value == (1 if arrives else 3)
    assert basic["n"] == 3


@pytest.mark.parametrize("arrives", [False, True])
@pytest.mark.parametrize("replaced", [False, True])
def test_an_insertion_that_somebody_popped(basic, others, lose, arrives, replaced):
    taken = []

    def take():
        taken.append(others[0].pop("job", None))
        if replaced:
            others[1].setdefault("job", "another")

    lose("PUT", take, arrives=arrives)
    with pytest.raises(BackendError, match=UNKNOWN):
        basic.setdefault_if("job", default_value="mine", **ABSENT)
    assert taken == (["mine"] if arrives else [None])
    assert basic.get("job") == ("another" if replaced else None)


def test_an_insertion_that_arrived(basic, lose, moto):
    lose("PUT")
    with moto.counting() as seen:
        assert basic.setdefault_if("job", default_value="mine", **ABSENT).value_was_mutated
    assert (seen["PUT"], seen["HEAD"]) == (1, 1)
    assert basic["job"] == "mine"


def test_an_insertion_over_an_item_that_was_there_before(basic, lose):
    basic["job"] = "old"
    lose("PUT")
    assert not basic.setdefault_if("job", default_value="mine", **ABSENT).value_was_mutated
    assert basic["job"] == "old"


@pytest.mark.parametrize("arrives", [False, True])
def test_insertions_where_nothing_is_ever_deleted(moto_place, lose, arrives):
    d = BasicS3Dict(**moto_place, append_only=True)
    d["warm"] = 1
    lose("PUT", arrives=arrives)
    d["a"] = 2
    assert d["a"] == 2


@pytest.mark.parametrize("kind", ["txt", "upper"])
@pytest.mark.parametrize("arrives", [False, True])
def test_texts_that_were_there_before(moto_place, lose, kind, arrives):
    """The bytes of a write may be those of an older version; they prove nothing."""
    more = {"base_class_for_values": str} if kind == "txt" else {}
    place = {**moto_place, "serialization_format": kind, **more}
    me, b, c = (BasicS3Dict(**place, max_workers=n) for n in (32, 33, 34))
    b["k"] = "off"
    b.transform_item("k", transformer=lambda _: "on")
    seen = me.get_with_etag("k").actual_etag
    lose("PUT", lambda: c.transform_item("k", transformer=lambda _: "broken"), arrives=arrives)
    outcome = me.set_item_if("k", value="off", condition=ETAG_IS_THE_SAME, expected_etag=seen)
    assert outcome.condition_was_satisfied is arrives
    assert me["k"] == "broken"


def test_a_text_that_somebody_else_wrote_too(moto_place, lose):
    me, other = texts(moto_place), texts(moto_place, max_workers=33)
    me["k"] = "off"
    etag = me.etag("k")
    lose("PUT", lambda: other.__setitem__("k", "on"), arrives=False)
    with pytest.raises(BackendError, match=UNKNOWN):
        me.set_item_if("k", value="on", condition=ETAG_IS_THE_SAME, expected_etag=etag)


# Deletions


@pytest.mark.parametrize("arrives", [False, True])
def test_a_lock_is_released_once(basic, others, lose, arrives):
    basic["lock"] = "mine"
    won = []

    def acquire():
        for me, other in enumerate(others):
            if other.setdefault_if("lock", default_value=me, **ABSENT).value_was_mutated:
                won.append(me)

    lose("DELETE", acquire, arrives=arrives)
    assert basic.discard("lock")
    for me, other in enumerate(others):
        if other.setdefault_if("lock", default_value=me, **ABSENT).value_was_mutated:
            won.append(me)
    assert won == [0], "the next owner keeps it until it releases it"


@pytest.mark.parametrize("arrives", [False, True])
def test_a_lock_is_released_once_by_a_server_that_knows_the_star(moto_place, moto, lose, arrives):
    application = moto._application

    def with_star(environ, start_response):
        if environ["REQUEST_METHOD"] == "DELETE" and environ.get("HTTP_IF_MATCH") == "*":
            environ = {k: v for k, v in environ.items() if k != "HTTP_IF_MATCH"}
            head = {**environ, "REQUEST_METHOD": "HEAD"}
            started = []
            b"".join(application(head, lambda *args: started.append(args)))
            if started[0][0].startswith("404"):
                start_response("412 Precondition Failed", [])
                return [b""]
        return application(environ, start_response)

    from persidict.s3.capabilities import forget_endpoint

    forget_endpoint(moto.url)
    moto._application = with_star
    try:
        d, other = (BasicS3Dict(**moto_place, max_workers=n) for n in (32, 33))
        d.setdefault("warm", 1)
        d["lock"] = "mine"
        lose("DELETE", lambda: other.setdefault("lock", "theirs"), arrives=arrives)
        # Both locks are younger than the clock's step: which one it is can't be told.
        with pytest.raises(BackendError, match=f"{UNKNOWN}.*written since"):
            d.discard("lock")
        assert d["lock"] == ("theirs" if arrives else "mine")
        lose("DELETE")
        assert d.discard("lock")
    finally:
        moto._application = application
        forget_endpoint(moto.url)


@pytest.mark.parametrize("arrives", [False, True])
def test_a_version_that_two_want_to_pop(basic, others, lose, arrives):
    basic["job"] = "x"
    taken = []
    lose("DELETE", lambda: taken.append(others[0].pop("job", None)), arrives=arrives)
    with pytest.raises(BackendError, match=UNKNOWN):
        basic.pop("job")
    assert taken == ([None] if arrives else ["x"])


def test_a_version_that_somebody_replaced(basic, others, lose):
    basic["job"] = 1
    lose("DELETE", lambda: others[0].transform_item("job", transformer=increment), arrives=False)
    assert basic.pop("job") == 2


@pytest.mark.parametrize("arrives", [False, True])
def test_batches_delete_nothing_that_came_later(basic, others, lose, arrives):
    basic.update(a=1, b=2)
    lose("POST", lambda: others[0].setdefault("a", "theirs"), arrives=arrives)
    with pytest.raises(BackendError, match=f"{UNKNOWN}.*written since"):
        basic.discard_many(["a", "b"])
    assert basic["a"] == ("theirs" if arrives else 1)


def test_batches_of_old_items_are_finished(basic, moto, lose):
    """A look tells that what is there is older than the batch."""
    names = [f"{basic.root_prefix}{n}.pkl" for n in range(3)]
    moto.fill("tests", names)
    application = moto._application

    def aged(environ, start_response):
        def start(status, headers):
            old = [pair for pair in headers if pair[0].lower() != "last-modified"]
            return start_response(
                status, [*old, ("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")]
            )

        return application(
            environ, start if environ["REQUEST_METHOD"] == "HEAD" else start_response
        )

    moto._application = aged
    try:
        lose("POST", arrives=False)
        basic.clear()
        assert not basic
    finally:
        moto._application = application


def test_a_server_without_conditions_deletes_once(moto_place, moto, lose):
    from persidict.s3.capabilities import forget_endpoint

    application = moto._application

    def lax(environ, start_response):
        environ.pop("HTTP_IF_MATCH", None)
        return application(environ, start_response)

    forget_endpoint(moto.url)
    moto._application = lax
    try:
        d, other = (BasicS3Dict(**moto_place, max_workers=n) for n in (32, 33))
        d["lock"] = "mine"
        d.discard("no")
        lose("DELETE", lambda: other.__setitem__("lock", "theirs"))
        assert d.discard("lock")
        assert d["lock"] == "theirs"
        lose("DELETE", arrives=False)
        assert d.discard("lock")
        assert "lock" not in d
    finally:
        moto._application = application
        forget_endpoint(moto.url)


def test_ids_come_from_the_system_whatever_was_seeded(basic):
    import random

    client = basic._connection.client()
    found = []
    for key in "abc":
        random.seed(1)
        basic.setdefault(key, 1)
        head = client.head_object(Bucket="tests", Key=f"{basic.root_prefix}{key}.pkl")
        found.append((head["ETag"], str(head["Metadata"])))
    assert all(len(set(column)) == 3 for column in zip(*found, strict=True))
