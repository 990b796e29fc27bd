"""Objects in JSON, by jsonpickle's tags."""

from __future__ import annotations

import base64
import binascii
import json
import sys
import zlib
from collections.abc import Container
from functools import partial
from typing import Any, NoReturn

from persidict.core._codecs.base import missing_package
from persidict.core._codecs.decompress import too_much
from persidict.core._codecs.equality import strictly_equal
from persidict.core._codecs.json_levels import dicts_in
from persidict.core.errors import raise_if_from_handler

_STEP = 1 << 20  # bytes that are decompressed at a time


def flatten(value: Any, known: dict[int, bool] | None = None) -> Any:
    """Return a value as parts that JSON can represent, with tags.

    Args:
        value: The value.
        known: For causes of exceptions, by their ids, whether JSON can represent them.
    """
    _jsonpickle(sys.modules)
    # jsonpickle may create an empty instance of a class that pickle refuses to restore. Such an
    # instance of an extension type can crash the interpreter.
    from persidict.core._codecs.json_errors import Pickler, validating_pickler

    validating_pickler(_Nowhere()).dump(value)
    is_storable = partial(_is_storable, {} if known is None else known)
    return Pickler(is_storable, keys=True, warn=False).flatten(value)


def restore(flat: Any, limit: int | None) -> Any:
    """Return the value of parsed JSON with tags; compressed arrays may have `limit` bytes."""
    _validate_arrays(flat, limit)
    packages = _packages(flat)
    if "pyarrow" in packages:
        raise ValueError("it has objects of pyarrow, which JSON can't restore safely")
    jsonpickle = _jsonpickle({*sys.modules, *packages})
    from persidict.core._codecs.json_errors import Unpickler

    try:
        return Unpickler(keys=True, on_missing="error").restore(flat)
    except jsonpickle.errors.ClassNotFoundError as error:  # a BaseException, but no Exception
        raise LookupError(str(error)) from error


def _validate_arrays(flat: Any, limit: int | None) -> None:
    """Raise if the arrays in JSON, which jsonpickle compresses, exceed the limit in total.

    jsonpickle decompresses every text under the key ``"values"``, so all of them count.
    """
    if limit is None:
        return
    total = 0
    for node in dicts_in(flat):
        values = node.get("values")
        if isinstance(values, str):
            total += _decompressed_size(values, limit - total)
            if total > limit:
                raise too_much(limit)


def _decompressed_size(text: str, limit: int) -> int:
    """Return the decompressed size of a base64 text; stop counting just above the limit."""
    try:
        data = base64.b64decode(text)
    except (binascii.Error, ValueError):
        return 0
    decompressor = zlib.decompressobj()
    size = 0
    while data and size <= limit:
        try:
            size += len(decompressor.decompress(data, min(_STEP, limit - size + 1)))
        except zlib.error:
            return 0  # not compressed, so it can't grow
        data = decompressor.unconsumed_tail
    return size


def _is_storable(known: dict[int, bool], cause: BaseException) -> bool:
    """Return whether the cause of an exception comes back equal."""
    if id(cause) not in known:
        known[id(cause)] = False
        if _leads_to_itself(cause):
            return False
        try:
            flat = json.loads(json.dumps(flatten(cause, known)))
            known[id(cause)] = strictly_equal(restore(flat, None), cause)
        except Exception as error:  # noqa: BLE001  # raised by the classes of its attributes
            raise_if_from_handler(error)
    return known[id(cause)]


def _leads_to_itself(error: BaseException | None) -> bool:
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error = error.__cause__
    return error is not None


class _Nowhere:
    """A file that forgets what is written to it."""

    def write(self, data: object) -> None:
        pass


def _jsonpickle(packages: Container[str]) -> Any:
    """Import jsonpickle, with handlers for the packages that may occur."""
    try:
        import jsonpickle
    except ImportError as error:
        raise missing_package("jsonpickle", "JSON for more than plain lists and dicts") from error
    from persidict.core._codecs import json_errors

    json_errors.register_handler()
    if "numpy" in packages:
        import jsonpickle.ext.numpy

        jsonpickle.ext.numpy.register_handlers()
    if "pandas" in packages:
        from persidict.core._codecs import json_frames

        json_frames.register_handlers()
    if "pyarrow" in packages:
        import pyarrow as pa

        jsonpickle.handlers.register(pa.Table.__mro__[-2], _refuse_arrow, base=True)
    return jsonpickle


def _refuse_arrow(_: Any) -> NoReturn:
    """Take the place of a jsonpickle handler: jsonpickle restores Arrow data as invalid memory."""
    raise TypeError("objects of pyarrow have no JSON form; use 'pkl', or a format such as Parquet")


def _packages(flat: Any) -> set[str]:
    """Return the packages of all classes that the tags in parsed JSON name."""
    tags = ("py/object", "py/function", "py/type")
    return {str(node.get(tag)).partition(".")[0] for node in dicts_in(flat) for tag in tags}
