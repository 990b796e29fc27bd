"""Large JSON values: what a quick check of many parts at a time must not overlook."""

import enum
import json
import math
import uuid

import pytest

from persidict.core._codecs.json_codec import JsonCodec
from persidict.core._codecs.registry import codec_for

pytest.importorskip("orjson")


class Text(str):
    __slots__ = ()


class Number(enum.IntEnum):
    ONE = 1


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
