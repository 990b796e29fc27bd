import subprocess
import sys

import pytest

import persidict
from persidict import adapters
from persidict.core import _facade

FRAMEWORKS = {
    "zarr": "zarr",
    "langchain": "langchain_core",
    "key_value": "key_value",
    "requests_cache": "requests_cache",
    "joblib": "joblib",
    "cachelib": "cachelib",
    "django": "django",
}


CLASSES = {module: name for name, module in _facade.ADAPTERS.items()}


@pytest.mark.parametrize("adapter", FRAMEWORKS)
def test_a_missing_framework_says_what_to_install(adapter):
    module = FRAMEWORKS[adapter]
    script = f"import sys; sys.modules[{module!r}] = None; import persidict.adapters.{adapter}"
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    expected = f"persidict.adapters.{adapter} needs {module}: pip install 'persidict-adapters["
    assert expected in done.stderr


@pytest.mark.parametrize("adapter", FRAMEWORKS)
def test_the_facade_says_so_too(adapter):
    script = f"""
import sys
sys.modules[{FRAMEWORKS[adapter]!r}] = None
try:
    from persidict import {CLASSES[adapter]}
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert f"pip install 'persidict-adapters[{adapter}]'" in done.stdout


@pytest.mark.parametrize("name", sorted(_facade.ADAPTERS))
def test_the_facade_gives_the_class_of_each_adapter(name):
    module = _facade.ADAPTERS[name]
    pytest.importorskip(FRAMEWORKS.get(module, "persidict"))
    found = getattr(persidict, name)
    assert found is getattr(adapters, name)
    assert found.__module__ == f"persidict.adapters.{module}"


def test_a_misspelt_adapter():
    with pytest.raises(AttributeError, match="no attribute 'ZarrStores'"):
        _ = adapters.ZarrStores


def test_a_star_import_loads_no_framework():
    script = "from persidict import *; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {"zarr", "django", "langchain_core"} & set(done.stdout.split())


def test_no_framework_is_imported_with_the_package():
    script = "import sys, persidict.adapters; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not set(FRAMEWORKS.values()) & set(done.stdout.split())
