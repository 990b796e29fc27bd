"""Servers that take a connection and never answer, or take none: an error within seconds."""

import socket
from types import SimpleNamespace

import pytest
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from persidict.core import BackendError
from persidict.core._opening.travel import arriving
from persidict.s3 import BasicS3Dict
from persidict.s3.attempts import SILENT_ATTEMPTS
from persidict.s3.client import _MAX_ATTEMPTS, CONNECT_TIMEOUT, READ_TIMEOUT

# Between attempts botocore's standard mode waits up to 1, 2, 4, ... seconds.
LONGEST_PAUSES = [2**n for n in range(_MAX_ATTEMPTS)]


@pytest.fixture
def silent():
    """A socket that the kernel connects, and that nobody ever reads from."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(20)
        yield listener


@pytest.fixture
def pauses(monkeypatch):
    """How long botocore would have waited."""
    noted = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=noted.append))
    return noted


def place_of(listener, **config):
    return {
        "endpoint_url": f"http://127.0.0.1:{listener.getsockname()[1]}",
        "bucket_name": "silent",
        "max_workers": 32,
        "config": Config(connect_timeout=5, read_timeout=0.1, **config),
    }


def connections_made(listener):
    listener.setblocking(False)
    made = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return made
        made += 1


def test_the_constructor_gives_up_on_silence(silent, pauses):
    place = place_of(silent)
    with pytest.raises(BackendError, match="check endpoint_url, the network") as caught:
        BasicS3Dict(**place)
    assert place["endpoint_url"] in str(caught.value)
    assert isinstance(caught.value.__cause__, ReadTimeoutError)
    assert connections_made(silent) == SILENT_ATTEMPTS
    assert all(pause <= longest for pause, longest in zip(pauses, LONGEST_PAUSES[:1], strict=True))


@pytest.mark.parametrize(
    "act",
    [
        lambda d: d["a"],
        lambda d: d.update(a=1, b=2),
        lambda d: d.setdefault("a", 1),
        lambda d: list(d.items()),
        lambda d: "a" in d,
    ],
    ids=["read", "write", "insert", "list", "look up"],
)
def test_an_operation_gives_up_on_silence(silent, pauses, act):
    place = place_of(silent)
    with arriving():  # as if the server had become silent since
        d = BasicS3Dict(**place)
    with pytest.raises(BackendError) as caught:
        act(d)
    assert isinstance(caught.value.__cause__, ReadTimeoutError)
    assert place["endpoint_url"] in str(caught.value)


def test_the_users_own_retries_count(silent, pauses):
    with pytest.raises(BackendError):
        BasicS3Dict(**place_of(silent, retries={"mode": "standard", "total_max_attempts": 3}))
    assert connections_made(silent) == 3


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (ConnectTimeoutError(endpoint_url="x"), SILENT_ATTEMPTS),
        (ReadTimeoutError(endpoint_url="x"), SILENT_ATTEMPTS),
        (EndpointConnectionError(endpoint_url="x"), _MAX_ATTEMPTS),
    ],
    ids=["no connection", "no answer", "refused"],
)
def test_attempts(silent, pauses, error, attempts):
    place = {**place_of(silent), "config": None}
    with arriving():
        client = BasicS3Dict(**place)._connection.client()
    sent = []

    def fail(request, **_):
        sent.append(request.url)
        raise error

    client.meta.events.register("before-send.s3", fail)
    with pytest.raises(BackendError) as caught:
        BasicS3Dict(**place)
    assert caught.value.__cause__ is error
    assert len(sent) == attempts
    assert len(pauses) == attempts - 1
    settings = client.meta.config
    assert (settings.connect_timeout, settings.read_timeout) == (CONNECT_TIMEOUT, READ_TIMEOUT)
    assert settings.retries["mode"] == "standard"


def test_the_longest_wait_is_seconds():
    unreachable = SILENT_ATTEMPTS * CONNECT_TIMEOUT + sum(LONGEST_PAUSES[: SILENT_ATTEMPTS - 1])
    silent = SILENT_ATTEMPTS * READ_TIMEOUT + sum(LONGEST_PAUSES[: SILENT_ATTEMPTS - 1])
    refusing = sum(LONGEST_PAUSES[: _MAX_ATTEMPTS - 1])
    assert (unreachable, silent, refusing) == (7, 31, 7)
