"""The one door to all parts: names, laziness, cost, and what it says of a part that is missing."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys

import pytest

import persidict
from persidict.core import _facade

HEAVY = {
    "boto3",
    "botocore",
    "cloudpickle",
    "joblib",
    "jsonpickle",
    "lz4",
    "numpy",
    "orjson",
    "pandas",
}


def fresh(code):
    """Run code in a fresh interpreter and return what its variable `result` holds."""
    script = f"{code}\nimport json; print(json.dumps(result))"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def test_every_installed_name_is_there():
    for name in _facade.installed_names():
        assert getattr(persidict, name) is not None
        assert name in dir(persidict)


@pytest.mark.parametrize("part", sorted(_facade.PARTS))
def test_each_part_lists_its_public_names(part):
    module = importlib.import_module(f"persidict.{part}")
    assert set(_facade.NAMES_BY_PART[part].split()) <= set(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_type_checkers_see_the_same_names(root):
    source = root / "packages" / "persidict-core" / "src" / "persidict" / "__init__.py"
    imports = [
        (node.module, alias.name, alias.asname)
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name != "_facade"
    ]
    expected = [(f"persidict.{part}", name, name) for name, part in _facade.PART_BY_NAME.items()]
    assert sorted(imports) == sorted(expected)


def test_import_star_gives_what_is_installed():
    names = fresh("from persidict import *\nresult = list(globals())")
    assert set(_facade.installed_names()) <= set(names)
    assert {"LocalDict", "__version__"} <= set(names)
    assert "__getattr__" not in names


def test_a_misspelt_name():
    with pytest.raises(AttributeError, match="no attribute 'LocalDick'"):
        _ = persidict.LocalDick
    with pytest.raises(ImportError, match="LocalDick"):
        from persidict import LocalDick  # noqa: F401


def test_a_missing_part_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "persidict.s3", None)
    monkeypatch.delitem(vars(persidict), "S3Dict", raising=False)
    with pytest.raises(ImportError, match="pip install persidict-s3") as caught:
        from persidict import S3Dict  # noqa: F401
    assert caught.value.name == "persidict.s3"
    assert "S3Dict" not in dir(persidict)
    assert "S3Dict" not in persidict.__all__


def test_an_adapter_without_its_distribution_names_the_framework_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "persidict.adapters", None)
    monkeypatch.delitem(vars(persidict), "ZarrStore", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'persidict-adapters\[zarr\]'"):
        from persidict import ZarrStore  # noqa: F401


def test_a_broken_part_shows_its_own_error(tmp_path, monkeypatch):
    part = tmp_path / "persidict" / "broken"
    part.mkdir(parents=True)
    (part / "__init__.py").write_text("import a_module_that_is_missing")
    monkeypatch.setattr(persidict, "__path__", [*persidict.__path__, str(part.parent)])
    monkeypatch.setitem(_facade.PART_BY_NAME, "Broken", "broken")
    with pytest.raises(ModuleNotFoundError, match="No module named 'a_module_that_is_missing'"):
        _ = persidict.Broken


def test_a_directory_that_was_left_behind_is_no_part(tmp_path, monkeypatch):
    (tmp_path / "persidict" / "remnant").mkdir(parents=True)
    path = [*persidict.__path__, str(tmp_path / "persidict")]
    monkeypatch.setattr(persidict, "__path__", path)
    monkeypatch.setitem(_facade.PART_BY_NAME, "Remnant", "remnant")
    with pytest.raises(ModuleNotFoundError, match="pip install persidict-remnant"):
        _ = persidict.Remnant


COST = """
import sys, time
before, start = set(sys.modules), time.process_time()
import persidict
result = [(time.process_time() - start) * 1e3, sorted(set(sys.modules) - before)]
"""


def test_import_loads_the_facade_alone():
    _, modules = fresh(COST)
    assert len(modules) <= 60, modules
    assert [name for name in modules if name.startswith("persidict")] == ["persidict"]


def test_import_takes_less_than_15_ms():
    # A busy machine only ever adds, so one fast import shows what it costs.
    assert any(fresh(COST)[0] < 15 for _ in range(40))


# Standard modules that each program with files needs, and what these load.
NEEDED = "collections.abc, contextlib, enum, errno, functools, itertools, operator, re, typing"
# Small ones, of which some systems lack some.
ALSO_NEEDED = {"__future__", "_md5", "_thread", "_weakref", "fcntl", "os", "stat", "sys", "time"}


@pytest.mark.parametrize("part", ["persidict", "persidict.file"])
def test_files_load_only_what_each_program_needs(part):
    needed = fresh(f"import {NEEDED}, sys; result = list(sys.modules)")
    loaded = fresh(f"from {part} import FileDirDict; import sys; result = list(sys.modules)")
    ours = [name for name in loaded if name.startswith("persidict")]
    assert set(loaded) - {*needed, *ALSO_NEEDED, *ours} == set()
    # What only some programs need is imported by the function that needs it.
    assert len(ours) <= 44, ours


def test_memory_and_files_load_nothing_heavy():
    loaded = fresh(
        "from persidict import LocalDict, FileDirDict; import sys; result = list(sys.modules)"
    )
    assert HEAVY.isdisjoint(loaded)
