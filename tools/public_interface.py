"""Print every public name with its signature, so that two versions can be compared.

    python tools/public_interface.py > before.txt
    … change something, or install another version …
    python tools/public_interface.py | diff before.txt -

A class is printed with all that users can call on its instances, wherever it is defined: moving a
method to a base class changes nothing here.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from enum import EnumMeta

MODULES = (
    "persidict",
    "persidict.aio",
    "persidict.core",
    "persidict.core.testing",
    "persidict.file",
    "persidict.wrappers",
    "persidict.s3",
)
# Of the methods with special names, those that object or type have say nothing about a class.
_INHERITED = {*vars(object), *vars(type)} | {"__module__", "__dict__", "__weakref__", "__slots__"}
_GENERATED = {"__abstractmethods__", "_abc_impl", "__parameters__", "__orig_bases__"}
_GENERATED |= {"__annotations__", "__match_args__", "__dataclass_fields__", "__replace__"}
_GENERATED |= {"__dataclass_params__", "__class_getitem__", "__init_subclass__", "__getstate__"}
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_MODULE = re.compile(r"\b(?:persidict|typing|collections\.abc)(?:\.\w+)*\.(?=\w)")


def main() -> None:
    """Print the interface of each module that is installed."""
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        print(name)
        for public in sorted(module.__all__):
            for line in described(public, getattr(module, public)):
                print(f"    {line}")
    print_adapters()


def print_adapters() -> None:
    """Print the interface of each adapter whose framework is installed."""
    facade = importlib.import_module("persidict.core._facade")
    for name, module in sorted(facade.ADAPTERS.items()):
        try:
            cls = getattr(importlib.import_module(f"persidict.adapters.{module}"), name)
        except ModuleNotFoundError:
            continue
        print(f"persidict.adapters.{module}")
        print("\n".join(f"    {line}" for line in described(name, cls)))


def described(name: str, value: object) -> Iterator[str]:
    """Yield the lines that describe a value and what it consists of."""
    if isinstance(value, EnumMeta):
        yield f"class {name}: {', '.join(value.__members__)}"
    elif isinstance(value, type):
        yield f"class {name}{signature(value)}"
        for member in sorted(members(value)):
            found = inspect.getattr_static(value, member)
            yield f"    {described_member(member, found)}"
    elif callable(value):
        yield f"def {name}{signature(value)}"
    else:
        yield f"{name}: {plain(type(value).__name__)}"


def members(cls: type) -> set[str]:
    """Return the names that users of a class meet."""
    found = {name for base in cls.__mro__[:-1] for name in vars(base)}
    special = {name for name in found if name.startswith("__") and name.endswith("__")}
    public = {name for name in found if not name.startswith("_")}
    return public | (special - _INHERITED - _GENERATED)


def described_member(name: str, value: object) -> str:
    """Return the line that describes a method, property or attribute of a class."""
    if isinstance(value, classmethod | staticmethod):
        return f"@{type(value).__name__} def {name}{signature(value.__func__)}"
    if isinstance(value, property):
        return f"{name}: property" + ("" if value.fset is None else ", can be set")
    if callable(value):
        return f"def {name}{signature(value)}"
    return f"{name}: {plain(type(value).__name__)}"


def signature(value: object) -> str:
    """Return a signature without what differs between runs, and without modules' names."""
    try:
        return plain(str(inspect.signature(value)))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return "(…)"


def plain(text: str) -> str:
    """Remove addresses and the names of modules."""
    return _MODULE.sub("", _ADDRESS.sub("", text))


if __name__ == "__main__":
    main()
