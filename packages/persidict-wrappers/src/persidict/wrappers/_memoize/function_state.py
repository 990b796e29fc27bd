"""The parts of a function that its results depend on, beside its name."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from persidict.wrappers._memoize.names import importable_module

_OURS = "persidict."


def code_parts(code: types.CodeType) -> tuple[object, ...]:
    """Return what a function does, in this version of Python, wherever it is written."""
    constants = [
        code_parts(one) if isinstance(one, types.CodeType) else one for one in code.co_consts
    ]
    parts: tuple[object, ...] = (code.co_code, code.co_names, code.co_varnames, constants)
    # The same instructions, moved from ``try`` to ``else``, do something else.
    return (*parts, code.co_exceptiontable) if code.co_exceptiontable else parts


def state_of(function: Any) -> list[object]:
    """Return what a function that is an argument has beside its name; most have nothing.

    In a notebook, another function can get the same name: there, code, defaults and closure are
    part of it, as they are of the name of a memoized function.
    """
    state: list[object] = []
    while isinstance(function, types.FunctionType):
        inner = getattr(function, "__wrapped__", None)
        if not str(function.__globals__.get("__name__")).startswith(_OURS):
            state.extend(_attributes(function))
            if importable_module(function.__module__ or "") == "__main__":
                state.append(code_parts(function.__code__))
                state.extend([function.__defaults__, function.__kwdefaults__])
                state.extend(_closure(function, inner))
        function = inner
    return state


def _attributes(function: types.FunctionType) -> Iterator[object]:
    for name, content in sorted(vars(function).items()):
        if not callable(content):  # such as what decorators add
            yield name, content


def _closure(function: types.FunctionType, inner: object) -> Iterator[object]:
    for cell in function.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:  # not yet assigned
            continue
        if content is not inner and content is not function:
            yield content
