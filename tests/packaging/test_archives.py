"""Wheels on `sys.path`, not unpacked, as tools for plug-ins and notebooks have them."""

import subprocess
import sys
import zipfile

import pytest

CORE = """
from persidict import LocalDict, describe
d = LocalDict()
d["a"] = 1
assert d.transform_item("a", transformer=lambda n: n + 1).new_value == 2
"""
FILE = """
from persidict import FileDirDict
d = FileDirDict(base_dir=sys.argv[1])
d["a"] = 1
assert d["a"] == 1
"""


def run(paths, program, *arguments):
    """Run a program that finds nothing but the standard library and archives."""
    before = f"import sys; sys.path[:0] = {[str(path) for path in paths]!r}\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", before + program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("order", [1, -1])
def test_two_wheels_side_by_side(wheel_files, tmp_path, order):
    paths = [wheel_files[name] for name in ("persidict-core", "persidict-file")[::order]]
    done = run(paths, FILE, tmp_path / "store")
    assert done.returncode == 0, done.stderr


def test_a_zip_of_core_alone(wheel_files):
    done = run([wheel_files["persidict-core"]], CORE)
    assert done.returncode == 0, done.stderr


def test_a_zip_of_core_alone_names_the_part_that_is_missing(wheel_files):
    done = run([wheel_files["persidict-core"]], FILE)
    assert "pip install persidict-file" in done.stderr


def test_one_zip_of_several_parts(wheel_files, tmp_path):
    merged = tmp_path / "merged.zip"
    with zipfile.ZipFile(merged, "w") as target:
        for name in ("persidict-core", "persidict-file"):
            with zipfile.ZipFile(wheel_files[name]) as source:
                for path in source.namelist():
                    target.writestr(path, source.read(path))
    done = run([merged], FILE, tmp_path / "store")
    assert done.returncode == 0, done.stderr


def test_a_part_in_a_directory_and_core_in_an_archive(wheel_files, tmp_path):
    zipfile.ZipFile(wheel_files["persidict-file"]).extractall(tmp_path / "unpacked")
    done = run([wheel_files["persidict-core"], tmp_path / "unpacked"], FILE, tmp_path / "store")
    assert done.returncode == 0, done.stderr


def test_an_archive_of_something_else_does_no_harm(wheel_files, tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("other.py", "")
    (tmp_path / "no-archive.txt").write_text("text")
    paths = [
        wheel_files["persidict-core"],
        tmp_path / "other.zip",
        tmp_path / "no-archive.txt",
        tmp_path / "absent.zip",
    ]
    done = run(paths, "import other\n" + CORE)
    assert done.returncode == 0, done.stderr
