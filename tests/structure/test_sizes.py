"""Modules and functions stay small enough to be read at once."""

import ast
import io
import statistics
import tokenize

import pytest

from tests.support.source import modules

LONGEST_MODULE = 350
MEDIAN_OF_MODULES = 130
LONGEST_FUNCTION = 40

_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@pytest.fixture(scope="module")
def lengths():
    """Module -> its lines."""
    return {name: len(module.text.splitlines()) for name, module in modules().items()}


def test_no_module_is_longer_than_the_limit(lengths):
    long = {name: n for name, n in lengths.items() if n > LONGEST_MODULE}
    assert long == {}


def test_the_median_module_is_short(lengths):
    assert statistics.median(lengths.values()) <= MEDIAN_OF_MODULES


def code_lines(module):
    """Return the numbers of the lines that are neither blank nor comment nor docstring."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return lines


def lines_of(function):
    """Return the numbers of a function's lines; of a constructor's, those after its parameters.

    Constructors name each parameter, on a line of its own, for tools that read signatures.
    """
    first = function.body[0].lineno if function.name == "__init__" else function.lineno
    return set(range(first, function.end_lineno + 1))


@pytest.mark.slow
def test_no_function_is_longer_than_the_limit():
    long = {}
    for name, module in modules().items():
        code = code_lines(module)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                full, length = f"{name}.{node.name}", len(code & lines_of(node))
                if length > LONGEST_FUNCTION:
                    long[full] = length
    assert long == {}
