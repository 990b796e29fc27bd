"""Every promise in docs/guarantees.md names tests that exist, or says that it has none."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guarantees.md"
KIT = ROOT / "packages" / "persidict-core" / "src" / "persidict"
TABLE = re.compile(r"^(?:\|.*\|\n)+", re.MULTILINE)
NAME = re.compile(r"`([\w/]+\.py)((?:::\w+)+)`")


def rows():
    """The cells of each promise; tables of results make none."""
    found = []
    for table in TABLE.findall(PAGE.read_text(encoding="utf-8")):
        head, _, *cells = [line.strip("| ").split(" | ") for line in table.splitlines()]
        if head[-1] in ("shown by", "caught by"):
            found += cells
        else:
            assert head[-1] == "result"
    return found


def test_every_promise_names_tests_or_says_that_it_has_none():
    assert len(rows()) > 70
    for row in rows():
        rest = NAME.sub("", row[-1]).strip(", ")
        assert bool(NAME.search(row[-1])) is not (rest == "no test"), row
        assert rest in ("", "no test"), row


def named_files():
    return sorted({match[1] for row in rows() for match in NAME.finditer(row[-1])})


@pytest.mark.parametrize("path", named_files())
def test_named_tests_exist(path):
    # The conformance kit is in a package, for other people's stores too.
    place = KIT / path if path.startswith("core/testing") else ROOT / "tests" / path
    defined = set(names_in(ast.parse(place.read_text(encoding="utf-8")), ""))
    named = {m[2] for row in rows() for m in NAME.finditer(row[-1]) if m[1] == path}
    missing = {
        name
        for name in named
        if name not in defined and not (path.startswith("core/testing") and ends(defined, name))
    }
    assert missing == set()


def names_in(tree, prefix):
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield f"{prefix}::{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from names_in(node, f"{prefix}::{node.name}")


def ends(defined, name):
    return any(one.endswith(name) for one in defined)
