"""Exceptions and tracebacks in JSON: exceptions keep their causes, tracebacks become text.

Programs store both in crash reports. A traceback can't be restored, so its formatted text stands
for it. Programs that read the JSON with jsonpickle alone get a dict with that text.
"""

from __future__ import annotations

import copyreg
import pickle
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

import jsonpickle
from jsonpickle.handlers import BaseHandler

_TEXT = "text"


class TracebackText(str):
    """The formatted text of a traceback that was stored as JSON."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)  # pickles don't depend on this class


def text_of(value: TracebackType | TracebackText) -> str:
    """Return the text of a traceback as Python prints it."""
    if isinstance(value, TracebackText):
        return str(value)
    return "".join(traceback.format_tb(value))


class Pickler(jsonpickle.Pickler):  # type: ignore[misc]  # jsonpickle has no types
    """A pickler that stores causes of exceptions.

    It also marks the writes of persidict for the handlers, which are global: for other programs in
    this process, jsonpickle works as before.

    Args:
        is_storable: Tells whether a cause comes back equal; otherwise it is left out.
        **options: Those of jsonpickle.
    """

    def __init__(self, is_storable: Callable[[BaseException], bool], **options: Any) -> None:
        super().__init__(**options)
        self._is_storable = is_storable
        self._states: list[Any] = []  # jsonpickle compares the ids of objects

    def _flatten_obj_instance(self, obj: Any) -> Any:
        cause = obj.__cause__ if isinstance(obj, BaseException) else None
        if cause is not None and _has_plain_state(obj) and self._is_storable(cause):
            reduced: Any = obj.__reduce_ex__(2)
            attributes = reduced[2] if len(reduced) > 2 else None
            state = {**(attributes or {}), "__cause__": cause}
            self._states.append(state)
            parts = (*reduced[:2], state)
            return {"py/reduce": [self.flatten(part, reset=False) for part in parts]}
        return super()._flatten_obj_instance(obj)


class Unpickler(jsonpickle.Unpickler):  # type: ignore[misc]  # likewise
    """The same mark for reads."""


def register_handler() -> None:
    """Register the handler of tracebacks."""
    jsonpickle.handlers.register(TracebackText, _TracebackHandler)
    jsonpickle.handlers.register(TracebackType, _TracebackHandler)


def validating_pickler(file: Any) -> pickle.Pickler:
    """Return a pickler that takes tracebacks too."""
    pickler = pickle.Pickler(file, 5)
    pickler.dispatch_table = {**copyreg.dispatch_table, TracebackType: _reduce_traceback}
    return pickler


class _TracebackHandler(BaseHandler):  # type: ignore[misc]  # likewise
    def flatten(self, obj: Any, data: dict[str, Any]) -> Any:
        if isinstance(self.context, Pickler):
            data = {"py/object": "builtins.traceback", _TEXT: text_of(obj)}
        return data

    def restore(self, data: dict[str, Any]) -> Any:
        if isinstance(self.context, Unpickler):
            return TracebackText(data.get(_TEXT, ""))
        return data


def _reduce_traceback(_: TracebackType) -> tuple[Any, ...]:
    return str, ("a traceback",)


def _has_plain_state(error: BaseException) -> bool:
    """Return whether the state of an exception is a dict of attributes that Python sets."""
    kind: Any = type(error)
    if kind.__setstate__ is not BaseException.__setstate__:
        return False
    reduced: Any = error.__reduce_ex__(2)
    return len(reduced) < 4 and (len(reduced) < 3 or type(reduced[2]) in (dict, type(None)))
