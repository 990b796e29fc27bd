"""The directive `sequence`: a picture of who does what after whom, drawn from its text.

The first line names the columns, each other line is one step, from top to bottom::

    A | store | B
    store: hits = 5
    store -> A: 5
    A! one hit is lost

``X -> Y: text`` is an arrow, ``X: text`` a box in a column, ``X! text`` and ``X+ text`` boxes for
what goes wrong and right. The SVG stands in the page itself, so that it takes the page's colours,
light or dark.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives

WIDTH = 400
STEP = 40
BOX = 26
CHARACTER = 6.7  # the width of an average character of the font used, in pixels
COLOURS = {":": "currentColor", "!": "#d1495b", "+": "#2a9d5c"}

ARROW = re.compile(r"(?P<source>[^>:!+]+?) *-> *(?P<target>[^:]+?): *(?P<text>.+)")
STATE = re.compile(r"(?P<column>[^:!+]+?)(?P<kind>[:!+]) +(?P<text>.+)")


def draw(description: str, title: str) -> str:
    """Return the SVG for a description; `ValueError` says what in it can't be drawn."""
    first, *steps = [line.strip() for line in description.strip().splitlines() if line.strip()]
    names = [name.strip() for name in first.split("|")]
    distance = WIDTH / len(names)
    at = {name: distance * (number + 0.5) for number, name in enumerate(names)}
    bottom = 44 + STEP * len(steps)
    parts = []
    for name, x in at.items():
        parts.append(_text(x, 20, name, distance, bold=True))
        parts.append(f'<line x1="{x:g}" x2="{x:g}" y1="30" y2="{bottom}" class="lifeline"/>')
    for number, step in enumerate(steps):
        parts.append(_step(step, at, 62 + STEP * number))
    return (
        f'<svg class="sequence" role="img" viewBox="0 0 {WIDTH} {bottom + 4}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )


def _step(step: str, at: dict[str, float], y: float) -> str:
    if match := ARROW.fullmatch(step):
        start, end = _place(at, match["source"]), _place(at, match["target"])
        room = abs(end - start)
        point = end - 8 if end > start else end + 8
        return (
            f'<line x1="{start:g}" x2="{point:g}" y1="{y}" y2="{y}" class="arrow"/>'
            f'<path d="M{end:g} {y} L{point:g} {y - 4.5} L{point:g} {y + 4.5} Z" class="head"/>'
            + _text((start + end) / 2, y - 6, match["text"], room)
        )
    if match := STATE.fullmatch(step):
        x = _place(at, match["column"])
        width = len(match["text"]) * CHARACTER + 18
        colour = COLOURS[match["kind"]]
        return (
            f'<rect x="{x - width / 2:g}" y="{y - BOX / 2 - 4}" width="{width:g}" height="{BOX}" '
            f'rx="4" stroke="{colour}" class="state"/>'
            f'<rect x="{x - width / 2:g}" y="{y - BOX / 2 - 4}" width="{width:g}" height="{BOX}" '
            f'rx="4" fill="{colour}" fill-opacity="{0.06 if match["kind"] == ":" else 0.2}"/>'
            + _text(x, y, match["text"], 2 * min(x, WIDTH - x) - 18)
        )
    raise ValueError(f"no step of a sequence: {step!r}")


def _place(at: dict[str, float], name: str) -> float:
    if name not in at:
        raise ValueError(f"no such column: {name!r}; there are {', '.join(at)}")
    return at[name]


def _text(x: float, y: float, text: str, room: float, *, bold: bool = False) -> str:
    if len(text) * CHARACTER > room:
        raise ValueError(f"{text!r} has room for {room / CHARACTER:.0f} characters only")
    weight = ' class="column"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}"{weight}>{escape(text)}</text>'


class Sequence(Directive):
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
        html = (
            f'<figure class="sequence">{picture}<figcaption>{escape(caption)}</figcaption></figure>'
        )
        return [nodes.raw("", html, format="html")]


def setup(app: Any) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    app.add_directive("sequence", Sequence)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
