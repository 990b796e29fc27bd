"""Options of the interpreter and locales."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("persidict.file")

USE = """
import importlib, pkgutil, sys
import persidict
NEED_MORE = ".testing", "__main__", ".adapters.", ".windows_calls"
for found in pkgutil.walk_packages(persidict.__path__, "persidict."):
    if not any(word in found.name for word in NEED_MORE):
        importlib.import_module(found.name)
d = persidict.FileDirDict(base_dir=sys.argv[1])
d["a"] = "\\u00e4"
assert d["a"] == "\\u00e4"
print(repr(d))
"""
MINIMAL = {"PATH": os.defpath, "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")}
C_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def run(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**MINIMAL, **environment},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("options", [["-I"], ["-O"], ["-OO"], ["-B", "-bb"], ["-X", "utf8=0"]])
def test_options_of_the_interpreter(tmp_path, options):
    # -W error: what an option makes Python warn of is an error.
    assert b"FileDirDict(" in run(*options, "-W", "error", "-c", USE, tmp_path / "store")


@pytest.mark.parametrize("options", [["-I"], ["-OO"]])
def test_the_command_line_under_options_of_the_interpreter(tmp_path, options):
    program = (*options, "-m", "persidict")
    run(*program, "put", tmp_path / "store", "a", "1", "--format", "json")
    assert run(*program, "get", tmp_path / "store", "a").strip() == b"1"
    assert b"usage" in run(*program, "--help").lower()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locale")
def test_the_c_locale(tmp_path):
    run("-c", USE, tmp_path / "store \u00e4", **C_LOCALE)
    assert (tmp_path / "store \u00e4").is_dir()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locale")
def test_the_command_line_in_the_c_locale(tmp_path):
    command = ("-m", "persidict")
    store = tmp_path / "store \u00e4"
    run(*command, "put", store, "a", '"\u00e4"', "--format", "json", **C_LOCALE)
    shown = run(*command, "get", store, "a", **C_LOCALE)
    assert shown.decode() == run(*command, "get", store, "a", PYTHONUTF8="1").decode()
