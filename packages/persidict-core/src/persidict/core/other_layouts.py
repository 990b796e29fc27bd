"""Notices a store that looks empty because it is opened with the wrong format or digest length."""

from __future__ import annotations

import sys
from _weakref import ref  # `weakref` takes a while to import
from typing import Any

from persidict.core._codecs.registry import stores_text
from persidict.core.backend import Backend
from persidict.core.errors import BackendError
from persidict.core.keys import SafeStrTuple
from persidict.core.parameters import constructor_parameters


class MissNotice:
    """Logs one warning if a store has items, but none that its constructor arguments would read.

    All sub-dicts and copies of a handle share one. A store calls `found_nothing` when it misses
    an item and when a listing is empty, so that hits cost nothing.
    """

    __slots__ = ("_handle", "_looks", "is_over")
    is_over: bool
    """Whether nothing is to be done any more; stores may look at it first to save the call."""

    def __init__(self) -> None:
        self.is_over = False
        # Popped in one step, so that only one of several threads looks.
        self._looks = [None]
        self._handle: ref[Backend[Any]] | None = None

    def silence(self) -> None:
        """Never warn: the place is known to hold own items, or items of several formats."""
        self.is_over = True

    def speak_for(self, handle: Backend[Any]) -> None:
        """Show the constructor call of a handle that contains the store, and that users have."""
        self._handle = ref(handle)

    def found_nothing(self, store: Backend[Any]) -> None:
        """Look at the store's place, once, and warn if it has other items only."""
        if self.is_over or not self._looks or sys.is_finalizing():
            return  # to look, it would have to import something
        try:
            self._looks.pop()
        except IndexError:
            return
        self.is_over = True
        handle = None if self._handle is None else self._handle()
        whole = (store if handle is None else handle)._at(SafeStrTuple())
        try:
            others = whole._stored_otherwise()
        except BackendError:
            return  # listing may be forbidden; the miss is an answer all the same
        if others:
            import logging  # slow to import, rarely needed

            logger = ".".join(type(store).__module__.split(".")[:2])
            logging.getLogger(logger).warning("%s", advice(whole, others[0]))


def advice(store: Backend[Any], others: dict[str, Any]) -> str:
    """Return a message that says how to open a store whose items have another layout.

    Args:
        store: The handle that finds nothing.
        others: The constructor arguments that would read the items, as `_stored_otherwise` returns
            them.
    """
    own = store.get_params()
    used = " and ".join(
        f"{name}={own[name]!r}" for name in others if name != "base_class_for_values"
    )
    return (
        f"there are no items with {used} here, but others; to read them, open "
        f"{constructor_call(store, others)}"
    )


def with_format(serialization_format: str) -> dict[str, Any]:
    """Return the constructor arguments that open a store in a format."""
    text_class = str if stores_text(serialization_format) else None
    return {"serialization_format": serialization_format, "base_class_for_values": text_class}


def constructor_call(store: Backend[Any], changed: dict[str, Any]) -> str:
    """Return the source of a constructor call: a store's arguments with some of them changed."""
    from persidict.core._opening.contract import StaysBehind
    from persidict.core.redaction import redacted

    params = {**store.get_params(), **changed}
    arguments = []
    for name, parameter in constructor_parameters(type(store)).items():
        value = params.get(name, parameter.default)
        is_place = parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        if value == parameter.default and not is_place:
            continue
        if isinstance(value, StaysBehind) or name in store._secret_params:
            text = "..."
        else:
            text = value.__qualname__ if isinstance(value, type) else redacted(repr(value))
        arguments.append(text if is_place else f"{name}={text}")
    return f"{type(store).__name__}({', '.join(arguments)})"
