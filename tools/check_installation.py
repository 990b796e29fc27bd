"""Use all of persidict that is installed: import every module, write and read.

Run with the Python of the environment in question. `--before DIRECTORY` writes a store with the
package published before 0.400; without it, the program reads such a store if there is one:

    python tools/check_installation.py [--before] DIRECTORY
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from importlib.metadata import distributions, version
from importlib.util import find_spec
from pathlib import Path

VALUES = {"a": 1, ("b", "c"): [2.5, None], "text": "ä"}
# They need pytest and hypothesis, are a program, need packages of others, or Windows.
NOT_IMPORTED = re.compile(
    r"\.(testing|__main__|adapters\.\w+|json_arrays|json_errors|json_frames|windows_calls)(\.|$)"
)


def write_before(directory: str) -> None:
    """Write a store as users of the published package have it."""
    from persidict import FileDirDict

    for serialization_format in ("pkl", "json"):
        d = FileDirDict(base_dir=directory, serialization_format=serialization_format)
        for key, value in VALUES.items():
            d[key] = value


def read_before(directory: str) -> None:
    """Read that store, and change an item."""
    from persidict import FileDirDict

    for serialization_format in ("pkl", "json"):
        d = FileDirDict(base_dir=directory, serialization_format=serialization_format)
        assert dict(d) == {(k,) if isinstance(k, str) else k: v for k, v in VALUES.items()}
        d.transform_item("a", transformer=lambda n: n + 1)
        d["a"] -= 1


def import_everything() -> list[str]:
    """Import each module of each part, and return the names of the parts."""
    import persidict

    parts = []
    for found in pkgutil.walk_packages(persidict.__path__, "persidict."):
        if not NOT_IMPORTED.search(found.name):
            importlib.import_module(found.name)
            parts.append(found.name.split(".")[1])
    for name in persidict.__all__:
        assert getattr(persidict, name) is not None, name
    return sorted(set(parts))


def validate_versions() -> None:
    """Compare the version in the program with those of all installed distributions."""
    import persidict

    names = {d.metadata["Name"] for d in distributions()}
    ours = sorted(name for name in names if name.startswith("persidict"))
    assert {version(name) for name in ours} == {persidict.__version__}, ours
    assert persidict.__file__ is not None
    assert Path(persidict.__file__).with_name("py.typed").exists()


def use(directory: str) -> None:
    """Write to stores and read from them."""
    import persidict

    stores = [persidict.LocalDict()]
    if find_spec("persidict.file"):
        stores.append(persidict.FileDirDict(base_dir=directory))
    if find_spec("persidict.wrappers"):
        stores.append(persidict.ExpiringDict(wrapped_dict=persidict.LocalDict(), max_age=60))
    for d in stores:
        d["key"] = {"value": 1}
        d.transform_item("key", transformer=lambda value: value | {"more": 2})
        assert d["key"] == {"value": 1, "more": 2}, d
        del d["key"]
        assert len(d) == 0, d


def main() -> None:
    """Do all of it, and print which parts there are."""
    *options, directory = sys.argv[1:]
    before = Path(directory, "before")
    if "--before" in options:
        write_before(str(before))
        print("before 0.400")
        return
    parts = import_everything()
    validate_versions()
    use(str(Path(directory, "now")))
    if before.exists():
        read_before(str(before))
    print(" ".join(parts))


if __name__ == "__main__":
    main()
