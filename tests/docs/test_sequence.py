"""Pictures in the documentation are drawn from what the text says, and from nothing else."""

import importlib.util
import re
from pathlib import Path

import pytest

pytest.importorskip("docutils")

DOCS = Path(__file__).parents[2] / "docs"


def load_extension():
    spec = importlib.util.spec_from_file_location("sequence", DOCS / "_ext" / "sequence.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


draw = load_extension().draw


def test_arrows_boxes_and_names_are_drawn():
    picture = draw("A | store\nstore: hits = 5\nstore -> A: 5 & more\nA! lost\nA+ found", "Title")
    assert re.findall(r">([^<>]+)</text>", picture) == [
        *("A", "store", "hits = 5", "5 &amp; more", "lost", "found")
    ]
    assert picture.count('class="arrow"') == 1
    assert picture.count('class="state"') == 3
    assert "<title>Title</title>" in picture


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("B: 5", "no such column: 'B'"),
        ("A -> B: 5", "no such column: 'B'"),
        ("A says 5", "no step"),
        ("A -> store: " + "x" * 80, "has room for"),
        ("A: " + "x" * 80, "has room for"),
    ],
)
def test_what_cannot_be_drawn_is_refused(steps, message):
    with pytest.raises(ValueError, match=message):
        draw(f"A | store\n{steps}", "Title")
