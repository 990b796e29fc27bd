#!/usr/bin/env python
"""Name the `except` handlers in the packages that no test has run: `nox -s coverage` does.

Needs the combined data of coverage.py (`.coverage`). Handlers that can't run on this system are
listed below with the reason; an entry that fits none, or that was run, is an error too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Handler(NamedTuple):
    """An `except` clause, named so that the name outlives changes around it."""

    module: str
    function: str
    catches: str

    def __str__(self) -> str:
        return f"{self.module}: {self.function}: except {self.catches}"


WINDOWS = "only Windows locks and replaces files that way; the workflow runs the tests there"
NOT_HERE = {
    Handler("persidict/file/windows.py", "_open_shared", "PermissionError"): WINDOWS,
    Handler("persidict/file/windows.py", "refuse_links", "OSError"): WINDOWS,
    Handler("persidict/file/windows_calls.py", "_as_descriptor", "OSError"): WINDOWS,
}


def handlers(source: str, module: str) -> Iterator[tuple[Handler, int]]:
    """Yield the handlers of a module and the lines that they begin with."""
    yield from _below(ast.parse(source), module, "module")


def _below(node: ast.AST, module: str, function: str) -> Iterator[tuple[Handler, int]]:
    for child in ast.iter_child_nodes(node):
        inner = function
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inner = child.name if function == "module" else f"{function}.{child.name}"
        if isinstance(child, ast.ExceptHandler):
            caught = "BaseException" if child.type is None else ast.unparse(child.type)
            yield Handler(module, function, caught), child.body[0].lineno
        yield from _below(child, module, inner)


def judge(found: dict[Handler, set[bool]], excused: dict[Handler, str]) -> list[str]:
    """Say what is wrong: handlers without a test, excuses without need."""
    problems = [
        f"no test runs {handler}"
        for handler, runs in found.items()
        if False in runs and handler not in excused
    ]
    problems += [f"no such handler, excused for nothing: {one}" for one in excused.keys() - found]
    problems += [
        f"excused, and yet some test runs it: {one}" for one in excused if found.get(one) == {True}
    ]
    return sorted(problems)


def main() -> int:
    """Compare the sources with what was run; return the exit code."""
    from coverage import Coverage

    coverage = Coverage(data_file=sys.argv[1] if len(sys.argv) > 1 else str(ROOT / ".coverage"))
    coverage.load()
    data = coverage.get_data()
    found: dict[Handler, set[bool]] = {}
    for path in sorted(ROOT.glob("packages/*/src/persidict/*/**/*.py")):
        if path.name.startswith("testing"):
            continue  # the conformance kit is itself tests
        lines = set(data.lines(str(path)) or ())
        module = path.relative_to(path.parents[2]).as_posix()
        for handler, line in handlers(path.read_text(encoding="utf-8"), module):
            found.setdefault(handler, set()).add(line in lines)
    problems = judge(found, NOT_HERE)
    for problem in problems:
        print(problem)
    print(f"{len(found)} handlers, {len(NOT_HERE)} of them excused, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
