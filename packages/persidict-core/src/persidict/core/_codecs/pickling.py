"""Pickle a value in pieces, with the C pickler or with cloudpickle.

cloudpickle pickles values that contain a class or function that other programs can't import. The
C pickler pickles all others. A value with classes of its own is also unpickled, because some
classes can be pickled but not restored: then the write fails instead of every later read.
"""

from __future__ import annotations

import io
import operator
import pickle
import sys
import types
from functools import cache, lru_cache
from typing import Any, NoReturn

from persidict.core._codecs.base import missing_package
from persidict.core._codecs.main_classes import (
    MAIN_MODULES,
    found_by_name,
    load,
    marked,
    script_header,
)
from persidict.core.errors import raise_if_from_handler

# Packages whose objects are known to be restored.
_TRUSTED = frozenset(
    {
        *("builtins", "_codecs", "array", "collections", "copyreg", "datetime", "_datetime"),
        *("decimal", "_decimal", "fractions", "pathlib", "uuid", "zoneinfo"),
        *("numpy", "pandas", "polars", "pyarrow"),
    }
)
_Cached = type(cache(len))
_NAMED = (type, types.FunctionType, types.BuiltinFunctionType, _Cached)
_PROTOCOL_BYTES = 2


class Pieces(list[bytes]):
    """A file to pickle into without copies: large ``bytes`` become pieces as they are."""

    def write(self, piece: bytes | bytearray) -> None:
        """Append a piece."""
        self.append(bytes(piece))


def pickled(value: Any) -> list[bytes]:
    """Return the pickle of a value.

    Raises:
        ValueError: The value could not be restored from its pickle.
        ImportError: The value needs cloudpickle, which is not installed.
    """
    cloudpickle = sys.modules.get("cloudpickle")
    if cloudpickle is not None and cloudpickle.list_registry_pickle_by_value().difference(
        MAIN_MODULES
    ):
        return _verified(_cloudpickled(value, None))
    pieces = Pieces()
    pickler = _Pickler(pieces, 5)
    named = pickler.named = list[Any]()
    try:
        pickler.dump(value)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise_if_from_handler(error)
        return _verified(_cloudpickled(value, error))
    if not named:
        return pieces
    # A class or function of __main__ is pickled by its name, which means another thing elsewhere.
    if any(one.__module__ in MAIN_MODULES for one in named):
        try:
            pieces = _cloudpickled(value, None)
        except ImportError:
            return _verified(pieces)  # only the same script can read it
    elif all(map(_is_trusted, named)):
        return pieces
    return _verified(pieces)


class _Pickler(pickle.Pickler):
    """The C pickler; it notes the classes and functions that it stores by name."""

    __slots__ = ("named",)
    named: list[Any]

    def reducer_override(self, obj: Any, /) -> Any:
        if isinstance(obj, _NAMED):
            self.named.append(obj)
        return NotImplemented


def _is_trusted(named: Any) -> bool:
    if isinstance(named, type) and issubclass(named, BaseException):
        return False
    # A method of a built-in class has no module; its class is noted too.
    module = named.__module__ or "builtins"
    return module.partition(".")[0] in _TRUSTED


def _verified(pieces: list[bytes]) -> list[bytes]:
    """Return a pickle that can be restored."""
    try:
        load(b"".join(pieces))
    except MemoryError:
        raise
    except Exception as error:
        raise_if_from_handler(error)
        raise ValueError(
            f"it could not be read back from its pickle: {type(error).__name__}: {error}"
        ) from error
    return pieces


def _cloudpickled(value: Any, refusal: Exception | None) -> Pieces:
    try:
        import cloudpickle
    except ImportError:
        raise missing_package(
            "cloudpickle", "storing lambdas, local classes and definitions of __main__"
        ) from refusal
    worker_main = sys.modules.get("__mp_main__")
    # In the script itself this is another name of __main__, which is stored by value anyway.
    if worker_main is not None and worker_main.__name__ == "__mp_main__":
        cloudpickle.register_pickle_by_value(worker_main)
    pieces = Pieces()
    pickler = _cloud_pickler(cloudpickle.Pickler)(pieces, 5)
    pickler.has_own_classes = False
    pickler.dump(value)
    if pickler.has_own_classes:
        pieces[0:1] = [script_header(), pieces[0][_PROTOCOL_BYTES:]]
    return pieces


@cache
def _cloud_pickler(base: Any) -> Any:
    """Derive from cloudpickle's pickler, which stores a memoryview as bytes and a file as text."""
    reducers = {io.TextIOWrapper: _refuse_file, memoryview: _reduce_view}

    def reducer_override(self: Any, obj: Any, /) -> Any:
        if isinstance(obj, _Cached) and obj.__module__ in MAIN_MODULES:
            return _reduce_cached(obj)
        reduced = base.reducer_override(self, obj)
        if isinstance(obj, type) and type(reduced) is tuple and found_by_name(obj):
            self.has_own_classes = True
            return marked(reduced, obj)
        return reduced

    body: dict[str, Any] = {"dispatch_table": base.dispatch_table.new_child(reducers)}
    if hasattr(base, "reducer_override"):  # on PyPy, its classes come back by value
        body["reducer_override"] = reducer_override
    return type("Pickler", (base,), body)


class _CacheMaker:
    """Pickled, it becomes the decorator that `lru_cache` returns."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return lru_cache, self._arguments


def _reduce_cached(function: Any) -> tuple[Any, ...]:
    """Have a function with a cache pickled by value; its own pickle is its name in the script."""
    how = function.cache_parameters()
    return operator.call, (_CacheMaker(how["maxsize"], how["typed"]), function.__wrapped__)


def _refuse_file(file: io.TextIOWrapper) -> NoReturn:
    raise TypeError(f"an open file can't be stored: {file!r}")


def _reduce_view(view: memoryview) -> tuple[Any, ...]:
    content = view.tobytes()
    if (view.format, view.ndim) == ("B", 1):
        return memoryview, (content,)
    return operator.methodcaller("cast", view.format, view.shape), (memoryview(content),)
