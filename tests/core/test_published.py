"""An installation among files of the package published before 0.400 says what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import persidict.core

CORE = Path(persidict.core.__file__).parent


@pytest.fixture(name="mixture")
def mixture_fixture(tmp_path):
    """A directory on the path with core and a module of the older package."""
    shutil.copytree(CORE, tmp_path / "persidict" / "core")
    shutil.copy(CORE.parent / "__init__.py", tmp_path / "persidict")
    (tmp_path / "persidict" / "persi_dict.py").write_text("")
    return tmp_path


def imported(directory, name):
    """Import a module where only `directory` has it, and return what is said."""
    code = f"import sys; sys.path.insert(0, {str(directory)!r}); import {name}"
    return subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False
    ).stderr


@pytest.mark.parametrize("name", ["persidict", "persidict.core"])
def test_the_import_says_which_command_to_run(mixture, name):
    assert imported(mixture, name).endswith("run 'pip install --upgrade persidict'\n")


def test_the_facade_of_the_older_package_may_have_come_last(mixture):
    (mixture / "persidict" / "__init__.py").write_text("")
    assert "run 'pip install --upgrade persidict'" in imported(mixture, "persidict.core")


def test_an_older_package_elsewhere_does_no_harm(mixture, tmp_path):
    (mixture / "persidict" / "persi_dict.py").unlink()
    elsewhere = tmp_path / "elsewhere" / "persidict"
    elsewhere.mkdir(parents=True)
    (elsewhere / "persi_dict.py").write_text("")
    code = f"sys, sys.path.append({str(elsewhere.parent)!r}), persidict.core"
    assert imported(mixture, f"persidict.core; {code}; import persidict") == ""
