"""Exceptions and tracebacks in JSON dicts."""

import copy
import pickle
import threading
import traceback

import pytest

from persidict.core import DecodingError, EncodingError
from tests.core.blob_stores import MemoryBlobs

jsonpickle = pytest.importorskip("jsonpickle")


class OwnError(Exception):
    """Has an attribute."""

    def __init__(self, message, *, code=0):
        super().__init__(message)
        self.code = code


class AwkwardError(Exception):
    """Sets its state itself."""

    def __init__(self, first, second):
        super().__init__(first)
        self.second = second

    def __reduce__(self):
        return AwkwardError, (self.args[0], self.second)

    def __setstate__(self, state):
        raise AssertionError(state)


def raised(function, *args):
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001  # whatever it is
        return error


def chained():
    try:
        {}["missing"]
    except KeyError as error:
        raise ValueError("no", 1) from error


@pytest.fixture(name="d")
def d_fixture():
    return MemoryBlobs(serialization_format="json")


def stored(d, value):
    """Return what comes back."""
    d["a"] = value
    return d["a"]


ERRORS = [
    ValueError("x"),
    ValueError(),
    KeyError(("a", 1)),
    FileNotFoundError(2, "no such file", "name"),
    UnicodeDecodeError("utf8", b"a", 0, 1, "why"),
    StopIteration(4),
    SystemExit(3),
    KeyboardInterrupt(),
    ImportError("m", name="n", path="p"),
    SyntaxError("bad", ("file", 1, 2, "text")),
    ExceptionGroup("many", [ValueError(1), OwnError("own", code=5)]),
    OwnError("own", code=[1, 2]),
    AwkwardError(1, 2),
    raised(int, "x"),
    raised(lambda: None.missing),
    raised(open, "/there/is/no/such/file"),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_exceptions_come_back_equal(d, number):
    error = ERRORS[number]
    found = stored(d, error)
    assert type(found) is type(error)
    assert (found.args, vars(found)) == (error.args, vars(error)) or repr(found) == repr(error)
    assert str(found) == str(error)
    assert repr(stored(d, {"errors": [error, error]})["errors"]) == repr([error, error])


def test_notes_and_causes_are_kept(d):
    error = raised(chained)
    error.add_note("a note")
    error.attribute = {1, 2}
    error.__cause__.add_note("another")
    found = stored(d, {"error": error, "again": error, "cause": error.__cause__})
    assert found["again"] is found["error"]
    assert found["error"].__cause__ is found["cause"]
    assert found["error"].__notes__ == ["a note"]
    assert found["error"].attribute == {1, 2}
    assert (type(found["cause"]), found["cause"].args) == (KeyError, ("missing",))
    assert found["cause"].__notes__ == ["another"]
    assert found["error"].__traceback__ is None
    assert found["error"].__suppress_context__


def test_an_exception_without_arguments_keeps_its_cause(d):
    error = raised(chained)
    empty = ValueError()
    empty.__cause__ = error
    assert stored(d, empty).__cause__.__cause__.args == ("missing",)


def test_a_cause_that_can_not_be_set_is_left_out(d):
    error = AwkwardError(1, 2)
    error.__cause__ = ValueError()
    assert stored(d, error).__cause__ is None


@pytest.mark.parametrize("code", [(n for n in ()), threading.Lock(), chained.__code__, print])
def test_a_cause_that_can_not_be_stored_is_left_out(d, code):
    error = ValueError(1)
    error.__cause__ = OwnError("own", code=code)
    error.__cause__.__cause__ = KeyError()
    assert (stored(d, error).__cause__ is None) == (code is not print)


def test_causes_in_a_circle_end(d):
    one, other = ValueError(1), KeyError(2)
    one.__cause__, other.__cause__ = other, one
    assert stored(d, one).args == (1,)


def test_a_long_chain_of_causes(d):
    error = last = ValueError(0)
    for number in range(1, 30):
        last.__cause__ = ValueError(number)
        last = last.__cause__
    found = stored(d, error)
    for number in range(30):
        assert found.args == (number,)
        found = found.__cause__


def test_tracebacks_come_back_as_their_text(d):
    error = raised(chained)
    found = stored(d, {"type": type(error), "trace_back": error.__traceback__})
    text = "".join(traceback.format_tb(error.__traceback__))
    assert "in chained\n" in text
    assert found == {"type": ValueError, "trace_back": text}
    assert isinstance(found["trace_back"], str)
    before = d.stored["a",]
    d["a"] = found  # it is written as it was
    assert d.stored["a",].strip() == before.strip()
    for copied in (copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
        assert copied(found["trace_back"]) == text


def test_other_programs_get_a_traceback_as_a_dict(d):
    error = raised(chained)
    d["a"] = [error.__traceback__, error]
    trace, found = jsonpickle.loads(d.stored["a",], keys=True)
    assert trace["py/object"] == "builtins.traceback"
    assert "in chained" in trace["text"]
    assert repr(found.__cause__) == "KeyError('missing')"
    # jsonpickle itself, in this process, works as it does without persidict.
    written = jsonpickle.dumps([error.__traceback__, error], keys=True)
    assert '{"py/object": "builtins.traceback"}' in written
    assert "__cause__" not in written


def test_tracebacks_that_jsonpickle_wrote_can_be_read(d):
    text = jsonpickle.dumps({"trace_back": raised(chained).__traceback__}, keys=True)
    d.stored["a",] = text.encode()
    assert d["a"] == {"trace_back": ""}


def test_without_tags_they_are_refused():
    d = MemoryBlobs(serialization_format="json", object_tags=False)
    error = raised(chained)
    for value in (error, error.__traceback__):
        with pytest.raises(EncodingError, match="needs object tags"):
            d["a"] = value
    d.stored["a",] = b'{"py/object": "builtins.traceback", "text": "x"}'
    with pytest.raises(DecodingError, match="object_tags=False"):
        d["a"]


def test_pickle_stores_no_traceback():
    with pytest.raises(EncodingError, match="traceback"):
        MemoryBlobs()["a"] = raised(chained).__traceback__
