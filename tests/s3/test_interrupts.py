"""Ctrl-C in the middle of a request comes through, and leaves a dict that works."""

import _thread
import gc
import os
import signal
import threading
import time

import pytest

from persidict.core import ITEM_NOT_AVAILABLE
from persidict.s3 import BasicS3Dict, S3Dict

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]

OPERATIONS = {
    "read": ("GET", lambda d: d["a"]),
    "look": ("HEAD", lambda d: "a" in d),
    "write": ("PUT", lambda d: d.__setitem__("a", 2)),
    "insert": ("PUT", lambda d: d.setdefault("b", 2)),
    "transform": (
        "PUT",
        lambda d: d.transform_item("n", transformer=lambda n: 1 if n is ITEM_NOT_AVAILABLE else 2),
    ),
    "delete": ("DELETE", lambda d: d.discard("a")),
    "list": ("GET", list),
    "update": ("PUT", lambda d: d.update({f"k{n}": n for n in range(20)})),
    "items": ("GET", lambda d: dict(d.items())),
    "clear": ("POST", lambda d: d.clear()),
}


def act_and_wait(act, d):
    act(d)
    time.sleep(60)  # obstore notices an interrupt only at the end of its request


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def descriptors_at_most(limit):
    """Whether no more are open, as soon as the server, which runs here too, has closed its ends."""
    deadline = time.monotonic() + 30
    while descriptors() > limit and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    return descriptors() <= limit


@pytest.fixture(params=[BasicS3Dict, S3Dict])
def d(request, moto_place, tmp_path):
    more = {"base_dir": tmp_path / "cache"} if request.param is S3Dict else {}
    made = request.param(**moto_place, **more)
    BasicS3Dict(**moto_place)["a"] = 1  # in no cache
    made.setdefault("warm", 1)
    return made


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_interrupt_during_a_request(d, moto, name):
    method, act = OPERATIONS[name]
    begun = []

    def gate(environ):
        if environ["REQUEST_METHOD"] == method and not begun:
            begun.append(1)
            _thread.interrupt_main()

    moto.gate = gate
    with pytest.raises(KeyboardInterrupt):
        act_and_wait(act, d)
    moto.gate = None
    for thread in threading.enumerate():
        if thread.name.startswith("persidict-s3"):
            thread.join(60)  # one that was just being started is not waited for
            assert not thread.is_alive()
    d["next"] = 1
    assert d["next"] == 1
    assert d.setdefault("inserted", 3) == 3
    d.clear()
    assert not d


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no such signals here")
# Where a handler raises in Python's `Thread.start`, the thread that begins complains.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("error", [TimeoutError("too slow"), ValueError("mine")], ids=repr)
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_a_handler_raises_during_a_request(d, moto, name, error):
    """botocore would take it for an error of the connection, and send the request again."""
    method, act = OPERATIONS[name]
    main, begun = threading.get_ident(), []

    def gate(environ):
        if environ["REQUEST_METHOD"] == method and not begun:
            begun.append(1)
            signal.pthread_kill(main, signal.SIGUSR1)

    def handler(_signal, _frame):
        raise error

    previous = signal.signal(signal.SIGUSR1, handler)
    moto.gate = gate
    try:
        with pytest.raises(type(error)) as caught:
            act_and_wait(act, d)
    finally:
        moto.gate = None
        signal.signal(signal.SIGUSR1, previous)
    assert caught.value is error
    d["next"] = 1
    assert d["next"] == 1


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no such signals here")
def test_what_a_handler_raises_while_a_body_comes(d, moto_place):
    """A body is asked for again if it breaks off, but not if the program gives up."""
    from persidict.s3 import boto_objects

    error = TimeoutError("too slow")
    asked = []

    class Body:
        def read(self):
            asked.append(1)
            try:
                _interrupted(error)
            except TimeoutError as caught:
                raise boto_objects.BotoCoreError from caught

        def close(self):
            pass

    client = BasicS3Dict(**moto_place)._connection.client()
    original = client.get_object
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "get_object", lambda **more: {**original(**more), "Body": Body()})
        other = BasicS3Dict(**moto_place, client=client)
        with pytest.raises(TimeoutError) as caught:
            other["a"]
    assert caught.value is error
    assert asked == [1]


def _interrupted(error):
    def handler(_signal, _frame):
        raise error

    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, previous)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors by /proc")
def test_nothing_leaks_by_interrupts(moto_place, moto):
    d = BasicS3Dict(**moto_place)
    d["a"] = 1
    before = None
    for number in range(30):
        begun = []

        def gate(environ, begun=begun):
            if environ["REQUEST_METHOD"] == "GET" and not begun:
                begun.append(1)
                _thread.interrupt_main()

        moto.gate = gate
        with pytest.raises(KeyboardInterrupt):
            act_and_wait(OPERATIONS["read"][1], d)
        moto.gate = None
        assert d["a"] == 1
        if number == 9:
            before = descriptors()
    assert descriptors_at_most(before + 3)
