"""One version for all, exact pins, one command to change it."""

from __future__ import annotations

import importlib.util
import re
import shutil
import tomllib
from importlib.metadata import requires, version

import pytest

import persidict

DISTRIBUTIONS = (
    "persidict",
    "persidict-adapters",
    "persidict-core",
    "persidict-file",
    "persidict-s3",
    "persidict-wrappers",
)


def projects(root):
    for path in sorted(root.glob("packages/*/pyproject.toml")):
        yield tomllib.loads(path.read_text(encoding="utf-8"))["project"]


@pytest.fixture
def bump_version(root):
    path = root / "tools" / "bump_version.py"
    spec = importlib.util.spec_from_file_location("bump_version", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_distributions(root):
    assert [project["name"] for project in projects(root)] == sorted(DISTRIBUTIONS)


def test_versions_agree(root):
    assert {project["version"] for project in projects(root)} == {persidict.__version__}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_installed_metadata_agree(name):
    assert version(name) == persidict.__version__
    ours = [line for line in requires(name) or [] if line.startswith("persidict")]
    for line in ours:
        assert re.fullmatch(
            rf"persidict-\w+(\[\w+\])?=={re.escape(persidict.__version__)}(; extra == .*)?", line
        )


def test_pins_between_distributions_are_exact(root):
    for project in projects(root):
        extras = project.get("optional-dependencies", {}).values()
        for line in [*project["dependencies"], *(line for extra in extras for line in extra)]:
            if line.startswith("persidict"):
                assert line.endswith(f"=={persidict.__version__}"), (project["name"], line)


def test_core_depends_on_nothing(root):
    (core,) = (project for project in projects(root) if project["name"] == "persidict-core")
    assert core["dependencies"] == []


def test_the_check_passes(bump_version, capsys):
    assert bump_version.main([]) is None
    assert persidict.__version__ in capsys.readouterr().out


@pytest.fixture
def copy(root, tmp_path, bump_version, monkeypatch):
    """A copy of all files that name a version."""
    for name in (*bump_version.found_versions(root), "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    monkeypatch.setattr(bump_version, "ROOT", tmp_path)
    return tmp_path


def test_bump_changes_every_place(bump_version, copy):
    changelog = copy / "CHANGELOG.md"
    changelog.write_text(changelog.read_text(encoding="utf-8") + "\n## [7.8.9rc1] - 2030-01-01\n")
    assert bump_version.main(["7.8.9rc1"]) is None
    texts = [path.read_text(encoding="utf-8") for path in copy.rglob("*.toml")]
    assert not any(persidict.__version__ in text for text in texts)
    assert sum(text.count("7.8.9rc1") for text in texts) == sum(
        len(re.findall(r'"persidict-\w+(?:\[\w+\])?==', text)) + 1 for text in texts
    )
    assert '__version__ = "7.8.9rc1"' in next(copy.rglob("_version.py")).read_text(encoding="utf-8")


def test_bump_wants_a_heading_in_the_changelog(bump_version, copy):
    assert "7.8.9" in bump_version.main(["7.8.9"])
    assert bump_version.found_versions(copy)["packages/persidict/pyproject.toml"] == {
        persidict.__version__
    }


@pytest.mark.parametrize("text", ["", "1", "1.2", "v1.2.3", "1.2.3-4"])
def test_bump_refuses_what_is_no_version(bump_version, text):
    assert "is no version" in bump_version.main([text])


def test_the_check_finds_a_difference_and_a_missing_pin(bump_version, copy):
    path = copy / "packages" / "persidict-file" / "pyproject.toml"
    whole = path.read_text(encoding="utf-8")
    pin = f"=={persidict.__version__}"
    path.write_text(whole.replace(pin, "==0.1.0"), encoding="utf-8")
    assert "0.1.0" in bump_version.main([])
    path.write_text(whole.replace(pin, ""), encoding="utf-8")
    assert "differ" in bump_version.main([])
