"""The directive `flow`: a picture of the steps that something takes, drawn from its text.

Each line is one step, from top to bottom: its name, and what happens there::

    d["a"] = 1 | your program
    base.py | validates the key and the value
    file: file_dir_dict.py | writes a temporary file and renames it

Steps that begin with ``room:`` stand together in a frame with that name. The SVG is part of the
page, so that it takes the page's colours, light or dark.
"""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import Any, ClassVar, NamedTuple

from docutils import nodes
from docutils.parsers.rst import Directive, directives

WIDTH = 420
BOX = 44
GAP = 18
TITLE = 24
MARGIN = 16
# The width of an average character, in pixels.
NAME_CHARACTER = 7.6
TEXT_CHARACTER = 6.4


class Step(NamedTuple):
    """One box."""

    room: str
    name: str
    text: str


def parse(description: str) -> list[Step]:
    """Return the steps of a description; `ValueError` names a line that is none."""
    steps = []
    for line in filter(None, map(str.strip, description.splitlines())):
        head, bar, text = (part.strip() for part in line.partition("|"))
        if not (head and bar and text):
            raise ValueError(f"a step is written 'name | what happens', got {line!r}")
        room, colon, name = (part.strip() for part in head.partition(": "))
        steps.append(Step(room, name, text) if colon else Step("", head, text))
    return steps


def draw(description: str, title: str) -> str:
    """Return the SVG for a description; `ValueError` says what in it can't be drawn."""
    y = 4.0
    frames, boxes = [], []
    bottom: float | None = None
    for room, group in groupby(parse(description), key=lambda step: step.room):
        top = y
        y += TITLE if room else 0
        for step in group:
            if bottom is not None:
                boxes.append(_arrow(bottom, y))
            boxes.append(_box(step, y))
            bottom = y + BOX
            y = bottom + GAP
        if room:
            frames.append(_frame(room, top, y - top - GAP / 2))
            y += GAP / 2
    return (
        f'<svg class="flow" role="img" viewBox="0 0 {WIDTH} {y:g}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>'
        f"{''.join(frames)}{''.join(boxes)}</svg>"
    )


def _box(step: Step, y: float) -> str:
    width = WIDTH - 2 * MARGIN
    for text, character in ((step.name, NAME_CHARACTER), (step.text, TEXT_CHARACTER)):
        if len(text) * character > width:
            raise ValueError(f"{text!r} has room for {width / character:.0f} characters only")
    middle = WIDTH / 2
    return (
        f'<rect x="{MARGIN}" y="{y:g}" width="{width}" height="{BOX}" rx="5" class="box"/>'
        f'<text x="{middle:g}" y="{y + 18:g}" class="name">{escape(step.name)}</text>'
        f'<text x="{middle:g}" y="{y + 35:g}">{escape(step.text)}</text>'
    )


def _arrow(start: float, end: float) -> str:
    x = WIDTH / 2
    return (
        f'<line x1="{x:g}" x2="{x:g}" y1="{start:g}" y2="{end - 7:g}" class="arrow"/>'
        f'<path d="M{x:g} {end:g} l-4.5 -8 h9 Z" class="head"/>'
    )


def _frame(room: str, y: float, height: float) -> str:
    return (
        f'<rect x="1" y="{y:g}" width="{WIDTH - 2}" height="{height:g}" rx="8" class="room"/>'
        f'<text x="{MARGIN}" y="{y + 16:g}" class="room-name">{escape(room)}</text>'
    )


class Flow(Directive):
    """Put the drawing into the page, with its caption below."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"caption": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return a figure."""
        caption = self.options["caption"]
        try:
            picture = draw("\n".join(self.content), caption)
        except ValueError as error:
            raise self.error(str(error)) from error
        html = f'<figure class="flow">{picture}<figcaption>{escape(caption)}</figcaption></figure>'
        return [nodes.raw("", html, format="html")]


def setup(app: Any) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    app.add_directive("flow", Flow)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
