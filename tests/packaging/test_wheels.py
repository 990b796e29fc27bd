"""What the wheels contain, and what they must not."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import pytest

PARTS = {
    "persidict-core": {"aio", "core"},
    "persidict-file": {"file"},
    "persidict-wrappers": {"wrappers"},
    "persidict-s3": {"s3"},
    "persidict-adapters": {"adapters"},
}
# Files of core that the whole ships too: see its pyproject.toml.
SHARED = {"persidict/__init__.py", "persidict/py.typed"}


def modules(paths):
    return [PurePosixPath(path) for path in paths if ".dist-info/" not in path]


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_a_part_ships_its_own_directory_only(wheels, name):
    directories = {path.parts[:2] for path in modules(wheels[name]) if len(path.parts) > 2}
    assert directories == {("persidict", part) for part in PARTS[name]}
    top = {str(path) for path in modules(wheels[name]) if len(path.parts) <= 2}
    owned = SHARED | {"persidict/__main__.py"}
    assert top == (owned if name == "persidict-core" else set())


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_typed_and_complete(wheels, root, name):
    assert {f"persidict/{part}/py.typed" for part in PARTS[name]} <= set(wheels[name])
    source = root / "packages" / name / "src"
    files = {
        path.relative_to(source).as_posix()
        for part in PARTS[name]
        for path in (source / "persidict" / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files <= set(wheels[name])


def test_the_whole_ships_nothing_but_the_shared_files(wheels):
    assert {str(path) for path in modules(wheels["persidict"])} == SHARED


def test_no_other_file_is_in_two_wheels(wheels):
    shares = Counter(path for paths in wheels.values() for path in paths)
    assert {path for path, count in shares.items() if count > 1} == SHARED


def test_each_wheel_carries_the_licence(wheels):
    for name, paths in wheels.items():
        assert any(path.endswith(".dist-info/licenses/LICENSE") for path in paths), name


def test_copies_are_identical(root):
    licence = (root / "LICENSE").read_bytes()
    copies = list(root.glob("packages/*/LICENSE"))
    assert len(copies) == 6
    assert all(copy.read_bytes() == licence for copy in copies)
    facades = [path.read_bytes() for path in root.glob("packages/*/src/persidict/__init__.py")]
    assert len(facades) == 6
    assert len(set(facades)) == 1
