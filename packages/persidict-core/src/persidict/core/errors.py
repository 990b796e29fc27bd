"""Errors of all dicts.

::

    PersiDictError
    ├── MutationPolicyError (TypeError)        a change that the dict's policy forbids
    ├── ConcurrencyConflictError (RuntimeError)  others changed the item at every attempt
    ├── EncodingError (TypeError)              a value that the format can't hold
    └── BackendError (RuntimeError)            disk, network, permissions; the cause is chained
        └── DecodingError (ValueError)         a stored value that can't be read back

A missing item is a ``KeyError``, wrong arguments are a ``TypeError`` or a ``ValueError``.
"""

from __future__ import annotations

from itertools import pairwise
from types import FrameType
from typing import Any

from persidict.core.keys import shown_key

_CO_VARARGS = 4  # of the module inspect, which takes milliseconds to import


class PersiDictError(Exception):
    """The base of all errors defined here."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Worker processes send exceptions back by pickle, which keyword arguments would break.
        return _rebuild, (type(self), self.args, self.__dict__)


class MutationPolicyError(PersiDictError, TypeError):
    """A change that the dict's policy forbids; nothing was changed.

    Attributes:
        policy: ``"append-only"`` or ``"write-once"``.
    """

    def __init__(self, policy: str) -> None:
        super().__init__(policy)
        self.policy = policy

    def __str__(self) -> str:
        return f"the dict is {self.policy}: what it holds can't be changed or deleted"


class ConcurrencyConflictError(PersiDictError, RuntimeError):
    """Somebody else changed the item during every attempt to transform it.

    Attributes:
        key: The key of the item.
        attempts: How many times it was tried.
    """

    def __init__(self, key: Any, attempts: int) -> None:
        super().__init__(key, attempts)
        self.key = key
        self.attempts = attempts

    def __str__(self) -> str:
        return (
            f"{shown_key(self.key)} was changed by others during each of {self.attempts} attempts"
        )


class EncodingError(PersiDictError, TypeError):
    """A value can't be stored in the dict's format; nothing was changed.

    Attributes:
        key: The key that it was to be stored under.
        serialization_format: The format that refused it.
    """

    def __init__(self, message: str, *, key: Any, serialization_format: str) -> None:
        super().__init__(message)
        self.key = key
        self.serialization_format = serialization_format


class BackendError(PersiDictError, RuntimeError):
    """The storage failed: permissions, a full disk, the network; ``__cause__`` has the reason.

    Attributes:
        backend: What failed, such as ``"FileDirDict"``.
        operation: What was tried, such as ``"write"``.
        key: The key of the item, or None if it was not about one.
    """

    def __init__(self, message: str, *, backend: str, operation: str, key: Any = None) -> None:
        super().__init__(message)
        self.backend = backend
        self.operation = operation
        self.key = key


class DecodingError(BackendError, ValueError):
    """A stored value can't be read back: damaged, in another format, or its class is gone."""


def _rebuild(cls: type[Exception], args: tuple[Any, ...], state: dict[str, Any]) -> Exception:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def raise_if_from_handler(error: BaseException) -> None:
    """Raise an exception again if it comes from a signal handler.

    Python calls a handler with the number of the signal and the frame that it interrupts, which
    is also the frame that the handler returns to. No other function is called like this. A
    handler that overwrites these two arguments is not recognized.
    """
    traceback = error.__traceback__
    while traceback is not None:
        if _is_handler(traceback.tb_frame):
            raise error
        traceback = traceback.tb_next


def _is_handler(frame: FrameType) -> bool:
    """Return whether a frame is that of a function that Python called for a signal."""
    code, interrupted = frame.f_code, frame.f_back
    # Frames of our own are no handlers. Looking at their variables would keep values alive.
    if interrupted is None or str(frame.f_globals.get("__name__")).startswith("persidict."):
        return False
    takes_any = bool(code.co_flags & _CO_VARARGS)
    named = code.co_argcount
    if named < 2 and not takes_any:
        return False
    names = code.co_varnames
    arguments = [frame.f_locals.get(name) for name in names[:named]]
    if takes_any:
        arguments += frame.f_locals.get(names[named + code.co_kwonlyargcount]) or ()
    return any(
        isinstance(number, int) and frame is interrupted for number, frame in pairwise(arguments)
    )
