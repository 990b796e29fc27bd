"""The commands in README and documentation print what is shown."""

import doctest
import os
import re
import shlex
from pathlib import Path

import pytest

for needed in ("persidict.file", "orjson", "lz4"):
    pytest.importorskip(needed)

from persidict.core._cli.parser import main  # noqa: E402  # if all is there

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands_of(page):
    """Each command of the program with the output that is shown for it, and its line."""
    text = page.read_text(encoding="utf-8")
    found = []
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1)) + 1
        shown = None
        for number, line in enumerate(block[1].splitlines(), first):
            if line.startswith("$ "):
                shown = []
                found.append((number, line[2:], shown))
            elif shown is not None:
                shown.append(line + "\n")
    return [(n, line, "".join(shown)) for n, line, shown in found if line.startswith("persidict ")]


@pytest.fixture(name="server")
def server_fixture(monkeypatch):
    """Make moto's server the one that is meant where none is named."""
    pytest.importorskip("moto")
    pytest.importorskip("persidict.s3")
    from tests.support import servers

    before = dict(os.environ)
    servers.set_credentials()
    server = servers.Moto()
    os.environ["AWS_ENDPOINT_URL"] = server.url
    yield
    server.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands_of(page)], ids=lambda p: p.name
)
def test_commands_print_what_is_shown(page, request, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    commands = commands_of(page)
    if any("s3://" in line for _, line, _ in commands):
        request.getfixturevalue("server")
    for number, line, shown in commands:
        capfd.readouterr()
        code = main(shlex.split(line)[1:])
        out, err = (text.replace("\r\n", "\n") for text in capfd.readouterr())
        where = f"{page.name}:{number}: {line}"
        same = doctest.OutputChecker().check_output(shown, out + err, doctest.ELLIPSIS)
        assert same, f"{where}\nshown: {shown}\nprinted: {out}{err}"
        assert (code == 0) is (not err or "add ?format=" in err), where


def test_there_is_something_to_run():
    assert len(commands_of(ROOT / "docs" / "command-line.md")) > 15
    assert all(
        f"### `{name}" in (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
        for name in ("ls", "get", "put", "rm", "stat", "cp", "verify", "watch")
    )
