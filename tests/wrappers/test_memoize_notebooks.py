"""`memoize` at the prompt and in notebooks, where functions are edited and defined again."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


def test_edits_that_move_an_instruction_out_of_a_try_block():
    """In a notebook: the instructions stay the same."""
    program = """
        from persidict import LocalDict, memoize
        store = LocalDict()
        def fail(): raise KeyError
        @memoize(store)
        def f(x):
            try:
                print(); fail()
            except KeyError:
                return "caught"
        assert f(1) == "caught"
        @memoize(store)
        def f(x):
            try:
                print()
            except KeyError:
                return "caught"
            else:
                fail()
        try:
            print("a result of the old function:", f(1))
        except KeyError:
            print("computed")
        """
    assert run_at_the_prompt(program) == "computed"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def g(x): return x", "def g(x): return -x"),
        ("def g(x, y=1): return x + y", "def g(x, y=2): return x + y"),
        ("def g(x, *, y=1): return x + y", "def g(x, *, y=2): return x + y"),
        ("g = plus(1)", "g = plus(2)"),
        ("@by(1)\ndef g(x): return x", "@by(2)\ndef g(x): return x"),
        ("@memoize(store)\ndef g(x): return x", "@memoize(store)\ndef g(x): return -x"),
    ],
)
def test_a_function_of_a_notebook_that_is_an_argument_and_edited(old, new):
    program = f"""
from functools import wraps
from persidict import LocalDict, memoize
store = LocalDict()

def plus(y):
    def g(x): return x + y
    g.__qualname__ = "g"
    return g

def by(y):
    return lambda f: wraps(f)(lambda x: f(x) * y)

@memoize(store)
def call(f): return f(5)

{old}
first = call(g)
assert call(g) == first and call.cache_info().hits == 1
{new}
assert call(g) != first
print("computed")
"""
    assert run_at_the_prompt(program) == "computed"


def run_at_the_prompt(program):
    done = subprocess.run(
        [sys.executable, "-"],
        input=textwrap.dedent(program),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[-2]
