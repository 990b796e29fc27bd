"""jsonpickle handlers for pandas: frames, series, indexes and arrays come back equal.

jsonpickle's own handlers lose index types, frequencies and many dtypes. They only read what they
have written. Imported only where pandas is in use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jsonpickle
import jsonpickle.ext.pandas
import pandas as pd
from jsonpickle.handlers import BaseHandler

from persidict.core._codecs.json_arrays import (
    Convert,
    flatten_array,
    named_freq,
    restore_array,
    restore_extension_array,
    to_freq,
)
from persidict.core._codecs.json_errors import Pickler

_OURS = "persidict"
"""The key that marks the JSON of this module; its value is a version number."""


def register_handlers() -> None:
    """Register the handlers of this module in place of jsonpickle's own."""
    jsonpickle.ext.pandas.register_handlers()
    for kind, (flatten, restore) in _FORMS.items():
        parts = {
            "to_json": staticmethod(flatten),
            "from_json": staticmethod(restore),
            "other": jsonpickle.handlers.get(kind),
        }
        handler = type(f"{kind.__name__}Handler", (_Handler,), parts)
        jsonpickle.handlers.register(kind, handler, base=True)


class _Handler(BaseHandler):  # type: ignore[misc]  # jsonpickle has no types
    """The handler of one class."""

    to_json: ClassVar[Callable[[Any, Convert], dict[str, Any]]]
    from_json: ClassVar[Callable[[dict[str, Any], Convert], Any]]
    other: ClassVar[Any]

    def flatten(self, obj: Any, data: dict[str, Any]) -> Any:
        if not isinstance(self.context, Pickler) and self.other is not None:
            return self.other(self.context).flatten(obj, data)
        parts = type(self).to_json(obj, lambda part: self.context.flatten(part, reset=False))
        return parts if "py/reduce" in parts else {**data, _OURS: 1, **parts}

    def restore(self, data: dict[str, Any]) -> Any:
        if _OURS not in data and self.other is not None:
            return self.other(self.context).restore(data)
        return type(self).from_json(data, lambda part: self.context.restore(part, reset=False))


def _flatten_frame(frame: Any, flatten: Convert) -> dict[str, Any]:
    columns = (frame.iloc[:, position].array for position in range(frame.shape[1]))
    return {
        "index": flatten(frame.index),
        "columns": flatten(frame.columns),
        "data": [flatten_array(column, flatten) for column in columns],
        **_flatten_extras(frame, flatten),
    }


def _restore_frame(parts: dict[str, Any], restore: Convert) -> Any:
    index, labels = restore(parts["index"]), restore(parts["columns"])
    columns = {
        position: _series(restore_array(column, restore), index)
        for position, column in enumerate(parts["data"])
    }
    frame = pd.DataFrame(columns, index=index)
    frame.columns = labels
    return _restore_extras(frame, parts, restore)


def _flatten_series(series: Any, flatten: Convert) -> dict[str, Any]:
    return {
        "name": flatten(series.name),
        "index": flatten(series.index),
        "array": flatten_array(series.array, flatten),
        **_flatten_extras(series, flatten),
    }


def _restore_series(parts: dict[str, Any], restore: Convert) -> Any:
    name, index = restore(parts["name"]), restore(parts["index"])
    series = _series(restore_array(parts["array"], restore), index, name)
    return _restore_extras(series, parts, restore)


def _series(array: Any, index: Any, name: Any = None) -> Any:
    return pd.Series(array, index=index, name=name, dtype=array.dtype, copy=False)


def _flatten_extras(value: Any, flatten: Convert) -> dict[str, Any]:
    extras = {}
    if value.attrs:
        extras["attrs"] = flatten(value.attrs)
    if not value.flags.allows_duplicate_labels:
        extras["allows_duplicate_labels"] = False
    return extras


def _restore_extras(value: Any, parts: dict[str, Any], restore: Convert) -> Any:
    if "attrs" in parts:
        value.attrs = restore(parts["attrs"])
    if "allows_duplicate_labels" in parts:
        value.flags.allows_duplicate_labels = False
    return value


def _flatten_index(index: Any, flatten: Convert) -> dict[str, Any]:
    if isinstance(index, pd.MultiIndex):
        return {
            "names": [flatten(name) for name in index.names],
            "levels": [flatten(level) for level in index.levels],
            "codes": [codes.tolist() for codes in index.codes],
        }
    name = {"name": flatten(index.name)}
    if isinstance(index, pd.RangeIndex):
        return {"range": [index.start, index.stop, index.step], **name}
    freq = getattr(index, "freq", None) if index.dtype.kind in "mM" else None
    if freq is not None:
        name["freq"] = flatten(named_freq(freq))
    return {"array": flatten_array(index.array, flatten), **name}


def _restore_index(parts: dict[str, Any], restore: Convert) -> Any:
    if "levels" in parts:
        names = [restore(name) for name in parts["names"]]
        levels = [restore(level) for level in parts["levels"]]
        return pd.MultiIndex(levels, parts["codes"], names=names)
    name = restore(parts["name"])
    if "range" in parts:
        return pd.RangeIndex(*parts["range"], name=name)
    array = restore_array(parts["array"], restore)
    index = pd.Index(array, dtype=array.dtype, name=name)
    if "freq" in parts:
        index.freq = to_freq(restore(parts["freq"]))
    return index


def _flatten_scalar(value: Any, flatten: Convert) -> dict[str, Any]:
    """Write a scalar as the function and arguments that pickle would store."""
    return {"py/reduce": [flatten(part) for part in value.__reduce__()]}


def _restore_scalar(parts: dict[str, Any], _: Convert) -> Any:
    raise ValueError(f"it is damaged: {parts['py/object']} without its parts")


# MultiIndex and PeriodIndex have handlers of their own in jsonpickle.
_FORMS: dict[type, tuple[Callable[..., Any], Callable[..., Any]]] = {
    pd.DataFrame: (_flatten_frame, _restore_frame),
    pd.Series: (_flatten_series, _restore_series),
    pd.PeriodIndex: (_flatten_index, _restore_index),
    pd.MultiIndex: (_flatten_index, _restore_index),
    pd.Index: (_flatten_index, _restore_index),
    pd.api.extensions.ExtensionArray: (flatten_array, restore_extension_array),
    pd.Timestamp: (_flatten_scalar, _restore_scalar),
    pd.Period: (_flatten_scalar, _restore_scalar),
    pd.Interval: (_flatten_scalar, _restore_scalar),
}
