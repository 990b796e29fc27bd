"""Machines that allow next to nothing: no home, no name, one writable directory, little memory."""

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("persidict.file")

USE = """
from persidict import FileDirDict, LocalDict, describe, open_store

for serialization_format in ("pkl", "json"):
    d = FileDirDict(base_dir=place + "/store", serialization_format=serialization_format)
    d["a"] = {"b": [1, None]}
    d.update({("many", str(n)): n for n in range(20)})
    assert d.transform_item(("many", "1"), transformer=lambda n: n + 1).new_value == 2
    assert d["a"] == {"b": [1, None]}
    assert open_store(describe(d)) == d
    assert d.copy_to(LocalDict()).copied == 21
    d.clear()
    assert list(d) == []
"""


def test_a_user_without_name_and_home_with_one_writable_directory(confined, tmp_path):
    program = """
        import os, pwd
        try:
            pwd.getpwuid(os.getuid())
        except KeyError:
            print("unknown")
        try:
            open("here", "w")
        except OSError:
            print("read-only")
    """
    place = f"place = {str(tmp_path)!r}\n"
    said = confined(textwrap.dedent(program) + place + USE)
    assert said.split() == ["unknown", "read-only"]


def test_a_function_as_a_service_writes_below_its_temporary_directory(confined, tmp_path):
    program = "import tempfile\nplace = tempfile.gettempdir()\n" + USE
    confined(program, environment={"TMPDIR": str(tmp_path)})
    assert (tmp_path / "store").is_dir()


def test_a_read_only_directory_is_an_error_at_once(confined):
    program = """
        from persidict import BackendError, FileDirDict
        d = FileDirDict(base_dir="store")
        assert list(d) == [] and d.get("a") is None
        try:
            d["a"] = 1
        except BackendError as error:
            print(error)
    """
    assert "Read-only file system" in confined(program)


def test_a_path_in_the_home_directory_is_an_error_without_one(confined):
    program = """
        from persidict import FileDirDict, open_store
        for make in (FileDirDict, open_store):
            for path in ("~", "~/store"):
                try:
                    make(path)
                except ValueError as error:
                    print(error)
    """
    assert confined(program).count("set HOME or pass an absolute path") == 4


def test_a_store_on_a_read_only_file_system_can_be_read(confined, tmp_path):
    from persidict import FileDirDict

    store = tmp_path.parent / f"{tmp_path.name}-read-only"
    d = FileDirDict(base_dir=store)
    d["a"] = [1, 2]
    program = f"""
        from persidict import FileDirDict
        d = FileDirDict(base_dir={str(store)!r})
        print(d["a"], list(d.items()), d.etag("a"), len(d), d.newest_keys(1))
    """
    assert "[1, 2]" in confined(program)


def test_the_command_line_needs_neither_home_nor_name(confined, tmp_path):
    program = f"""
        from persidict.core._cli.parser import main
        store = {str(tmp_path / "store")!r}
        assert main(["put", store, "a", "1", "--format", "json"]) == 0
        main(["get", store, "a"])
    """
    assert confined(program).strip() == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is for what Linux counts")
def test_small_values_need_no_more_than_64_megabytes(tmp_path):
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))\n"
    program = limit + f"place = {str(tmp_path)!r}\n" + USE
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
