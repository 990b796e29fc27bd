"""What is in the repository is source text, or large for a reason that is given here."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 200_000
# Path -> why it has to be in the repository.
LARGE: dict[str, str] = {}


@pytest.fixture(scope="module")
def tracked():
    """The paths of all tracked files, from the root."""
    try:
        done = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no clone, or there is no git")
    return [path for path in done.stdout.split("\0") if path and (ROOT / path).exists()]


def test_each_large_file_has_a_reason(tracked):
    large = {path for path in tracked if (ROOT / path).stat().st_size > LIMIT}
    assert large == set(LARGE)


def test_no_build_output_is_tracked(tracked):
    built = (".whl", ".tar.gz", ".pyc", ".egg-info", ".so")
    assert [path for path in tracked if path.endswith(built)] == []


def test_no_empty_file_is_tracked(tracked):
    """An empty file is what a program left behind, unless it marks a package or is test data."""
    empty = [path for path in tracked if not (ROOT / path).stat().st_size]
    meant = ("__init__.py", "py.typed", "empty_ulsi.txt")
    assert [path for path in empty if not path.endswith(meant)] == []


def test_each_static_file_is_used_by_a_page(tracked):
    static = [path for path in tracked if path.startswith("docs/_static/")]
    pages = [path for path in tracked if path.startswith("docs/") and path not in static]
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in pages)
    assert static
    assert [path for path in static if Path(path).name not in text] == []
