"""What the page on architecture names is where it says."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| Where .+\? \| `(?P<module>[\w/]+\.py)` \| `(?P<names>[\w`, ]+)` \|$", re.MULTILINE
)
PATH = re.compile(r"\b(?:core|file|s3|wrappers)(?:/\w+)*/\w+\.py\b")
STEP = re.compile(r"^(?P<room>core|file): (?P<modules>.+?)(?:: (?P<name>\w+))? \|", re.MULTILINE)


def source(module):
    (path,) = ROOT.glob(f"packages/*/src/persidict/{module}")
    return path


def names_in(module):
    tree = ast.parse(source(module).read_text(encoding="utf-8"))
    return {
        node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }


@pytest.mark.parametrize(("module", "names"), ROW.findall(TEXT))
def test_the_answers_are_right(module, names):
    assert set(names.split("`, `")) <= names_in(module)


def test_all_questions_are_read():
    assert len(ROW.findall(TEXT)) == TEXT.count("| Where ") > 12


def test_modules_that_are_named_exist():
    missing = [path for path in PATH.findall(TEXT) if not source(path).is_file()]
    assert missing == []


def test_the_steps_of_a_write_exist():
    steps = [match.groupdict() for match in STEP.finditer(TEXT)]
    assert len(steps) > 6
    for step in steps:
        modules = [f"{step['room']}/{name}" for name in step["modules"].split(", ")]
        assert all(source(module).is_file() for module in modules)
        assert step["name"] is None or step["name"] in names_in(modules[-1])
