"""The programs and commands in the guides do what the pages say.

A code block with a caption is a file of that name; the `console` blocks of a page that has such
files are run one after the other, and what they print is compared.
"""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

for package in ("persidict.file", "orjson", "cloudpickle", "jsonpickle"):
    pytest.importorskip(package)

DOCS = Path(__file__).parents[2] / "docs"
FILE = re.compile(
    r"^```\{code-block\} python\n:caption: (\S+)\n\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
INCLUDED = re.compile(
    r"^```\{literalinclude\} (\S+)\n:language: python\n:caption: (\S+)$", re.MULTILINE
)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (?P<command>.+)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)
# What a page needs besides, if tests are run without.
NEEDS = {"testing.md": ["moto.server", "persidict.s3"]}
# The environment gets what these install in another way.
NOT_RUN = ("pip install ",)

PAGES = {page.name: page for page in DOCS.glob("*.md") if FILE.search(page.read_text("utf-8"))}


def commands_of(page):
    for block in CONSOLE.finditer(page.read_text(encoding="utf-8")):
        for match in COMMAND.finditer(block[1]):
            if not match["command"].startswith(NOT_RUN):
                yield match["command"], match["output"]


def run(command, directory):
    """Run a command of a page with this Python; return all that it prints."""
    program, *arguments = shlex.split(command)
    assert program == "python", f"guides run Python only: {command}"
    # coverage.py follows no process into another directory: its sources are named from here.
    own = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    environment = own | {
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PAGES))
def test_files_and_commands_do_what_the_page_says(name, tmp_path):
    for package in NEEDS.get(name, ()):
        pytest.importorskip(package)
    for match in FILE.finditer(PAGES[name].read_text(encoding="utf-8")):
        (tmp_path / match[1]).write_text(match[2], encoding="utf-8")
    for source, file in INCLUDED.findall(PAGES[name].read_text(encoding="utf-8")):
        (tmp_path / file).write_bytes((DOCS / source).read_bytes())
    commands = list(commands_of(PAGES[name]))
    assert commands, "files without a command that runs them"
    for command, expected in commands:
        printed = run(command, tmp_path)
        same = doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS)
        assert same, f"{command}\nprinted\n{printed}\nrather than\n{expected}"


def test_there_is_something_to_run():
    programs = {"sharing.md", "task-queue.md", "testing.md", "typed-values.md"}
    assert PAGES.keys() >= {*programs, "write-your-own-backend.md"}
