"""Names of modules, classes and functions that are the same in every process."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FunctionType
from typing import Any

# A spawned worker loads the script under the second name.
_MAIN = ("__main__", "__mp_main__")
# The name of the script that sent functions to this process, whose own main module is another.
_sender: list[str] = []


def importable_module(name: str) -> str:
    """Return the name under which other processes import a module; `name` may be ``__main__``.

    So a script's classes and functions have one name in the script, in its workers, and where
    the script is imported.
    """
    return main_module(name) if name in _MAIN else name


def main_module(name: str = "__main__") -> str:
    """Return the name of the script that this process runs."""
    main = sys.modules.get(name)
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:
        return str(spec.name)
    if not file or file.startswith("<"):  # such as "<stdin>", which any program may be
        return "__main__"
    return Path(file).stem


def work_for(main: str) -> None:
    """Note the name of the script that a function of ``__main__`` came from."""
    if not _sender and main != main_module():
        _sender.append(main)


def lookup(named: Any) -> Any:
    """Return what the name of a class or function leads to; None: to nothing."""
    found: Any = sys.modules.get(named.__module__ or "")
    for name in named.__qualname__.split("."):
        found = getattr(found, name, None)
    return found


def stable_name(named: Any) -> str:
    """Return the module and the qualified name that all processes know a class or function by.

    A worker process may have a class of the script that it works for, not of its own. cloudpickle
    has taken the outer names of such a class away, but not those of its methods.
    """
    if not _is_sent(named):
        return f"{importable_module(named.__module__)}:{named.__qualname__}"
    return f"{_sender[0]}:{next(iter(_owners(named)), named.__qualname__)}"


def is_found(kind: type) -> bool:
    """Tell whether a class's name leads to it, here or where it was sent from."""
    if not _is_sent(kind):
        return lookup(kind) is kind
    return len(_owners(kind)) < 2 and "<locals>" not in stable_name(kind)


def _is_sent(named: Any) -> bool:
    return bool(_sender) and named.__module__ in _MAIN and lookup(named) is None


def _owners(named: Any) -> set[str]:
    """Return the qualified names that the methods of a class have before their own."""
    methods = [part for part in vars(named).values() if isinstance(part, FunctionType)]
    owners = {method.__qualname__.rpartition(".")[0] for method in methods}
    return {owner for owner in owners if owner.rpartition(".")[2] == named.__name__}
