"""Pickles of handles: a class and its arguments, from which another process opens the store."""

from __future__ import annotations

import threading
from typing import Any

from persidict.core._opening.contract import StaysBehind
from persidict.core.backend import Backend
from persidict.core.parameters import constructor_parameters

_this_thread = threading.local()


def reduced(store: Backend[Any]) -> tuple[Any, ...]:
    """Return what ``__reduce__`` has to: how to open the same store in another process.

    Raises:
        TypeError: An argument can't leave the process, or is unknown.
    """
    cls = type(store)
    params: dict[str, Any] = store.get_params()  # type: ignore[attr-defined]  # PersiDict's
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

    If so, it must send no request and look at no file: the first operation does.
    """
    return getattr(_this_thread, "is_arriving", False)


def _arrive(cls: Any, params: dict[str, Any]) -> Any:
    before = is_arriving()
    _this_thread.is_arriving = True
    try:
        return cls(**params)
    finally:
        _this_thread.is_arriving = before
