"""Arrays of pandas and NumPy columns as JSON: ``{"dtype": …, "values": …}`` and what a dtype needs.

Imported only where pandas is in use.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

Convert: TypeAlias = Callable[[Any], Any]
"""jsonpickle's ``flatten`` or ``restore`` for a part of the object at hand."""

_NO_FORM = "pandas arrays of dtype {} have no JSON form; use 'pkl' for them"


def flatten_array(array: Any, flatten: Convert) -> dict[str, Any]:
    """Return the JSON of a NumPy array or an extension array of pandas.

    Raises:
        TypeError: The dtype has no JSON form.
    """
    dtype = array.dtype
    for name, (dtype_class, to_parts, _) in _EXTENSIONS.items():
        if isinstance(dtype, dtype_class):
            parts = to_parts(array)
            return {
                "dtype": name,
                **{
                    k: v if isinstance(v, (list, str, bool)) else flatten(v)
                    for k, v in parts.items()
                },
            }
    if not isinstance(dtype, np.dtype) and not isinstance(array, pd.arrays.NumpyExtensionArray):
        raise TypeError(_NO_FORM.format(dtype))
    return _flatten_numpy(np.asarray(array), flatten)


def restore_array(parts: dict[str, Any], restore: Convert) -> Any:
    """Return the array of such JSON."""
    extension = _EXTENSIONS.get(parts["dtype"])
    if extension is None:
        return _restore_numpy(parts, restore)
    return extension[2]({k: restore(v) if isinstance(v, dict) else v for k, v in parts.items()})


def restore_extension_array(parts: dict[str, Any], restore: Convert) -> Any:
    """Return the array of such JSON, a NumPy array as pandas' wrapper of it."""
    array = restore_array(parts, restore)
    return pd.arrays.NumpyExtensionArray(array) if isinstance(array, np.ndarray) else array


def _flatten_numpy(array: Any, flatten: Convert) -> dict[str, Any]:
    dtype = array.dtype
    if dtype.kind == "O":
        return {"dtype": "object", "values": [flatten(element) for element in array]}
    if dtype.kind not in "biufcmM":
        raise TypeError(_NO_FORM.format(dtype))
    numbers = array.view("i8") if dtype.kind in "mM" else array
    if dtype.kind == "c":
        numbers = numbers.view(numbers.real.dtype)
    return {"dtype": dtype.str, "values": numbers.tolist()}


def _restore_numpy(parts: dict[str, Any], restore: Convert) -> Any:
    if parts["dtype"] == "object":
        array = np.empty(len(parts["values"]), dtype=object)
        array[:] = [restore(element) for element in parts["values"]]
        return array
    dtype = np.dtype(parts["dtype"])
    if dtype.kind in "mM":
        return np.array(parts["values"], dtype="i8").view(dtype)
    if dtype.kind == "c":
        return np.array(parts["values"], dtype=dtype.type(0).real.dtype).view(dtype)
    return np.array(parts["values"], dtype=dtype)


# Text


def _flatten_text(array: Any) -> dict[str, Any]:
    values = [None if is_na else str(text) for text, is_na in zip(array, array.isna(), strict=True)]
    parts = {"storage": array.dtype.storage, "values": values}
    return parts if array.dtype.na_value is pd.NA else {**parts, "na": "nan"}


def _restore_text(parts: dict[str, Any]) -> Any:
    # Only pandas 3 has text with NaN, and that argument.
    na_value = {"na_value": np.nan} if "na" in parts else {}
    return pd.array(parts["values"], dtype=pd.StringDtype(parts["storage"], **na_value))


# Categories


def _flatten_categories(array: Any) -> dict[str, Any]:
    dtype = array.dtype
    return {
        "categories": dtype.categories,
        "ordered": dtype.ordered,
        "codes": array.codes.tolist(),
    }


def _restore_categories(parts: dict[str, Any]) -> Any:
    dtype = pd.CategoricalDtype(parts["categories"], parts["ordered"])
    return pd.Categorical.from_codes(parts["codes"], dtype=dtype)


# Times


def _flatten_times(array: Any) -> dict[str, Any]:
    return {"unit": array.unit, "tz": array.tz, "values": array.asi8.tolist()}


def _restore_times(parts: dict[str, Any]) -> Any:
    times = np.array(parts["values"], dtype="i8").view(f"M8[{parts['unit']}]")
    return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(parts["tz"]).array


def _flatten_periods(array: Any) -> dict[str, Any]:
    return {"freq": named_freq(array.freq), "values": array.asi8.tolist()}


def _restore_periods(parts: dict[str, Any]) -> Any:
    freq = to_freq(parts["freq"])
    return pd.PeriodIndex.from_ordinals(np.array(parts["values"], dtype="i8"), freq=freq).array


def named_freq(freq: Any) -> Any:
    """Return the name of a frequency, or the frequency if its name does not say all."""
    if pd.tseries.frequencies.to_offset(freq.freqstr) == freq:
        return freq.freqstr
    return freq


to_freq = pd.tseries.frequencies.to_offset
"""Return the frequency of a name, or a frequency as it is."""


# Others


def _flatten_intervals(array: Any) -> dict[str, Any]:
    return {"closed": array.closed, "left": array.left, "right": array.right}


def _restore_intervals(parts: dict[str, Any]) -> Any:
    left, right = parts["left"], parts["right"]
    return pd.arrays.IntervalArray.from_arrays(left, right, closed=parts["closed"])


def _flatten_nullable(array: Any) -> dict[str, Any]:
    dtype = array.dtype.numpy_dtype
    values = array.to_numpy(dtype=dtype, na_value=dtype.type(0))
    return {"type": dtype.str, "values": values.tolist(), "is_na": array.isna().tolist()}


def _restore_nullable(parts: dict[str, Any]) -> Any:
    values = np.array(parts["values"], dtype=parts["type"])
    return _NULLABLE[values.dtype.kind](values, np.array(parts["is_na"], dtype=bool))


def _flatten_arrow(array: Any) -> dict[str, Any]:
    import pyarrow as pa

    table = pa.table({"values": pa.array(array)})
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as stream:
        stream.write_table(table)
    return {"ipc": base64.b64encode(buffer.getvalue()).decode()}


def _restore_arrow(parts: dict[str, Any]) -> Any:
    import pyarrow as pa

    with pa.ipc.open_stream(base64.b64decode(parts["ipc"])) as stream:
        table = stream.read_all()
    table.validate(full=True)
    return pd.arrays.ArrowExtensionArray(table["values"])


_NULLABLE: dict[str, Callable[[Any, Any], Any]] = {
    "b": pd.arrays.BooleanArray,
    "f": pd.arrays.FloatingArray,
    "i": pd.arrays.IntegerArray,
    "u": pd.arrays.IntegerArray,
}
_NULLABLE_DTYPES = tuple(
    type(pd.api.types.pandas_dtype(name))
    for name in [
        *("boolean", "Float32", "Float64"),
        *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)),
    ]
)
# The dtype's name in JSON, its class, and the two functions.
_EXTENSIONS: dict[str, tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "string": (pd.StringDtype, _flatten_text, _restore_text),
    "category": (pd.CategoricalDtype, _flatten_categories, _restore_categories),
    "datetimetz": (pd.DatetimeTZDtype, _flatten_times, _restore_times),
    "period": (pd.PeriodDtype, _flatten_periods, _restore_periods),
    "interval": (pd.IntervalDtype, _flatten_intervals, _restore_intervals),
    "nullable": (_NULLABLE_DTYPES, _flatten_nullable, _restore_nullable),
    "arrow": (pd.ArrowDtype, _flatten_arrow, _restore_arrow),
}
