"""Trouble between client and server, once or for good: the right answer, or a clear error."""

import threading
from types import SimpleNamespace

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from persidict.core import ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE, BackendError
from persidict.s3 import BasicS3Dict, S3Dict
from persidict.s3.capabilities import known_of
from persidict.s3.errors import S3_ERRORS, Uncertain

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]

ABSENT = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}
ATTEMPTS = 4
CONFIGS = {}


def replace(d):
    return d.set_item_if(
        "old", value="new", condition=ETAG_IS_THE_SAME, expected_etag=d.test_etag
    ).new_value


# Name: what is done, to which key, the operation that errors name, the result, what is there after.
OPERATIONS = {
    "read": (lambda d: d["old"], "old", "read", "value", "value"),
    "look": (lambda d: "old" in d, "old", "look up", True, "value"),
    "list": (lambda d: [k[0] for k in d], None, "list", ["old"], "value"),
    "write": (lambda d: d.__setitem__("new", "new"), "new", "write", None, "new"),
    "insert": (
        lambda d: d.setdefault_if("new", default_value="new", **ABSENT).value_was_mutated,
        "new",
        "write",
        True,
        "new",
    ),
    "replace": (replace, "old", "write", "new", "new"),
    "transform": (
        lambda d: d.transform_item("old", transformer=lambda v: f"{v}!").new_value,
        "old",
        "write",
        "value!",
        "value!",
    ),
    "delete": (
        lambda d: (
            d.discard_if(
                "old", condition=ETAG_IS_THE_SAME, expected_etag=d.test_etag
            ).condition_was_satisfied
        ),
        "old",
        "delete",
        True,
        None,
    ),
}
METHODS = {"read": "GET", "look": "HEAD", "list": "GET", "delete": "DELETE"}
STATUSES = {
    "internal": ("500 Internal Server Error", "InternalError"),
    "busy": ("503 Slow Down", "SlowDown"),
    "gateway": ("502 Bad Gateway", "BadGateway"),
}
TRANSIENT = [*STATUSES, "reset before", "reset after"]
HOPELESS = {
    "ExpiredToken": ("400 Bad Request", "renew"),
    "RequestTimeTooSkewed": ("403 Forbidden", "clock"),
    "AccessDenied": ("403 Forbidden", "permit"),
    "SignatureDoesNotMatch": ("403 Forbidden", "secret key"),
    "NotImplemented": ("501 Not Implemented", "lacks the operation"),
}


class Cut:
    """Half an answer, and then the end of the connection."""

    def __init__(self, body, connection):
        self._body = body
        self._connection = connection

    def __iter__(self):
        yield self._body[: len(self._body) // 2]

    def close(self):
        self._connection.shutdown(2)


class Trouble:
    """Between the client and a moto server; counts the requests that it has to do with."""

    def __init__(self, moto):
        self._moto = moto
        self._answer = moto._answer
        self._lock = threading.Lock()
        self.kind = self._method = None
        self.asked = 0

    def begin(self, kind, method, times=10**9, code=None):
        self.kind, self._method, self._times, self._code = kind, method, times, code
        self.asked = 0

    def over(self):
        """From now on, all goes well."""
        self.kind = None

    def __call__(self, environ, start_response, *, drop):
        with self._lock:
            is_ours = self.kind is not None and environ["REQUEST_METHOD"] == self._method
            if self._method == "HEAD":  # botocore asks for the bucket's region
                is_ours = is_ours and environ["PATH_INFO"].endswith(".pkl")
            self.asked += is_ours
            kind = self.kind if is_ours and self.asked <= self._times else None
        connection = environ["werkzeug.socket"]
        if kind == "status":
            return self._moto._refuse(environ, start_response, *self._code)
        if kind == "reset before":
            connection.shutdown(2)
            start_response("500 Internal Server Error", [])
            return []
        if kind == "cut":
            [body] = self._answer(environ, start_response, drop=False)
            return Cut(body, connection)
        if kind == "short length":
            return self._shortened(environ, start_response)
        return self._answer(environ, start_response, drop=kind == "reset after")

    def _shortened(self, environ, start_response):
        started = []
        [body] = self._answer(environ, lambda *args: started.append(args), drop=False)
        status, headers = started[0]
        headers = [pair for pair in headers if pair[0].lower() != "content-length"]
        start_response(status, [*headers, ("Content-Length", str(len(body) // 2))])
        return [body[: len(body) // 2]]


@pytest.fixture
def trouble(moto, moto_place, monkeypatch):
    if not known_of(moto.url):
        BasicS3Dict(**moto_place).setdefault("warm", 1)
    known = dict(known_of(moto.url))
    found = Trouble(moto)
    monkeypatch.setattr(moto, "_answer", found)
    yield found
    known_of(moto.url).clear()  # what it seemed to lack was due to the trouble
    known_of(moto.url).update(known)


@pytest.fixture(params=["BasicS3Dict"])
def d(request, moto_place, tmp_path, trouble, pauses):
    """A dict with one item, of which nothing remains to be found out."""
    own = {"base_dir": tmp_path / "cache"} if request.param == "S3Dict" else {}
    # A client tries again only so often in all: one for each kind of trouble, since making one
    # takes long.
    kind = request.function.__name__, request.node.callspec.params.get("kind")
    place = {**moto_place, "config": CONFIGS.setdefault(kind, Config())}
    made = {"BasicS3Dict": BasicS3Dict, "S3Dict": S3Dict}[request.param](**place, **own)
    made.setdefault("warm", 1)
    del made["warm"]
    BasicS3Dict(**place)["old"] = "value"  # in no cache
    made.test_etag = made.etag("old")
    return made


@pytest.fixture
def pauses(monkeypatch):
    """Record the pauses between attempts, and let them take no time."""
    pauses = []
    for module in ("botocore.endpoint", "persidict.s3.boto_objects"):
        import importlib

        real = importlib.import_module(module).time
        quick = SimpleNamespace(**{**vars(real), "sleep": pauses.append})
        monkeypatch.setattr(f"{module}.time", quick)
    return pauses


def begin(trouble, kind, name, **more):
    method = METHODS.get(name, "PUT")
    if kind in STATUSES:
        trouble.begin("status", method, code=STATUSES[kind], **more)
    else:
        trouble.begin(kind, method, **more)


def found_in(d, name):
    key = OPERATIONS[name][1] or "old"
    return BasicS3Dict.get(d, key) if isinstance(d, BasicS3Dict) else d.main_dict.get(key)


# Whether the server has carried these out can't be told, and to send them again may do them twice.
UNCERTAIN = {("delete", "reset after")} | {
    ("insert", kind) for kind in ("internal", "gateway", "reset before")
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("kind", TRANSIENT)
def test_trouble_that_passes(kind, name, d, trouble):
    act, key, operation, result, after = OPERATIONS[name]
    begin(trouble, kind, name, times=1)
    if (name, kind) in UNCERTAIN:
        with pytest.raises(BackendError, match="the answer got lost") as caught:
            act(d)
        assert (caught.value.operation, caught.value.key) == (operation, (key,))
        return
    assert act(d) == result
    assert trouble.asked >= (1 if name == "insert" and kind == "reset after" else 2)
    trouble.over()
    assert found_in(d, name) == after


@pytest.mark.parametrize("kind", TRANSIENT)
def test_trouble_of_an_insertion_where_nothing_is_ever_deleted(kind, d, trouble):
    """An absent item was never written, so that the request can be sent again."""
    d = BasicS3Dict(**{**d.get_params(), "append_only": True})
    begin(trouble, kind, "insert", times=1)
    d["new"] = "new"
    assert d["new"] == "new"


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("kind", TRANSIENT)
def test_trouble_that_stays(kind, name, d, trouble):
    act, key, operation, _, after = OPERATIONS[name]
    before = found_in(d, name)
    begin(trouble, kind, name)
    if (name, kind) == ("insert", "reset after"):
        assert act(d) is True, "a look at the item tells what no answer did"
        return
    with pytest.raises(BackendError) as caught:
        act(d)
    error = caught.value
    assert isinstance(error.__cause__, (*S3_ERRORS, Uncertain))
    assert (error.backend, error.operation) == ("BasicS3Dict", operation)
    assert error.key == (None if key is None else (key,))
    assert "What to do" in str(error)
    is_sent_once = name == "insert" and kind != "busy"
    assert trouble.asked == (1 if is_sent_once else ATTEMPTS)
    trouble.over()
    # Whether it was done is unknown only where the answers got lost.
    assert found_in(d, name) in ([before, after] if kind == "reset after" else [before])
    assert d.setdefault("next", 1) == 1


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("code", HOPELESS)
def test_what_cant_succeed_is_asked_once(code, name, d, trouble, pauses):
    act, key, operation, _, _ = OPERATIONS[name]
    before = found_in(d, name)
    status, advice = HOPELESS[code]
    trouble.begin("status", METHODS.get(name, "PUT"), code=(status, code))
    with pytest.raises(BackendError) as caught:
        act(d)
    error = caught.value
    assert isinstance(error.__cause__, ClientError)
    assert (error.operation, error.key) == (operation, None if key is None else (key,))
    if name != "look":  # answers to HEAD have a status and no code
        assert advice in str(error)
    # botocore takes a HEAD that is refused with 400 for one that went to the wrong region, and
    # persidict learns anew what a server can do that refuses a condition.
    is_repeated = (name, code) == ("look", "ExpiredToken") or (
        code == "NotImplemented" and name in ("insert", "replace", "transform", "delete")
    )
    assert trouble.asked <= (4 if is_repeated else 1)
    assert sum(pauses) == 0
    trouble.over()
    assert found_in(d, name) == before


def test_conflicts_without_end(d, trouble, pauses):
    trouble.begin("status", "PUT", code=("409 Conflict", "ConditionalRequestConflict"))
    with pytest.raises(BackendError) as caught:
        d.setdefault("new", 1)
    assert isinstance(caught.value.__cause__, ClientError)
    assert trouble.asked == 51
    assert sum(pauses) < 51 * 0.2  # seconds
    trouble.over()
    assert "new" not in d


def test_a_conflict_of_a_plain_write_is_told_at_once(d, trouble, pauses):
    trouble.begin("status", "PUT", code=("409 Conflict", "OperationAborted"))
    with pytest.raises(BackendError, match="OperationAborted"):
        d["new"] = 1
    assert trouble.asked == 1
    assert pauses == []


def test_half_a_body_is_asked_for_again(d, trouble):
    trouble.begin("cut", "GET", times=2)
    assert d["old"] == "value"
    assert trouble.asked == 3


def test_bodies_that_never_come_whole(d, trouble):
    trouble.begin("cut", "GET")
    with pytest.raises(BackendError) as caught:
        d["old"]
    assert isinstance(caught.value.__cause__, BotoCoreError)
    assert (caught.value.operation, caught.value.key) == ("read", ("old",))
    assert trouble.asked == ATTEMPTS
    trouble.over()
    assert d["old"] == "value"


def test_half_a_listing(d, trouble):
    trouble.begin("cut", "GET")
    with pytest.raises(BackendError) as caught:
        list(d)
    assert isinstance(caught.value.__cause__, (BotoCoreError, ClientError))
    assert caught.value.operation == "list"
    assert trouble.asked <= ATTEMPTS


def test_a_length_that_is_too_short(d, trouble):
    """A value is refused if half of it can't be read, or it is whole: never another one."""
    d["old"] = list(range(1000))
    trouble.begin("short length", "GET")
    with pytest.raises(BackendError) as caught:
        d["old"]
    assert (caught.value.operation, caught.value.key) == ("decode", ("old",))
    assert trouble.asked == 1
    trouble.over()
    assert d["old"] == list(range(1000))


@pytest.mark.parametrize("name", ["read", "list", "write", "replace"])
@pytest.mark.parametrize("kind", ["internal", "reset after"])
@pytest.mark.parametrize("d", ["S3Dict"], indirect=True)
def test_a_cache_hides_no_trouble_of_the_server(kind, name, d, trouble):
    test_trouble_that_stays(kind, name, d, trouble)
    assert d.get("old") == d.main_dict.get("old")
    assert d.get("new") == d.main_dict.get("new")
