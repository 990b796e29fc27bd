"""The examples in the docstrings of every installed part run as written."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import persidict

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(persidict.__path__, "persidict.")
    if not module.name.endswith("__main__")
)

# Whose examples need a part that may not be installed.
NEEDS = {
    "persidict.core._codecs.json_arrays": "pandas",
    "persidict.core._codecs.json_errors": "jsonpickle",
    "persidict.core._codecs.json_frames": "pandas",
    "persidict.core._opening.open_store": "persidict.file",
    "persidict.file.windows_calls": "msvcrt",
    "persidict.adapters._mapped_arrays": "joblib",
    "persidict.adapters.cachelib": "cachelib",
    "persidict.adapters.django": "django",
    "persidict.adapters.joblib": "joblib",
    "persidict.adapters.key_value": "key_value",
    "persidict.adapters.langchain": "langchain_core",
    "persidict.adapters.requests_cache": "requests_cache",
    "persidict.adapters.zarr": "zarr",
}


def marked(name):
    """Mark a module with its part; `aio` is a part of core's."""
    part = name.split(".")[1]
    return pytest.param(name, marks=getattr(pytest.mark, "core" if part == "aio" else part))


@pytest.mark.parametrize("name", [marked(name) for name in MODULES])
def test_examples(name, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may open a store in its default directory
    if name.startswith("persidict.s3"):
        request.getfixturevalue("s3_account")
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0
