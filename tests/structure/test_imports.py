"""Which module imports which: no circles, and no part imports one that stands above it."""

import ast
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.support.source import modules

# What each part of the library may import of it.
ALLOWED = {
    "core": {"core"},
    "aio": {"aio", "core"},
    "file": {"file", "core"},
    "wrappers": {"wrappers", "core"},
    "s3": {"s3", "file", "wrappers", "core"},
    "adapters": {"adapters", "aio", "core"},
}
# Module, and what it imports besides.
EXCEPTIONS = {
    # Its default is a directory; the import is in the function that needs it.
    ("persidict.wrappers.write_once", "persidict.file"),
}


def imported(module, known):
    """Return the modules of `known` that a module imports, anywhere in its source."""
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.name}: imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in known else node.module)
    return (found & known) - {module.name}


@pytest.fixture(scope="module")
def graph():
    """Module -> the modules that it imports, in functions and for type checkers too."""
    found = modules()
    return {name: imported(module, set(found)) for name, module in found.items()}


def test_no_modules_import_each_other_in_a_circle(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_parts_import_only_parts_below_them(graph):
    wrong = [
        f"{name} imports {other}"
        for name, others in graph.items()
        for other in others
        if other.split(".")[1] not in ALLOWED[name.split(".")[1]]
        and (name, other) not in EXCEPTIONS
    ]
    assert wrong == []


@pytest.mark.slow
def test_no_part_imports_the_facade():
    """`from persidict import …` would load a part by its name: a circle in disguise."""
    wrong = [
        name
        for name, module in modules().items()
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.ImportFrom) and node.module == "persidict")
        or (isinstance(node, ast.Import) and any(a.name == "persidict" for a in node.names))
    ]
    assert wrong == []
