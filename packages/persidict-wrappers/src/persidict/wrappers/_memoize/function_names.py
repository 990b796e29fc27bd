"""Names of functions. Functions that can return different results have different names."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any

from persidict.core.key_components import MAX_COMPONENT_LENGTH, encode_key_component
from persidict.wrappers._memoize.digests import stable_digest
from persidict.wrappers._memoize.function_state import code_parts
from persidict.wrappers._memoize.names import importable_module

# Around a function these change nothing that its results depend on.
_TRANSPARENT = (staticmethod, functools._lru_cache_wrapper)


def full_name(function: Any, own_cells: type) -> str:
    """Return the name of a function, or raise ``ValueError`` if it needs one.

    Args:
        function: What is memoized.
        own_cells: The type of what memoized functions have in their closures.
    """
    module = getattr(function, "__module__", None)
    qualname = getattr(function, "__qualname__", None)
    if module is None or qualname is None or "<lambda>" in qualname:
        raise ValueError(f"{function!r:.100} has no name of its own: pass name=")
    if isinstance(function, types.MethodType):
        raise ValueError(  # noqa: TRY004  # like all functions that need a name
            f"{qualname} is bound to an object, which is not in the key: decorate the method in "
            "its class, or pass name="
        )
    layers = list(_layers(function))
    for layer, inner in layers:
        _validate_layer(qualname, layer, inner, own_cells)
    codes = [layer.__code__ for layer, _ in layers if isinstance(layer, types.FunctionType)]
    foreign = [place for place in map(_place, layers) if place != (module, qualname)]
    owner = importable_module(module)
    name = f"{owner}.{qualname}"
    if owner == "__main__" and codes:
        # So is the module of every notebook called: one must not take another's results.
        foreign.append(("code", stable_digest(*map(code_parts, codes))))
    if not foreign:
        return name
    is_code_only = len(foreign) == 1 and foreign[0][0] == "code"
    digest = stable_digest(code_parts(codes[0])) if is_code_only else stable_digest(foreign)
    return f"{name}-{digest}"


def component(text: str) -> str:
    """Return a text as one component of a key, shortened if it is too long."""
    encoded = encode_key_component(text)
    if len(encoded) > MAX_COMPONENT_LENGTH:
        digest = stable_digest(text)
        encoded = f"{encoded[: MAX_COMPONENT_LENGTH - len(digest) - 1]}-{digest}"
    return encoded


def _layers(function: Any) -> Iterator[tuple[Any, Any]]:
    """Yield a function and those inside it that decorators wrapped, each with its inner one."""
    while function is not None:
        inner = getattr(function, "__wrapped__", None)
        yield function, inner
        function = inner


def _place(layer: tuple[Any, Any]) -> tuple[str, str]:
    """Return where a function's code is, whatever name it was given."""
    function, _ = layer
    if isinstance(function, types.FunctionType):
        return str(function.__globals__.get("__name__")), function.__code__.co_qualname
    return str(function.__module__), str(function.__qualname__)


def _validate_layer(name: str, layer: Any, inner: Any, own_cells: type) -> None:
    """Raise ``ValueError`` if results depend on something that is in no key."""
    if isinstance(layer, types.FunctionType):
        depends = _outer_names(layer, inner, own_cells)
        if inner is not None and (layer.__defaults__ or layer.__kwdefaults__):
            depends.append("its defaults")  # calls are bound to the innermost signature
        if depends:
            raise ValueError(
                f"{name} depends on {', '.join(sorted(depends))} of the function around it, which "
                "is not in the key: make it a parameter, or pass name="
            )
    elif inner is not None and not isinstance(layer, _TRANSPARENT):
        raise ValueError(
            f"{name} is wrapped in a {type(layer).__qualname__}, whose state is not in the key: "
            "pass name="
        )


def _outer_names(layer: types.FunctionType, inner: Any, own_cells: type) -> list[str]:
    names = []
    for name, cell in zip(layer.__code__.co_freevars, layer.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:  # not yet assigned, as a function that calls itself
            content = layer
        is_own = isinstance(content, own_cells) or content is layer
        is_inner = inner is not None and content is inner
        if name not in ("__class__", layer.__code__.co_name) and not is_own and not is_inner:
            names.append(name)
    return names
