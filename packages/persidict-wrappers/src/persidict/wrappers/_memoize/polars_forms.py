"""Canonical forms of polars' frames, series and data types.

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


def feed_polars(update: Update, value: Any) -> bool:
    """Write the canonical form of a value of polars, or return False if it is none."""
    if type(value).__module__.partition(".")[0] != "polars":
        return False
    _feed_polars(update, value)
    return True


def _feed_polars(update: Update, value: Any) -> None:
    pl: Any = sys.modules["polars"]
    if type(value) is pl.DataFrame:
        begin(update, b"polars", value.width)
        for column in value.get_columns():
            _feed_polars(update, column)
        feed_state(update, _own_attributes(value))
    elif type(value) is pl.Series:
        feed(update, value.name)
        _feed_values(update, value)
        feed_state(update, _own_attributes(value))
    elif isinstance(value, pl.DataType) or (
        isinstance(value, type) and issubclass(value, pl.DataType)
    ):
        token(update, b"dtype", str(value).encode())
    else:
        raise refuse(value)


def _feed_values(update: Update, series: Any) -> None:
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
        feed_array(update, series.to_numpy())
    else:
        feed_sequence(update, b"column", series.to_list())


def _own_attributes(value: Any) -> dict[str, Any]:
    """Return the attributes that users set; those of polars begin with an underscore."""
    return {name: part for name, part in vars(value).items() if not name.startswith("_")}
