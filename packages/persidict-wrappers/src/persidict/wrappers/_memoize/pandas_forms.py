"""Canonical forms of pandas' frames, series, indexes and times: labels, content and settings.

The package is not imported: a value of its types exists only if somebody has loaded it.
"""

from __future__ import annotations

import sys
from typing import Any

from persidict.wrappers._memoize.canonical import (
    Update,
    begin,
    feed,
    feed_sequence,
    refuse,
    token,
)
from persidict.wrappers._memoize.numpy_forms import feed_array
from persidict.wrappers._memoize.objects import feed_state

# What frames and series have in their dicts, in all versions.
_OF_PANDAS = frozenset(
    {"_mgr", "_item_cache", "_attrs", "_flags", "_name", "_index", "_cacher", "_is_copy"}
)


def feed_pandas(update: Update, value: Any) -> bool:
    """Write the canonical form of a value of pandas, or return False if it is none."""
    if type(value).__module__.partition(".")[0] != "pandas":
        return False
    pd: Any = sys.modules["pandas"]
    if value is pd.NA or value is pd.NaT:
        token(update, b"missing", str(value).encode())
    elif isinstance(value, (pd.Timestamp, pd.Timedelta)):
        _feed_moment(update, value)
    elif isinstance(value, pd.Index):
        _feed_index(update, value)
    elif type(value) is pd.Series:
        begin(update, b"series", 2)
        _feed_index(update, value.index)
        _feed_column(update, value)
        _feed_settings(update, value)
    elif type(value) is pd.DataFrame:
        begin(update, b"frame", value.shape[1])
        _feed_index(update, value.index)
        _feed_index(update, value.columns)
        for position in range(value.shape[1]):
            _feed_column(update, value.iloc[:, position])
        _feed_settings(update, value)
    else:
        raise refuse(value)
    return True


def _feed_moment(update: Update, value: Any) -> None:
    begin(update, b"pandas", 4)
    feed(update, type(value).__name__)
    feed(update, value.isoformat())
    feed(update, value.unit)
    feed(update, getattr(value, "fold", 0))
    _feed_zone(update, getattr(value, "tz", None))


def _feed_zone(update: Update, zone: Any) -> None:
    """Write a time zone; the older package pytz has its own classes for them."""
    name = getattr(zone, "zone", None)
    if type(zone).__module__.partition(".")[0] == "pytz" and name is not None:
        feed(update, ("pytz", name))
    else:
        feed(update, zone)


def _feed_settings(update: Update, value: Any) -> None:
    """Write what a frame or series holds beside its content: attributes and flags."""
    if value.attrs:
        begin(update, b"attributes", 1)
        feed(update, value.attrs)
    if not value.flags.allows_duplicate_labels:
        begin(update, b"unique labels", 0)
    feed_state(update, _set_attributes(value))


def _set_attributes(value: Any) -> dict[str, Any]:
    """Return the attributes that users set."""
    pd: Any = sys.modules["pandas"]
    own = vars(value)
    if isinstance(value, pd.Index):  # pandas keeps what it works out in private attributes
        return {name: part for name, part in own.items() if not name.startswith("_")}
    return {name: part for name, part in own.items() if name not in _OF_PANDAS}


def _feed_index(update: Update, index: Any) -> None:
    """Write an index of any type."""
    pd: Any = sys.modules["pandas"]
    begin(update, b"index", index.nlevels)
    feed(update, type(index).__name__)
    if isinstance(index, pd.MultiIndex):
        feed(update, [list(index.names), index.sortorder])
        for level, codes in zip(index.levels, index.codes, strict=True):
            _feed_index(update, level)
            feed_array(update, codes)
    elif isinstance(index, pd.RangeIndex):
        feed(update, [index.name, index.start, index.stop, index.step])
    else:
        _feed_column(update, index)
        _feed_frequency(update, getattr(index, "freq", None))
    feed_state(update, _set_attributes(index))


def _feed_frequency(update: Update, frequency: Any) -> None:
    if frequency is not None:
        begin(update, b"frequency", 4)
        feed(update, [type(frequency).__name__, frequency.freqstr])
        feed(update, [frequency.n, frequency.normalize, frequency.kwds])


def _feed_column(update: Update, column: Any) -> None:
    """Write the name and the values of a series or an index of one level."""
    np: Any = sys.modules["numpy"]
    feed(update, column.name)
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        # `object` columns have Python's strings or anything else.
        feed_array(update, column.to_numpy())
        return
    if type(dtype).__module__.partition(".")[0] != "pandas":
        raise refuse(column)  # a dtype's text need not tell all of it
    feed(update, [str(dtype), type(dtype).__name__, getattr(dtype, "storage", None)])
    if "time64[ns]" in str(dtype):
        raise refuse(column)  # Python's times end at microseconds
    if hasattr(dtype, "tz"):
        _feed_zone(update, dtype.tz)
    categories = getattr(dtype, "categories", None)
    if categories is None or not hasattr(column.array, "codes"):
        if hasattr(dtype, "na_value"):
            feed(update, [dtype.na_value])
        feed_sequence(update, b"column", column.to_numpy(dtype=object).tolist())
    else:
        feed(update, dtype.ordered)
        _feed_index(update, categories)
        feed_array(update, np.asarray(column.array.codes))
