"""Pictures of flows and of a shared store are drawn from their text, and from nothing else."""

import importlib.util
import re
from pathlib import Path

import pytest

pytest.importorskip("docutils")

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXTENSIONS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.draw


flow = load("flow")
shared_store = load("shared_store")


def texts(picture):
    return re.findall(r">([^<>]+)</text>", picture)


def test_a_flow_has_a_box_per_step_and_a_frame_per_room():
    picture = flow("d | start & go\ncore: a.py | does x\ncore: b.py: f | does y\nend | z", "Title")
    assert texts(picture) == [
        *("core", "d", "start &amp; go", "a.py", "does x", "b.py: f", "does y", "end", "z"),
    ]
    assert picture.count('class="box"') == 4
    assert picture.count('class="room"') == 1
    assert picture.count('class="arrow"') == 3
    assert "<title>Title</title>" in picture


def test_each_machine_is_connected_with_the_store():
    picture = shared_store("laptop | d[1]\nserver | f()\nstore | a.json, b.json", "Title")
    assert texts(picture) == ["laptop", "d[1]", "server", "f()", "store", "a.json", "b.json"]
    assert picture.count('class="box"') == picture.count('class="arrow"') == 2
    assert picture.count('class="item"') == 2


@pytest.mark.parametrize(
    ("draw", "text", "message"),
    [
        (flow, "a step without text", "is written"),
        (flow, "a | ", "is written"),
        (flow, "a | " + "x" * 80, "has room for"),
        (flow, "x" * 80 + " | a", "has room for"),
        (shared_store, "laptop", "is written"),
        (shared_store, "store | items", "at least one machine"),
        (shared_store, "laptop | " + "x" * 80 + "\nstore | a", "has room for"),
        (shared_store, "laptop | d\nstore | " + "x" * 80, "has room for"),
    ],
)
def test_texts_that_cannot_be_drawn_are_errors(draw, text, message):
    with pytest.raises(ValueError, match=message):
        draw(text, "Title")
