"""Pickles of handles: a class and its arguments, from which another process opens the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from persidict.core._opening.contract import StaysBehind
from persidict.core.backend import Backend
from persidict.core.parameters import constructor_parameters

_is_arriving = ContextVar("persidict_is_arriving", default=False)


def reduced(store: Backend[Any]) -> tuple[Any, ...]:
    """Return what ``__reduce__`` has to: how to open the same store in another process.

    Raises:
        TypeError: An argument can't leave the process, or is unknown.
    """
    cls = type(store)
    params = store.get_params()
    for name, value in params.items():
        if isinstance(value, StaysBehind):
            advice = value.advice
        elif name in store._secret_params and value is not None:
            advice = StaysBehind.advice
        else:
            continue
        raise TypeError(
            f"a {cls.__name__} can't be pickled because its {name} stays in this process: "
            + advice.format(name=name)
        )
    needed = constructor_parameters(cls).items()
    unknown = [name for name, it in needed if it.default is it.empty and name not in params]
    if unknown:
        raise TypeError(
            f"a {cls.__name__} can't be pickled because get_params() does not return "
            f"{unknown[0]!r}, which its constructor needs; keep it in an attribute of that name"
        )
    return _arrive, (cls, params)


def is_arriving() -> bool:
    """Tell whether a constructor is called by unpickling.

    The constructor must do no I/O then; the first operation checks the store.
    """
    return _is_arriving.get()


@contextmanager
def arriving() -> Iterator[None]:
    """Let constructors take their arguments without looking whether the store is there."""
    token = _is_arriving.set(True)
    try:
        yield
    finally:
        _is_arriving.reset(token)


def _arrive(cls: Any, params: dict[str, Any]) -> Any:
    with arriving():
        return cls(**params)
