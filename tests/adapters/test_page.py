"""Each program in docs/adapters.md runs as it is, where its framework is installed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("persidict.file")

PAGE = Path(__file__).parents[2] / "docs" / "adapters.md"
PROGRAM = re.compile(r"^## (.+?)$\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = dict(PROGRAM.findall(PAGE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("heading", PROGRAMS)
def test_a_program_of_the_page(heading, tmp_path):
    program = PROGRAMS[heading]
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Import):
            pytest.importorskip(node.names[0].name.partition(".")[0])
        if isinstance(node, ast.ImportFrom):
            pytest.importorskip(node.module.partition(".")[0])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr


def test_there_is_a_program_for_each_adapter():
    assert len(PROGRAMS) == 8
