"""Run the tests on a Windows Python under Wine, each test file in a process of its own.

    python tools/portability/windows.py DIRECTORY [test files]

Nobody offers a bare Windows Python as a wheel, but panda3d's wheel carries the interpreter and its
extension modules as libraries. With a small program that starts it and the library of this Python,
which has to be a 3.11, that makes a Windows Python.

Wine is not Windows. Some processes hang when all tests are done, which is no failure here. numpy
ends the process under Wine 8, so it is left out, and tests of it skip themselves.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import lab

PARTS = ("core", "file", "wrappers")
PACKAGES = ["pytest>=9.0", "hypothesis>=6.130", "colorama", "cloudpickle", "jsonpickle", "lz4"]
PACKAGES += ["orjson", "tqdm", "cachetools", "zict"]
TESTS = ("tests/core", "tests/conformance", "tests/file", "tests/wrappers", "tests/cli")
SECONDS_PER_FILE, SECONDS_PER_TEST = 900, 150

_START = r"""
#include <windows.h>
typedef int (*start_t)(int, wchar_t **);
int wmain(int count, wchar_t **words) {
  HMODULE python = LoadLibraryW(L"python311.dll");
  return python ? ((start_t)(void *)GetProcAddress(python, "Py_Main"))(count, words) : 120;
}
"""
# Microsoft's `_locking` reports a lock of somebody else's as EACCES, Wine's as no error number.
_SHIM = """
import errno
import msvcrt

wine_locking = msvcrt.locking


def locking(*arguments):
    try:
        return wine_locking(*arguments)
    except OSError as error:
        if error.errno:
            raise
        raise PermissionError(errno.EACCES, "Permission denied") from None


msvcrt.locking = locking
"""
_OF_LINUX = ("site-packages", "dist-packages", "lib-dynload", "config-*", "*.so")
# Debian's own sitecustomize.py would hide the one above.
_NOT_NEEDED = ("test", "idlelib", "__pycache__", "sitecustomize.py")
_ON_INSTANCES = re.compile(
    r"    (?:@classmethod\n    )?def invalidate_caches\((?:self|cls)\):\n +(?=FastPath)"
)
_ON_THE_CLASS = "    @classmethod\n    def invalidate_caches(cls):\n        "


class WindowsPython:
    """A Windows Python with its packages.

    Args:
        home: The directory that holds it all.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._python = home / "python"
        self.packages = self._python / "Lib" / "site-packages"
        self.environment = {
            **os.environ,
            "WINEPREFIX": str(home / "prefix"),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree=;mshtml=",
            "DISPLAY": "",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def create(self) -> None:
        """Create it, unless it is there."""
        if (self._home / "complete").exists():
            return
        shutil.rmtree(self._home, ignore_errors=True)
        self._create_interpreter()
        self._create_library()
        wheels = self._home / "wheels"
        if missing := lab.download_wheels(wheels, PACKAGES, "3.11", "cp311", ["win_amd64"]):
            sys.exit(f"no wheels for Windows of {', '.join(missing)}")
        lab.unpack(wheels.glob("*.whl"), self.packages)
        lab.run("wineboot", "-i", env=self.environment, check=False, capture_output=True)
        started = self.start("-c", "import msvcrt, ssl, ctypes, pytest")
        if message := started.communicate()[0]:
            sys.exit(f"the Windows Python does not start: {message.decode(errors='replace')}")
        (self._home / "complete").touch()

    def _create_interpreter(self) -> None:
        wheels = self._home / "panda"
        lab.download_wheels(wheels, ["panda3d"], "3.11", "cp311", ["win_amd64"])
        lab.unpack(wheels.glob("panda3d-*.whl"), wheels)
        extensions = self._python / "DLLs"
        extensions.mkdir(parents=True)
        for path in (wheels / "deploy_libs").iterdir():
            if path.suffix != "._pth":
                beside = path.suffix == ".pyd" or path.name.startswith(("lib", "sqlite3"))
                shutil.copy(path, extensions if beside else self._python)
        source = self._home / "start.c"
        source.write_text(_START)
        target = self._python / "python.exe"
        lab.run("x86_64-w64-mingw32-gcc", "-municode", source, "-o", target)

    def _create_library(self) -> None:
        target = self._python / "Lib"
        ignored = shutil.ignore_patterns(*_OF_LINUX, *_NOT_NEEDED)
        shutil.copytree(sysconfig.get_path("stdlib"), target, ignore=ignored)
        # The interpreter's own importlib calls it on the class, as releases from 3.11.8 on have it.
        metadata = target / "importlib" / "metadata" / "__init__.py"
        text = metadata.read_text(encoding="utf-8")
        metadata.write_text(_ON_INSTANCES.sub(_ON_THE_CLASS, text), encoding="utf-8")
        self.packages.mkdir()
        (self.packages / "sitecustomize.py").write_text(_SHIM)

    def install_project(self) -> None:
        """Install the project's wheels, in place of what was there."""
        for old in self.packages.glob("persidict*"):
            shutil.rmtree(old)
        lab.unpack(lab.build_wheels(self._home / "project-wheels", PARTS), self.packages)

    def start(self, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        """Start it. Its output is a pipe, for it can't write to a terminal here."""
        return subprocess.Popen(
            ["wine", str(self._python / "python.exe"), *arguments],
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def end_all(self) -> None:
        """End what is left of its processes, and of no others."""
        lab.run("wineserver", "-k", env=self.environment, check=False, capture_output=True)


def run_file(python: WindowsPython, project: Path, name: str, log: Path) -> Counter[str]:
    """Run one test file, and return how many tests ended how."""
    shutil.rmtree(project.parent / "temporary", ignore_errors=True)
    options = ["-v", "--tb=short", "-p", "no:cacheprovider", "--basetemp", r"..\temporary"]
    options += ["-o", f"faulthandler_timeout={SECONDS_PER_TEST}"]
    process = python.start("-X", "faulthandler", "-m", "pytest", *options, name, cwd=project)
    try:
        output, _ = process.communicate(timeout=SECONDS_PER_FILE)
    except subprocess.TimeoutExpired:
        python.end_all()
        output, _ = process.communicate()
    log.write_bytes(output)
    text = output.decode(errors="replace")
    counts = Counter(re.findall(r" (PASSED|FAILED|ERROR|SKIPPED)\b[^\n]*\[ *\d+%\]", text))
    if not re.search(r"^=+ .*\bin [\d.]+s", text, re.MULTILINE):
        python.end_all()
        collected = re.search(r"collected (\d+) items", text)
        counts["UNFINISHED"] = int(collected[1]) - counts.total() if collected else 1
    elif process.returncode not in (0, 1, 5) and not counts:
        counts["ERROR"] = 1
    return counts


def test_files(project: Path, wanted: list[str]) -> list[str]:
    """Return the test files, relative to the project."""
    paths = [project / name for name in wanted or TESTS]
    files = [f for path in paths for f in (path.rglob("test_*.py") if path.is_dir() else [path])]
    return sorted(file.relative_to(project).as_posix() for file in files)


def main() -> int:
    """Create the Python, run the tests, and print a line for each file."""
    directory, *wanted = sys.argv[1:]
    lab.install_debian_packages("wine", "wine64", "gcc-mingw-w64-x86-64")
    if sys.version_info[:2] != (3, 11):
        sys.exit("the library of this Python becomes that of a Windows Python 3.11: run a 3.11")
    base = Path(directory).resolve()
    base.mkdir(parents=True, exist_ok=True)
    python = WindowsPython(base / "wine")
    python.create()
    python.install_project()
    project = lab.copy_sources(base / "project")
    logs = base / "logs"
    logs.mkdir(exist_ok=True)
    total: Counter[str] = Counter()
    for name in test_files(project, wanted):
        counts = run_file(python, project, name, logs / f"{name.replace('/', '-')}.log")
        total += counts
        print(f"{name}: {shown(counts)}", flush=True)
    print(f"in all: {shown(total)}; logs in {logs}")
    return 1 if total["FAILED"] + total["ERROR"] + total["UNFINISHED"] else 0


def shown(counts: Counter[str]) -> str:
    """Return counts as text."""
    return ", ".join(f"{n} {how.lower()}" for how, n in sorted(counts.items())) or "no tests"


if __name__ == "__main__":
    sys.exit(main())
