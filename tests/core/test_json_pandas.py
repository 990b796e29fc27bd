"""JSON of pandas' objects: they come back equal, or are refused when they are written."""

import datetime
import decimal
import json

import pytest

from persidict.core._codecs.registry import codec_for

pytest.importorskip("jsonpickle")
np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")

DAYS = pd.date_range("2020", periods=2, freq="D")
HAS_ARROW = True
try:
    import pyarrow as pa
except ImportError:
    HAS_ARROW = False


def frame(column, **kwargs):
    return pd.DataFrame({"a": column}, **kwargs)


COLUMNS = {
    "text": ["x", None],
    "object text": pd.Series(["x", "y"], dtype=object),
    "python text": pd.array(["x", None], dtype="string[python]"),
    "mixed objects": pd.Series([True, 1, 1.0, None, np.nan, pd.NA, (1,), {2}], dtype=object),
    "decimals": pd.Series([decimal.Decimal("1.50"), None], dtype=object),
    "dates": pd.Series([datetime.date(2020, 1, 2)], dtype=object),
    "int8": np.array([1, -2], dtype="i1"),
    "uint64": np.array([2**64 - 1], dtype="u8"),
    "float16": np.array([1.5, 2], dtype="f2"),
    "infinities": [np.inf, -np.inf, np.nan, -0.0],
    "complex": [1j, 2],
    "bool": [True, False],
    "times in seconds": np.array(["2020", "NaT"], dtype="M8[s]"),
    "times in nanoseconds": np.array(["2020", "NaT"], dtype="M8[ns]"),
    "timedelta": pd.to_timedelta(["1s", None]),
    "zone": DAYS.tz_localize("Europe/Berlin"),
    "offset": DAYS.tz_localize(datetime.timezone(datetime.timedelta(hours=2))),
    "utc": DAYS.tz_localize("UTC"),
    "period": pd.PeriodIndex(["2020-01", None], freq="M"),
    "quarter": pd.period_range("2020", periods=2, freq="Q-FEB"),
    "interval": pd.interval_range(0, 2, closed="left"),
    "times interval": pd.interval_range(pd.Timestamp("2020"), periods=2),
    "Int64": pd.array([1, None], dtype="Int64"),
    "UInt8": pd.array([1, None], dtype="UInt8"),
    "Float32": pd.array([1.5, None], dtype="Float32"),
    "boolean": pd.array([True, None], dtype="boolean"),
    "ordered category": pd.Categorical(["x", None], categories=["y", "x", "z"], ordered=True),
    "category of ints": pd.Categorical([1, 2, None]),
    "category of times": pd.Categorical(DAYS),
    "category of intervals": pd.cut([1, 2, 3], 2),
}
if HAS_ARROW:
    COLUMNS |= {
        "arrow int": pd.array([1, None], dtype="int64[pyarrow]"),
        "arrow text": pd.array(["x", None], dtype=pd.ArrowDtype(pa.string())),
        "arrow lists": pd.array([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int8()))),
        "arrow times": pd.array(
            [pd.Timestamp("2020", tz="UTC")], dtype=pd.ArrowDtype(pa.timestamp("us", "UTC"))
        ),
        "arrow decimals": pd.array(
            [decimal.Decimal("1.50")], dtype=pd.ArrowDtype(pa.decimal128(5, 2))
        ),
        "string pyarrow": pd.array(["x", None], dtype="string[pyarrow]"),
    }
INDEXES = {
    "default": None,
    "range": pd.RangeIndex(5, 9, 2, name="r"),
    "int8": pd.Index([1, 2], dtype="int8"),
    "float32": pd.Index([1.5, 2.5], dtype="float32", name=("a", 1)),
    "text": pd.Index(["x", "y"], name="t"),
    "objects": pd.Index([1, "y"], dtype=object),
    "frequency": DAYS,
    "frequency with zone": DAYS.tz_localize("UTC"),
    "business days": pd.date_range(
        "2020", periods=2, freq=pd.offsets.CustomBusinessDay(holidays=["2020-01-03"])
    ),
    "timedelta": pd.timedelta_range("1h", periods=2, freq="h", name="td"),
    "period": pd.period_range("2020", periods=2, freq="W"),
    "category": pd.CategoricalIndex(["a", "b"], categories=["b", "a", "c"], ordered=True),
    "interval": pd.IntervalIndex.from_tuples([(0.5, 1), (1, 2)], closed="both"),
    "multi": pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["n", None]),
    "multi of times": pd.MultiIndex.from_product([["a"], DAYS]),
}
WHOLE = {
    "empty": pd.DataFrame(),
    "no columns": pd.DataFrame(index=[1, 2]),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="i1"), "b": pd.Series([], dtype=object)}),
    "equal names": pd.DataFrame([[1, "a"]], columns=["x", "x"]),
    "column levels": pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["p", None])
    ),
    "named columns": pd.DataFrame({"a": [1]}).rename_axis(columns="c"),
    "integer columns": pd.DataFrame([[1, "a"]]),
    "flags": frame([1, 2]).set_flags(allows_duplicate_labels=False),
    "name of a series": pd.Series([1], name=("a", 2)),
    "big endian": pd.Series(np.array([1, 2], dtype=">i4")),
}


def assert_same(one, other):
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
    elif isinstance(one, pd.Index):
        pd.testing.assert_index_equal(one, other, exact=True)
        assert getattr(one, "freq", None) == getattr(other, "freq", None)
    elif isinstance(one, pd.api.extensions.ExtensionArray):
        pd.testing.assert_extension_array_equal(one, other)
    assert type(one) is type(other)


def round_trip(value):
    codec = codec_for("json", None)
    data = b"".join(codec.encode(value, b""))
    json.loads(data)
    return codec.decode(data)


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(name):
    column = COLUMNS[name]
    for value in (frame(column), pd.Series(column, name="s"), {"nested": [frame(column)]}):
        again = round_trip(value)
        if isinstance(value, dict):
            value, again = value["nested"][0], again["nested"][0]  # noqa: PLW2901  # look inside
        assert_same(value, again)
    # The types of Python objects too, which pandas compares by ==.
    assert list(map(type, frame(column)["a"])) == list(map(type, round_trip(frame(column))["a"]))


@pytest.mark.parametrize("name", INDEXES)
def test_indexes(name):
    index = INDEXES[name]
    value = frame([1, 2], index=index)
    assert_same(value, round_trip(value))
    assert_same(value.index, round_trip(value.index))
    assert_same(value["a"], round_trip(value["a"]))
    assert_same(value.T, round_trip(value.T))


@pytest.mark.parametrize("name", WHOLE)
def test_frames(name):
    assert_same(WHOLE[name], round_trip(WHOLE[name]))


def test_attributes_of_a_frame():
    value = frame([1])
    value.attrs = {"unit": ("m", 1)}
    assert round_trip(value).attrs == value.attrs


def test_one_frame_in_two_places_is_one():
    value = frame(["x"])
    again = round_trip([value, {"a": value}])
    assert again[0] is again[1]["a"]
    assert_same(value, again[0])


SCALARS = [
    pd.Timestamp("2020"),
    pd.Timestamp(1),
    pd.Timestamp("2020", tz="Europe/Berlin"),
    pd.Timedelta("1s"),
    pd.Period("2020-01", "M"),
    pd.Interval(0, 1, "both"),
    pd.NaT,
    pd.NA,
    pd.offsets.MonthEnd(2),
    np.int8(1),
    np.uint64(2**64 - 1),
    np.float32(0.1),
    np.float64(0.1),
    np.bool_(True),
    np.complex64(1j),
    np.datetime64("2020-01-01"),
    np.datetime64("2020-01-01T00:00:00.123456789"),
]


@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
def test_scalars_and_scalars_as_keys(scalar):
    again = round_trip([scalar, {scalar: 1}])
    for found in (again[0], *again[1]):
        assert type(found) is type(scalar)
        assert str(found) == str(scalar)
        assert getattr(found, "unit", None) == getattr(scalar, "unit", None)
        assert getattr(found, "dtype", None) == getattr(scalar, "dtype", None)


REFUSED = [
    pd.Series(pd.arrays.SparseArray([0, 0, 1])),
    {np.str_("a"): 1},
    frame([np.longdouble(1)]),
]


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: str(type(value)))
def test_refusals(value):
    with pytest.raises((TypeError, RecursionError)):
        codec_for("json", None).encode(value, b"")


@pytest.mark.filterwarnings("ignore:keys will default to True:DeprecationWarning")  # its own
def test_texts_that_jsonpickle_wrote_are_read():
    """As the published package wrote them."""
    import jsonpickle
    import jsonpickle.ext.pandas

    value = pd.DataFrame({"i": [1, 2], "f": [0.5, 1.5]}, index=[3, 4])
    round_trip(value)  # this library's handlers are in use now
    for part in (value, value["i"], pd.Index([1, 2]), pd.Timestamp("2020", tz="UTC")):
        text = jsonpickle.dumps(part, keys=True)
        assert '"persidict"' not in text
        assert_same(part, codec_for("json", None).decode(text.encode()))


@pytest.mark.skipif(not HAS_ARROW, reason="needs pyarrow")
@pytest.mark.parametrize(
    "expression",
    [
        "pa.table({'a': [1]})",
        "pa.record_batch({'a': [1]})",
        "pa.schema([('a', pa.int64())])",
        "pa.array([1])",
        "pa.chunked_array([[1]])",
        "pa.field('a', pa.int64())",
        "pa.int64()",
        "pa.scalar(1)",
        "pa.py_buffer(b'x')",
        "pa.Tensor.from_numpy(np.eye(2))",
        "pyarrow.compute.field('a')",
        "{'deep': [pa.table({'a': [1]})]}",
        "pd.ArrowDtype(pa.int64())",
    ],
)
def test_arrow_is_refused(expression):
    """jsonpickle restores it as invalid memory, which crashes the interpreter."""
    import pyarrow.compute

    value = eval(expression, {"pa": pa, "np": np, "pd": pd, "pyarrow": pyarrow})
    with pytest.raises(TypeError):
        codec_for("json", None).encode(value, b"")


@pytest.mark.skipif(not HAS_ARROW, reason="needs pyarrow")
@pytest.mark.parametrize(
    "flat",
    [
        {
            "py/reduce": [
                {"py/function": "pyarrow.lib._reconstruct_table"},
                {"py/tuple": [[], None]},
            ]
        },
        {"py/object": "pyarrow.lib.Table"},
        [{"py/reduce": [{"py/type": "pyarrow.lib.Schema"}, {"py/tuple": []}]}],
    ],
)
def test_stored_arrow_is_not_restored(flat):
    with pytest.raises(ValueError, match="pyarrow"):
        codec_for("json", None).decode(json.dumps(flat).encode())


def test_polars():
    pl = pytest.importorskip("polars")
    for value in (pl.DataFrame({"a": [1, None], "b": ["x", "y"]}), pl.Series("n", [[1], [2, 3]])):
        try:
            again = round_trip(value)
        except TypeError:
            continue
        assert again.equals(value)
