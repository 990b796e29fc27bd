"""The wheels of all six distributions, built once for these tests."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def wheel_files(tmp_path_factory):
    """Distribution name -> its wheel."""
    pytest.importorskip("hatchling")
    target = tmp_path_factory.mktemp("wheels")
    found = {}
    for project in sorted((ROOT / "packages").glob("*/pyproject.toml")):
        name = project.parent.name
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target / name],
            cwd=project.parent,
            check=True,
            capture_output=True,
        )
        (found[name],) = (target / name).glob("*.whl")
    return found


@pytest.fixture(scope="session")
def wheels(wheel_files):
    """Distribution name -> the paths inside its wheel."""
    found = {}
    for name, wheel in wheel_files.items():
        with zipfile.ZipFile(wheel) as archive:
            found[name] = archive.namelist()
    return found
