"""What a codec accepts comes back equal and of the same types; all else it refuses."""

import datetime
import decimal
import enum
import fractions
import json
import math
import pathlib
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persidict.core._codecs.registry import codec_for

# `tests/core` also runs where only persidict-core and pytest are installed.
HAVE = {}
for name in ("orjson", "jsonpickle", "cloudpickle", "lz4", "numpy", "pandas"):
    try:
        HAVE[name] = __import__(name)
    except ImportError:
        HAVE[name] = None


def needs(*packages):
    missing = [package for package in packages if HAVE[package] is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


class Number(enum.IntEnum):
    ONE = 1


class Word(enum.StrEnum):
    YES = "yes"


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: float
    y: object


def same(one, other):
    """Compare with types, written without a look at the library's own comparison."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and not isinstance(one, enum.Enum):
        return one.hex() == other.hex()
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, (list, tuple, deque)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (set, frozenset)):
        return one == other and sorted(map(repr, one)) == sorted(map(repr, other))
    if isinstance(one, Point):
        return same(vars(one), vars(other))
    return one == other


def encoded(codec, value, nonce=b""):
    return b"".join(codec.encode(value, nonce))


def comes_back_or_is_refused(codec, value):
    """Return whether it was accepted."""
    try:
        data = encoded(codec, value)
    except Exception as error:  # noqa: BLE001  # a store makes an EncodingError of any
        assert str(error)
        return False
    assert same(codec.decode(data), value), f"{value!r} came back as {codec.decode(data)!r}"
    return True


atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**62, 2**66) | st.integers(-(2**66), -(2**62)),
    st.floats(),
    st.text(),
    st.text(st.characters(categories=["Cs"]), max_size=2),
    st.binary(max_size=8),
    st.complex_numbers(allow_nan=False),
    st.datetimes(timezones=st.none() | st.just(datetime.UTC)),
    st.dates(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.uuids(),
    st.sampled_from([Number.ONE, Word.YES, Colour.RED, int, len, ...]),
    st.sampled_from(["py/object", "py/id", "json://", "NaN", "__main__", "py/tuple"]),
)
hashable = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.just(Word.YES)
)
text_keys = st.text(max_size=3) | st.sampled_from(["py/object", "py/id", "json://1", "py/set"])
mixtures = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(text_keys, inner, max_size=3),
        st.dictionaries(hashable, inner, max_size=3),
        st.sets(hashable, max_size=3),
        st.frozensets(hashable, max_size=3),
        st.builds(Point, st.floats(), inner),
    ),
    max_leaves=8,
)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
).filter(lambda value: "py/" not in repr(value) and "json://" not in repr(value))


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(mixtures)
def test_json_mixtures(value):
    comes_back_or_is_refused(codec_for("json", None), value)


@settings(max_examples=200, deadline=None)
@given(mixtures)
def test_pkl_takes_all_mixtures(value):
    assert comes_back_or_is_refused(codec_for("pkl", None), value)


@settings(deadline=None)
@given(plain)
def test_plain_values_are_plain_indented_json(value):
    codec = codec_for("json", None)
    try:
        data = encoded(codec, value)
    except ImportError:  # without orjson's and jsonpickle's help, big ints may need tags
        return
    assert same(json.loads(data), value)
    if isinstance(value, dict) and value:
        assert data.startswith(b"{\n  ")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"long": math.nan},
        pytest.param({"colour": Colour.RED}, marks=needs("jsonpickle")),
    ],
)
def test_json_that_is_too_long_to_look_through_has_one_line(more):
    codec = codec_for("json", None, object_tags="colour" in more)
    for n, lines in ((5, 8 + len(more)), (20_000, 1)):
        value = {"numbers": list(range(n)), **more}
        data = encoded(codec, value)
        assert len(data.splitlines()) >= lines
        assert (len(data.splitlines()) == 1) is (lines == 1)
        assert same(codec.decode(data), value)


@given(st.text() | st.text(st.characters(categories=["Cs"])))
def test_text(value):
    accepted = comes_back_or_is_refused(codec_for("txt", str), value)
    assert accepted is value.isascii() or not value.isascii()
    assert not comes_back_or_is_refused(codec_for("txt", str), value.encode("utf-8", "replace"))


def test_text_of_a_subclass():
    class Name(str):
        __slots__ = ()

    class Upper(str):
        def __new__(cls, text):
            return super().__new__(cls, text.upper() + "!")

    codec = codec_for("txt", Name)
    assert comes_back_or_is_refused(codec, Name("x"))
    assert not comes_back_or_is_refused(codec, "x")
    assert not comes_back_or_is_refused(codec_for("txt", Upper), Upper("x"))


OBJECTS = [
    float("nan"),
    -0.0,
    math.inf,
    [math.nan, 2**70, (1, (2,))],
    {1: 2, "1": 3},
    {(1, 2): {3, 4}},
    OrderedDict(b=1, a=2),
    defaultdict(list, a=[1]),
    Counter("aab"),
    deque([1, 2], maxlen=5),
    bytearray(b"x"),
    range(3),
    decimal.Decimal("1.10"),
    fractions.Fraction(1, 3),
    pathlib.PurePosixPath("a/b"),
    uuid.UUID(int=5),
    datetime.datetime(2020, 1, 1, 2, 3, 4, 5, datetime.UTC),
    datetime.time(1, 2),
    Number.ONE,
    [Number.ONE, Word.YES, Colour.RED],
    {"a": Number.ONE},
    Point(1.0, [Point(2.0, None)]),
    True,
    b"",
    1j,
    {"py/object": "os.system"},
    {"a": {"py/tuple": [1]}},
    ["json://x", {"json://1": 2}],
    "__main__",
]


@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: repr(value)[:30])
def test_objects(value):
    assert comes_back_or_is_refused(codec_for("pkl", None), value)
    comes_back_or_is_refused(codec_for("json", None), value)


@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
def test_cycles(serialization_format):
    endless = [1]
    endless.append(endless)
    codec = codec_for(serialization_format, None)
    try:
        data = encoded(codec, endless)
    except Exception:  # noqa: BLE001  # refused, which is right too
        assert serialization_format == "json"
        return
    again = codec.decode(data)
    assert again[0] == 1
    assert again[1] is again


@needs("cloudpickle")
def test_lambdas_and_local_classes():
    class Local:
        def answer(self):
            return 42

    codec = codec_for("pkl", None)
    assert codec.decode(encoded(codec, lambda x: x + 1))(1) == 2
    assert codec.decode(encoded(codec, Local())).answer() == 42


@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
def test_refusals(serialization_format):
    codec = codec_for(serialization_format, None)
    with open(__file__, encoding="utf-8") as stream:
        for hopeless in (stream, (i for i in range(3))):
            with pytest.raises(Exception, match=r"\w"):  # which, the stores tell
                encoded(codec, hopeless)


@needs("numpy", "jsonpickle")
@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
@pytest.mark.parametrize(
    "dtype", ["int8", "uint64", "float32", "float64", "bool", "complex128", "U3"]
)
def test_arrays(serialization_format, dtype):
    np = HAVE["numpy"]
    codec = codec_for(serialization_format, None)
    array = np.arange(6).reshape(2, 3).astype(dtype)
    for value in (array, np.asfortranarray(array), array[0, 1], {"a": [array]}):
        data = encoded(codec, value)
        again = codec.decode(data)
        if isinstance(value, dict):
            again, value = again["a"][0], value["a"][0]  # noqa: PLW2901  # look inside
        assert type(again) is type(value)
        assert again.dtype == value.dtype
        np.testing.assert_array_equal(again, value)


@pytest.mark.filterwarnings(
    "ignore:keys will default to True:DeprecationWarning"
)  # jsonpickle's own
@needs("pandas", "jsonpickle")
@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
def test_frames(serialization_format):
    pd = HAVE["pandas"]
    frame = pd.DataFrame({"i": [1, 2], "f": [0.5, float("nan")], "s": ["a", "b"]}, index=["x", "y"])
    frame["t"] = pd.to_datetime(["2020-01-01", "2021-01-01"])
    codec = codec_for(serialization_format, None)
    for value in (frame, frame["f"], pd.Timestamp("2020-01-01", tz="UTC")):
        try:
            data = encoded(codec, value)
        except Exception as error:  # noqa: BLE001  # JSON may refuse, with a word on what can
            assert serialization_format == "json"
            assert "pkl" in str(error)
            continue
        again = codec.decode(data)
        assert type(again) is type(value)
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(again, value)
        elif isinstance(value, pd.Series):
            pd.testing.assert_series_equal(again, value)
        else:
            assert again == value


@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
@pytest.mark.parametrize(
    "value", [1, "text", [1, {"a": None}], "x" * 10_000], ids=["1", "t", "l", "x"]
)
def test_nonces_make_equal_values_differ(serialization_format, value):
    codec = codec_for(serialization_format, None)
    one, other = encoded(codec, value, bytes(16)), encoded(codec, value, bytes(15) + b"\1")
    assert one != other
    assert encoded(codec, value, bytes(16)) == one
    assert codec.decode(one) == codec.decode(other) == value
    if serialization_format == "json":
        assert json.loads(one) == value


@needs("lz4")
def test_values_are_compressed_only_when_smaller():
    import random

    magic = b"\x04\x22\x4d\x18"
    codec = codec_for("pkl", None)
    assert not encoded(codec, "x").startswith(magic)
    repetitive = encoded(codec, "x" * 100_000)
    assert repetitive.startswith(magic)
    assert len(repetitive) < 10_000
    noise = random.Random(1).randbytes(100_000)
    incompressible = encoded(codec, noise)
    assert not incompressible.startswith(magic)
    assert codec.decode(incompressible) == noise


@needs("lz4")
def test_flipped_bits_in_a_frame_are_noticed():
    codec = codec_for("pkl", None)
    value = "".join(map(str, range(3000)))
    frame = encoded(codec, value)
    for position in range(4, len(frame), max(1, len(frame) // 50)):
        damaged = bytearray(frame)
        damaged[position] ^= 1
        try:
            again = codec.decode(bytes(damaged))
        except Exception as error:  # noqa: BLE001  # a store makes a DecodingError of any
            assert str(error)
        else:
            assert again == value  # bits of the header that say nothing


@pytest.mark.parametrize("serialization_format", ["pkl", "json", "txt"])
@pytest.mark.parametrize("cut", [0, 1, 5])
def test_damaged_data_is_an_error(serialization_format, cut):
    codec = codec_for(serialization_format, str if serialization_format == "txt" else None)
    data = encoded(codec, "ääää")
    with pytest.raises(Exception, match=r"\w|^$"):
        codec.decode(b"\xff" + data[:cut])
