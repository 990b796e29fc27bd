"""Canonical forms of arrays and data frames: type, shape, labels and content.

The packages are not imported: whoever has a value of theirs has loaded them.
"""

from __future__ import annotations

import sys
from typing import Any

from persidict.wrappers._memoize.digests import Update, begin, feed, feed_sequence, refuse, token

# Without long doubles, which have bytes without meaning in them.
_PLAIN_KINDS = frozenset("biufcmMSU")
_PADDED = frozenset("gG")


def feed_array_like(update: Update, value: Any) -> None:
    """Write down a value of numpy, pandas or polars."""
    package = type(value).__module__.partition(".")[0]
    {"numpy": _feed_numpy, "pandas": _feed_pandas, "polars": _feed_polars}[package](update, value)


def _feed_numpy(update: Update, value: Any) -> None:
    np: Any = sys.modules["numpy"]
    if type(value) in (np.ndarray, np.memmap):
        begin(update, b"array", 2)
        _feed_array(update, value)
    elif isinstance(value, np.generic):
        begin(update, b"scalar", 2)
        _feed_array(update, np.asarray(value))
    elif isinstance(value, np.dtype) and value.kind in _PLAIN_KINDS:
        token(update, b"dtype", value.str.encode())
    else:
        raise refuse(value)


def _feed_array(update: Update, array: Any) -> None:
    np: Any = sys.modules["numpy"]
    dtype = array.dtype
    feed(update, array.shape)
    if dtype.names is not None:  # field by field: there may be padding between them
        begin(update, b"record", len(dtype.names))
        for name in dtype.names:
            feed(update, name)
            _feed_array(update, array[name])
    elif dtype.kind in _PLAIN_KINDS and dtype.char not in _PADDED:
        feed(update, dtype.str)
        flat = np.ascontiguousarray(array).reshape(-1)
        token(update, b"data", flat.view("u1").data if flat.nbytes else b"")
    elif dtype.kind in "OT":
        feed_sequence(update, b"objects", array.reshape(-1).tolist())
    else:
        raise refuse(array.reshape(-1)[0] if array.size else array)


def _feed_pandas(update: Update, value: Any) -> None:
    pd: Any = sys.modules["pandas"]
    if value is pd.NA or value is pd.NaT:
        token(update, b"missing", str(value).encode())
    elif isinstance(value, (pd.Timestamp, pd.Timedelta)):
        begin(update, b"pandas", 3)
        feed(update, type(value).__name__)
        feed(update, value.isoformat())
        feed(update, str(getattr(value, "tz", None)))
    elif isinstance(value, pd.Index):
        begin(update, b"index", value.nlevels)
        for level in range(value.nlevels):
            _feed_column(update, value.get_level_values(level))
    elif type(value) is pd.Series:
        begin(update, b"series", 2)
        _feed_pandas(update, value.index)
        _feed_column(update, value)
        _feed_attributes(update, value)
    elif type(value) is pd.DataFrame:
        begin(update, b"frame", value.shape[1])
        _feed_pandas(update, value.index)
        _feed_pandas(update, value.columns)
        for position in range(value.shape[1]):
            _feed_column(update, value.iloc[:, position])
        _feed_attributes(update, value)
    else:
        raise refuse(value)


def _feed_attributes(update: Update, value: Any) -> None:
    if value.attrs:
        begin(update, b"attributes", 1)
        feed(update, value.attrs)


def _feed_column(update: Update, column: Any) -> None:
    """Write down the name and the values of a series or an index of one level."""
    np: Any = sys.modules["numpy"]
    feed(update, column.name)
    if isinstance(column.dtype, np.dtype):
        _feed_array(update, column.to_numpy())
        return
    feed(update, str(column.dtype))
    if "time64[ns]" in str(column.dtype):
        raise refuse(column)  # Python's times end at microseconds
    categories = getattr(column.dtype, "categories", None)
    if categories is None or not hasattr(column.array, "codes"):
        feed_sequence(update, b"column", column.to_numpy(dtype=object).tolist())
    else:
        feed(update, column.dtype.ordered)
        _feed_pandas(update, categories)
        _feed_array(update, np.asarray(column.array.codes))


def _feed_polars(update: Update, value: Any) -> None:
    pl: Any = sys.modules["polars"]
    if type(value) is pl.DataFrame:
        begin(update, b"polars", value.width)
        for column in value.get_columns():
            _feed_polars(update, column)
    elif type(value) is pl.Series:
        feed(update, value.name)
        _feed_polars_values(update, value)
    elif isinstance(value, pl.DataType) or (
        isinstance(value, type) and issubclass(value, pl.DataType)
    ):
        token(update, b"dtype", str(value).encode())
    else:
        raise refuse(value)


def _feed_polars_values(update: Update, series: Any) -> None:
    kind = str(series.dtype)
    feed(update, kind)
    if "Categorical" not in kind:
        # The numbers in it: as Python's objects, nanoseconds would be cut off.
        series = series.to_physical()
    elif "'ns'" in kind or "Time" in kind:
        raise refuse(series)  # the numbers of categories differ between processes
    dtype = series.dtype
    fits_numpy = dtype.is_float() or (dtype.is_integer() and "128" not in str(dtype))
    if fits_numpy and not series.null_count():
        _feed_array(update, series.to_numpy())
    else:
        feed_sequence(update, b"column", series.to_list())
