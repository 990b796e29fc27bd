"""The examples in README and documentation do what they say."""

import re
from pathlib import Path

import pytest

pytest.importorskip("persidict.file")
for package in ("orjson", "cloudpickle"):
    pytest.importorskip(package)

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", *(ROOT / "packages").glob("*/README.md")]
PAGES = sorted([*READMES, *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name(page):
    return page.relative_to(ROOT).as_posix()


def code_of(page):
    """The Python blocks of a page, each on its own lines, so that errors name the right one."""
    text = page.read_text(encoding="utf-8")
    code, at = "", 0
    for match in BLOCK.finditer(text):
        code += "\n" * text.count("\n", at, match.start(1)) + match[1]
        at = match.end(1)
    return code


@pytest.mark.parametrize("page", [page for page in PAGES if code_of(page)], ids=name)
def test_python_blocks_run(page, request, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = code_of(page)
    if "S3" in code or "s3://" in code:
        request.getfixturevalue("s3_account")
    exec(compile(code, page, "exec"), {"__name__": "snippet"})


def test_there_is_something_to_run():
    pages = {page.name for page in PAGES if code_of(page)}
    assert {"README.md", "tutorial.md", "conditional.md", "keys.md"} <= pages
