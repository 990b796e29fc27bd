"""Large JSON values: what a quick check of many parts at a time must not overlook."""

import dataclasses
import datetime
import enum
import json
import math
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persidict.core._codecs.json_codec import JsonCodec
from persidict.core._codecs.registry import codec_for

orjson = pytest.importorskip("orjson")


class Text(str):
    __slots__ = ()


class Number(enum.IntEnum):
    ONE = 1


class Word(enum.StrEnum):
    __slots__ = ()
    A = "a"


class Ratio(float, enum.Enum):
    HALF = 0.5


class Color(enum.Enum):
    RED = 1

    def __radd__(self, other):
        raise ValueError("nobody adds colors")


@dataclasses.dataclass
class Nothing:
    __slots__ = ()

    def __radd__(self, other):
        return other


class Items(list):
    __slots__ = ()


def records(n=1000):
    return [{"id": i, "name": f"name {i}", "score": i / 7, "ok": i % 2 == 0} for i in range(n)]


def with_one(odd, where):
    """Return records one of whose parts is another."""
    value = records()
    value[700][where] = odd
    return value


ODD = [
    (1, 2),
    {1},
    b"x",
    math.nan,
    -math.inf,
    2**64,
    -(2**63) - 1,
    Text("x"),
    Number.ONE,
    Word.A,
    Ratio.HALF,
    Color.RED,
    Nothing(),
    Items(),
    (),
    datetime.date(2020, 1, 1),
    uuid.UUID(int=5),
    "\ud800",
    {1: 2},
    {Text("k"): 1},
    {"py/object": "os.system"},
    [{"a": {"json://1": 2}}],
]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("is_record", [True, False])
def test_one_part_of_another_kind_comes_back_or_is_refused(odd, is_record):
    pytest.importorskip("jsonpickle")
    codec = codec_for("json", None)
    value = with_one(odd, "name") if is_record else [0.5] * 999 + [odd]
    try:
        data = b"".join(codec.encode(value, b""))
    except Exception as error:  # noqa: BLE001  # a store makes an EncodingError of any
        assert str(error)
        return
    again = codec.decode(data)
    assert repr(again) == repr(value)
    assert [type(part) for part in again] == [type(part) for part in value]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_one_part_that_needs_tags_is_refused_without_them(odd):
    codec = JsonCodec(object_tags=False)
    for value in (with_one(odd, "score"), [1] * 999 + [odd]):
        try:
            data = b"".join(codec.encode(value, b""))
        except (TypeError, ValueError):
            continue
        assert repr(codec.decode(data)) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        records(),
        [*records(300), [1, 2], "x", None, {}],
        [{"a": i} if i % 2 else [i, 0.5] for i in range(1000)],
        [{f"k{i % 7}": i, "x": [i]} for i in range(1000)],
        [[[i] * (i % 4)] for i in range(600)],
        {f"key/{i}": {"x/y": [i]} for i in range(600)},
        [i / 3 for i in range(2000)],
        [1e300, -1e300, 1e308, 5e-324] * 100,
        [float(2**63), 1e25, -1e22, 0.0001234567890123456789] * 200,
        [2**63, 2**64 - 1, -(2**63)] * 300,
        ["9" * 40] * 300,
        {"text": "12345678901234567890 / \\ " * 200},
    ],
)
def test_plain_values_are_plain_text(value):
    codec = JsonCodec(object_tags=False)
    data = b"".join(codec.encode(value, b""))
    assert json.loads(data) == value
    again = codec.decode(data)
    assert repr(again) == repr(value)


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**40, -(10**25)])
@pytest.mark.parametrize("size", [1, 5000])
@pytest.mark.parametrize("text", ["[{}, {}]", '{{"a": {},\n "b":{}}}', "[[0.5, {}],{}]"])
def test_long_integers_are_read_as_integers(number, size, text):
    """Also from a text that another program has written."""
    filler = json.dumps([0.5, "text/", 3] * size)
    data = text.format(number, filler).encode()
    assert JsonCodec().decode(data) == json.loads(data)
    assert str(number) in repr(JsonCodec().decode(data))


def test_a_long_integer_alone():
    assert JsonCodec().decode(b"18446744073709551616") == 2**64
    assert JsonCodec().decode(b"-9223372036854775809") == -(2**63) - 1


def test_floats_that_look_like_long_integers_stay_floats():
    data = b"[18446744073709551616.0, 1e20, 18446744073709551616e0, 0.18446744073709551616]"
    for text in (data, b"[" + b", ".join([data] * 300) + b"]"):
        assert repr(JsonCodec().decode(text)) == repr(json.loads(text))


def test_a_bare_tag_deep_in_a_large_text():
    pytest.importorskip("jsonpickle")
    value = records()
    value[500]["name"] = {"py/tuple": [1, 2]}
    data = json.dumps(value).encode()
    assert JsonCodec().decode(data)[500]["name"] == (1, 2)
    with pytest.raises(ValueError, match="py/tuple"):
        JsonCodec(object_tags=False).decode(data)


def is_plain(value):
    """Tell by the rules, part by part, whether JSON without tags holds a value."""
    if type(value) is dict:
        return all(
            type(key) is str and not key.startswith(("py/", "json://")) and is_plain(part)
            for key, part in value.items()
        )
    if type(value) is list:
        return all(map(is_plain, value))
    return type(value) in (str, int, float, bool, type(None))


def has_strict_form(value):
    """Tell whether strict JSON, with integers of at most 64 bits, holds a plain value."""
    if type(value) in (list, dict):
        parts = value if type(value) is list else [*value, *value.values()]
        return all(map(has_strict_form, parts))
    if type(value) is int:
        return -(2**63) <= value < 2**64
    if type(value) is str:
        return not any("\ud800" <= character <= "\udfff" for character in value)
    return type(value) is not float or math.isfinite(value)


plain_atoms = [0, -1, 2**63, 0.5, 1e308, -1e308, True, None, "", "a", "a/b", "null", "[]"]
odd_atoms = [
    *(2**64, -(2**63) - 1, math.nan, math.inf, -math.inf, "\ud800", Text(), Text("x"), (), (1,)),
    *(Number.ONE, Word.A, Ratio.HALF, Color.RED, Nothing(), Items(), Items([1]), b"x", {1}),
    *(uuid.UUID(int=5), datetime.date(2020, 1, 1), orjson.Fragment(b"1"), {1: 2}, {"py/id": 1}),
]
parts = st.recursive(
    st.sampled_from(plain_atoms),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.sampled_from("abc/"), part),
    max_leaves=6,
)


@st.composite
def large_values(draw):
    """Columns of equal parts, or mixed ones, with at most one odd part somewhere."""
    fields = draw(st.lists(parts, min_size=1, max_size=4))
    rows = [list(fields) for _ in range(draw(st.sampled_from([3, 256, 300])))]
    for place in draw(st.lists(st.tuples(st.integers(0, 299), st.integers(0, 3)), max_size=3)):
        row = rows[place[0] % len(rows)]
        row[place[1] % len(row)] = draw(parts)
    if draw(st.booleans()):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from(odd_atoms))
    if draw(st.booleans()):
        return [dict(zip("wxyz", row, strict=False)) for row in rows]
    return [part for row in rows for part in row] if draw(st.booleans()) else rows


@pytest.mark.slow
@settings(deadline=None, max_examples=400)
@given(large_values())
def test_large_values_are_judged_as_part_by_part(value):
    codec = JsonCodec(object_tags=False)
    try:
        data = b"".join(codec.encode(value, b""))
    except Exception as error:  # noqa: BLE001  # a store makes an EncodingError of any
        assert not is_plain(value), error
        return
    assert is_plain(value)
    assert repr(codec.decode(data)) == repr(value)
    if has_strict_form(value):
        assert data == orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"
