"""The sessions that documentation and workflows name exist."""

import ast
import re
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob(".github/**/*.yml"),
    *ROOT.glob(".github/**/*.md"),
    ROOT / ".ci" / "run",
]
COMMAND = re.compile(r"(?:python|\$python\"?) dev\.py((?: +[a-z][\w.-]*)+)")


def sessions():
    """Return the names of the sessions in noxfile.py, without running it."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            given = [
                keyword.value.value
                for decorator in node.decorator_list
                if isinstance(decorator, ast.Call)
                for keyword in decorator.keywords
                if keyword.arg == "name"
            ]
            names.add(given[0] if given else node.name)
    return names | {"tests", *(f"tests-3.{minor}" for minor in range(11, 15))}


def named(page):
    text = page.read_text(encoding="utf-8")
    return set(chain.from_iterable(match.split() for match in COMMAND.findall(text)))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if named(page)], ids=lambda page: page.name
)
def test_the_sessions_that_are_named_exist(page):
    # "tests-" precedes a version that the workflow fills in.
    assert named(page) - sessions() - {"tests-"} == set()


def test_the_workflow_runs_sessions_that_exist():
    for name in ("ci", "portability"):
        text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
        (names,) = re.findall(r"session: \[(.+)\]", text)
        assert set(names.split(", ")) <= sessions()


def test_the_commands_that_readme_promises_are_there():
    assert named(ROOT / "README.md") >= {"demo", "tests"}
