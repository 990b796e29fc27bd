"""What the whole suite shares."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

TESTS = Path(__file__).parent
PARTS = ("core", "file", "wrappers", "s3")


def is_installed(part):
    spec = find_spec(f"persidict.{part}")
    return spec is not None and spec.origin is not None


def parts_needed(path):
    """The parts that a test file is about, by where it stands and how it is named.

    `tests/file/…` and `tests/conformance/test_file….py` are about `persidict.file`.
    """
    first, *rest = path.relative_to(TESTS).parts
    words = Path(rest[-1]).stem.split("_") if first == "conformance" and rest else [first]
    return [part for part in PARTS if part in words]


def pytest_ignore_collect(collection_path):
    """Leave out the tests of parts that are not installed: each distribution is tested alone."""
    if collection_path.is_relative_to(TESTS) and collection_path != TESTS:
        needed = parts_needed(collection_path)
        return True if not all(map(is_installed, needed)) else None
    return None
