"""Names of classes in descriptions: ``module:qualname``."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from persidict.core import _facade


def name_of(cls: type) -> str | None:
    """Return the name under which `class_named` finds the class, None if there is none."""
    if cls.__module__.startswith("persidict.") and cls.__name__ in _facade.PART_BY_NAME:
        name = f"persidict:{cls.__name__}"
    else:
        name = f"{cls.__module__}:{cls.__qualname__}"
    try:
        return name if class_named(name) is cls else None
    except ValueError:
        return None


def class_named(name: Any) -> type:
    """Find the class ``module:qualname``; import no modules but persidict's own.

    Raises:
        ValueError: The name is malformed, its module is not imported, or has no such class.
    """
    module_name, colon, qualname = name.partition(":") if isinstance(name, str) else ("", "", "")
    if not (module_name and colon and qualname):
        raise ValueError(f"a class is described as 'module:name', got {name!r:.100}")
    package, _, rest = module_name.partition(".")
    if package == "persidict" and not rest and qualname in _facade.PART_BY_NAME:
        found = _facade.load(qualname)
    else:
        if package == "persidict" and (part := rest.partition(".")[0]) in _facade.PARTS:
            import_module(f"persidict.{part}")
        found = sys.modules.get(module_name)
        if found is None:
            raise ValueError(
                f"{name}: the module {module_name} is not imported, and open_store imports no "
                "modules that a description names; import it before"
            )
        for part in qualname.split("."):
            # Not getattr: a module may import others when it is asked for a name.
            found = getattr(found, "__dict__", {}).get(part)
    if not isinstance(found, type):
        raise ValueError(f"{name}: there is no such class")  # noqa: TRY004  # not of an argument
    return found
