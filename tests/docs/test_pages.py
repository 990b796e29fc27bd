"""Following a page from top to bottom gives what it shows, in README and documentation.

The Python blocks and the commands `persidict ...` of a page run in their order, in one directory.
"""

import doctest
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

for needed in ("persidict.file", "orjson", "lz4", "cloudpickle"):
    pytest.importorskip(needed)

from persidict.core._cli.parser import main  # noqa: E402  # if all is there
from tests.docs.page_namespaces import page_namespace  # noqa: E402

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", *(ROOT / "packages").glob("*/README.md")]
# The programs with frameworks run in tests/adapters/test_page.py.
OTHERS = {ROOT / "docs" / "adapters.md"}
PAGES = sorted({*READMES, *(ROOT / "docs").glob("*.md")} - OTHERS)
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (?P<command>.+)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)


class Step(NamedTuple):
    line: int
    code: str
    output: str | None
    """Of a command of the program; None: the step is Python."""


def name(page):
    return page.relative_to(ROOT).as_posix()


def steps_of(page):
    """Yield what a reader of the page runs, without other programs than ours."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(2)) + 1
        if block[1] == "python":
            yield Step(line, block[2], None)
            continue
        for match in COMMAND.finditer(block[2]):
            if match["command"].startswith("persidict "):
                yield Step(
                    line + block[2].count("\n", 0, match.start()),
                    match["command"],
                    match["output"],
                )


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if [*steps_of(page)]], ids=name)
def test_following_a_page_gives_what_it_shows(page, request, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    steps = list(steps_of(page))
    if any("persidict.adapters" in step.code for step in steps):
        pytest.importorskip("persidict.adapters")
    if any("S3" in step.code or "s3://" in step.code for step in steps):
        request.getfixturevalue("s3_account")
    with page_namespace() as namespace:
        follow(page, steps, namespace, capfd)


def follow(page, steps, namespace, capfd):
    for step in steps:
        capfd.readouterr()
        if step.output is None:
            # Each block on its own lines, so that errors name the right one.
            code = "\n" * (step.line - 1) + step.code
            exec(compile(code, page, "exec"), namespace)
            continue
        code = main(shlex.split(step.code)[1:])
        out, err = (text.replace("\r\n", "\n") for text in capfd.readouterr())
        where = f"{name(page)}:{step.line}: {step.code}"
        same = doctest.OutputChecker().check_output(step.output, out + err, doctest.ELLIPSIS)
        assert same, f"{where}\nshown: {step.output}\nprinted: {out}{err}"
        assert (code == 0) is (not err), where


def test_there_is_something_to_run():
    steps = {name(page): [step.output is None for step in steps_of(page)] for page in PAGES}
    for page in ("README.md", "docs/tutorial.md", "docs/command-line.md"):
        assert set(steps[page]) == {True, False}
    assert steps["docs/command-line.md"].count(False) > 30


def test_every_command_is_explained(capfd):
    assert main(["--help"]) == 0
    names = re.findall(r"^    ([a-z]+)(?=\n| )", capfd.readouterr().out, re.MULTILINE)
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert len(names) > 12
    assert [
        found for found in names if not re.search(rf"^###.*`{found} ", page, re.MULTILINE)
    ] == []
