"""The source of all parts as syntax trees, for the tests of its structure."""

from __future__ import annotations

import ast
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Module:
    """A module of a part.

    Args:
        path: Where its source is.
        source: The `src` directory that it is in.
    """

    def __init__(self, path: Path, source: Path) -> None:
        self.path = path
        parts = path.relative_to(source).with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.is_package else parts)
        self.text = path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)


def modules() -> dict[str, Module]:
    """Return the modules of all parts by their names, the facade of `persidict` apart."""
    found = [
        Module(path, source)
        for source in sorted(ROOT.glob("packages/*/src"))
        for path in sorted(source.glob("persidict/*/**/*.py"))
    ]
    assert found
    return {module.name: module for module in found}
