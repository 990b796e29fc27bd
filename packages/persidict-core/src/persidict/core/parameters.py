"""The parameters of a dict's constructor, as its signature names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect import Parameter


def constructor_parameters(cls: type) -> dict[str, Parameter]:
    """Return the parameters of `cls` by name, without ``*args`` and ``**kwargs``.

    If a class passes ``**kwargs`` on to its base, the base's parameters are included.
    """
    import inspect  # slow to import, rarely needed

    found: dict[str, Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in base.__dict__ or base is object:
            continue
        passes_on = False
        for name, parameter in list(inspect.signature(base.__init__).parameters.items())[1:]:  # type: ignore[misc]  # only read
            if parameter.kind is parameter.VAR_KEYWORD:
                passes_on = True
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                found.setdefault(name, parameter)
        if not passes_on:
            break
    return found
