"""`pkl` refuses values that can be pickled and not be restored, before it replaces anything."""

import enum
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from persidict.core import EncodingError
from persidict.core._codecs.registry import codec_for
from tests.core.blob_stores import MemoryBlobs


class KeywordError(Exception):
    def __init__(self, *, code):
        super().__init__(f"code {code}")


class TwoArgumentsError(Exception):
    def __init__(self, message, code):
        super().__init__(message)


class Forwards:
    def __init__(self):
        self._inner = {"x": 1}

    def __getattr__(self, name):
        return self._inner[name]


class ForwardsForEver:
    def __init__(self):
        self.inner = []

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Celsius(float):
    def __new__(cls, value, unit):
        return super().__new__(cls, value)


class WithArgument:
    def __new__(cls, argument):
        return super().__new__(cls)


class Scaled(dict):
    def __init__(self, factor):
        self.factor = factor

    def __setitem__(self, key, value):
        super().__setitem__(key, value * self.factor)


class Checked(list):
    def __init__(self, limit):
        self.limit = limit

    def append(self, item):
        if len(self) >= self.limit:
            raise ValueError(item)
        super().append(item)

    def extend(self, items):
        for item in items:
            self.append(item)


class Node:
    def __init__(self, name):
        self.name, self.peers = name, set()

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return self.name == other.name


class BadState:
    def __setstate__(self, state):
        raise KeyError("no")

    def __init__(self):
        self.x = 1


class BadReduce:
    def __reduce__(self):
        return int, ("no number",)


class Handle(NamedTuple("HandleBase", [("a", int)])):
    __slots__ = ()

    def __new__(cls, a, b):
        return super().__new__(cls, a)


def scaled():
    made = Scaled(2)
    made["a"] = 1
    return made


def checked():
    made = Checked(5)
    made.append(1)
    return made


def ring():
    one, other = Node("one"), Node("other")
    one.peers.add(other)
    other.peers.add(one)
    return one


UNREADABLE = {
    "keyword": lambda: KeywordError(code=1),
    "two arguments": lambda: TwoArgumentsError("m", 1),
    "deep": lambda: {"ok": [1, {"errors": (KeywordError(code=1),)}]},
    "as a key": lambda: {WithArgument(1): 1},
    "forwards": Forwards,
    "forwards for ever": ForwardsForEver,
    "float": lambda: Celsius(1.0, "C"),
    "new": lambda: WithArgument(1),
    "dict": scaled,
    "list": checked,
    "hash cycle": ring,
    "state": BadState,
    "named tuple": lambda: Handle(1, 2),
    "in a large value": lambda: ["x" * 100_000, bytes(1_000_000), TwoArgumentsError("m", 1)],
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_it_is_refused_and_the_former_value_stays(name):
    d = MemoryBlobs()
    d["k"] = "good"
    with pytest.raises(EncodingError, match="read back"):
        d["k"] = UNREADABLE[name]()
    assert d["k"] == "good"


@pytest.mark.parametrize("name", UNREADABLE)
def test_it_is_refused_with_a_local_class_beside_it(name):
    pytest.importorskip("cloudpickle")

    class Local:
        pass

    with pytest.raises(ValueError, match="read back"):
        codec_for("pkl", None).encode([Local(), UNREADABLE[name]()], b"")


class Colour(enum.Enum):
    RED = 1


@dataclass(frozen=True)
class Point:
    x: int


class FineError(Exception):
    def __init__(self, message, code):
        super().__init__(message, code)


@pytest.mark.parametrize("value", [Colour.RED, Point(1), {Point(1): [Colour.RED]}, Point, len])
def test_other_objects_are_stored(value):
    d = MemoryBlobs()
    d["k"] = value
    assert d["k"] == value


def test_an_exception_that_keeps_its_arguments():
    d = MemoryBlobs()
    d["k"] = FineError("m", 1)
    assert d["k"].args == ("m", 1)


def test_plain_values_and_arrays_are_not_restored_when_written(monkeypatch):
    """Only values with classes of their own pay for the check."""
    codec = codec_for("pkl", None)

    def loads(data):
        raise AssertionError

    monkeypatch.setattr("pickle.loads", loads)
    for value in (1, "x" * 10**6, [{"a": (1, {2}, b"x", 1j)}], range(3), int, {"d": bytearray(9)}):
        codec.encode(value, b"")
    numpy = pytest.importorskip("numpy")
    codec.encode({"a": numpy.zeros(1000), "b": numpy.float32(1)}, b"")
    pandas = pytest.importorskip("pandas")
    codec.encode(pandas.DataFrame({"a": [1, 2]}), b"")


@pytest.mark.parametrize(
    "view",
    [
        memoryview(b"abc"),
        memoryview(bytearray(b"abcdefgh")).cast("i"),
        memoryview(bytes(range(8))).cast("B", (2, 4)),
        memoryview(b"abcdef")[::2],
    ],
    ids=["bytes", "ints", "shape", "steps"],
)
def test_memoryviews_come_back_as_memoryviews(view):
    pytest.importorskip("cloudpickle")
    codec = codec_for("pkl", None)
    again = codec.decode(b"".join(codec.encode([view], b"")))[0]
    assert type(again) is memoryview
    assert again == view
    assert (again.format, again.shape) == (view.format, view.shape)
