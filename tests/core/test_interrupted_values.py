"""An exception of a signal handler comes through, also while a value is encoded or decoded."""

import functools
import signal

import pytest

from persidict.core import EncodingError
from tests.core.blob_stores import MemoryBlobs

pytest.importorskip("orjson")
pytest.importorskip("cloudpickle")
pytest.importorskip("jsonpickle")


class TooSlowError(Exception):
    """What a handler raises."""


class Methods:
    def handle(self, number, frame):
        raise self.error

    def __call__(self, *arguments):
        self.handle(*arguments)


def raising(error):
    """Return handlers of many forms that raise an error."""
    methods = Methods()
    methods.error = error

    def plain(number, frame):
        raise error

    def deeper(*_):
        plain(0, None)

    def bound(extra, number, frame):
        raise error

    @functools.wraps(plain)
    def decorated(*args, **kwargs):
        return plain(*args, **kwargs)

    partial = functools.partial(bound, "more")
    return [plain, deeper, methods.handle, methods, partial, decorated]


class Slow:
    """A signal arrives while it is encoded."""

    def __reduce__(self):
        signal.raise_signal(signal.SIGTERM)
        return Slow, ()


class SlowlyRestored:
    """A signal arrives while it is decoded, but not when the write tries that."""

    is_slow = False

    def __setstate__(self, state):
        if SlowlyRestored.is_slow:
            signal.raise_signal(signal.SIGTERM)

    def __getstate__(self):
        return {"a": 1}


@pytest.fixture
def handle():
    before = signal.getsignal(signal.SIGTERM)
    yield lambda handler: signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGTERM, before)


ERRORS = [TooSlowError, TimeoutError, TypeError, AttributeError, ValueError, RecursionError]


@pytest.mark.parametrize("form", range(6))
@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
def test_of_an_encoder(serialization_format, kind, form, handle):
    d = MemoryBlobs(serialization_format=serialization_format)
    d["a"] = "old"
    error = kind("too slow")
    handle(raising(error)[form])
    with pytest.raises(kind) as caught:
        d["a"] = Slow()
    assert caught.value is error
    assert d["a"] == "old"


@pytest.mark.parametrize("form", range(6))
def test_of_a_decoder(form, handle, monkeypatch):
    d = MemoryBlobs()
    d["a"] = SlowlyRestored()
    monkeypatch.setattr(SlowlyRestored, "is_slow", True)
    error = TooSlowError()
    handle(raising(error)[form])
    with pytest.raises(TooSlowError) as caught:
        d["a"]
    assert caught.value is error


class Refusing:
    """Its own methods raise, and one has arguments that are almost those of a handler."""

    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        self.fail(1, "frame")

    def fail(self, number, frame):
        raise self.error


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
def test_what_the_value_itself_raises_is_an_encoding_error(serialization_format, kind):
    error = kind("no")
    with pytest.raises(EncodingError) as caught:
        MemoryBlobs(serialization_format=serialization_format)["a"] = Refusing(error)
    assert caught.value.__cause__ is error


def test_an_earlier_exception_of_a_handler_is_no_matter(handle):
    d = MemoryBlobs()
    handle(raising(TooSlowError())[0])
    try:
        signal.raise_signal(signal.SIGTERM)
    except TooSlowError:
        with pytest.raises(EncodingError):
            d["a"] = Refusing(ValueError())
