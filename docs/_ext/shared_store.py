"""The directive `shared-store`: several machines around one store, drawn from its text.

The first lines are machines, each with what it does; the last line is the store, with its items::

    laptop | d["run-7"] = 0.25
    server | d.transform_item("runs", ...)
    one store | run-7.json, runs.json

The SVG is part of the page, so that it takes the page's colours, light or dark.
"""

from __future__ import annotations

from html import escape
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives

WIDTH = 500
MACHINE = 58
STORE_TOP = 96
STORE = 76
GAP = 16
ITEM = 26
# The width of an average character of code, in pixels.
CODE_CHARACTER = 7.3


def draw(description: str, title: str) -> str:
    """Return the SVG for a description; `ValueError` says what in it can't be drawn."""
    rows = []
    for line in filter(None, map(str.strip, description.splitlines())):
        head, bar, text = (part.strip() for part in line.partition("|"))
        if not (head and bar and text):
            raise ValueError(f"a line is written 'name | text', got {line!r}")
        rows.append((head, text))
    if len(rows) < 2:
        raise ValueError("at least one machine and a store are needed")
    *machines, (store, items) = rows
    width = (WIDTH - GAP * (len(machines) - 1)) / len(machines)
    parts = [_machine(*row, (width + GAP) * n, width) for n, row in enumerate(machines)]
    parts.append(_store(store, [item.strip() for item in items.split(",")]))
    height = STORE_TOP + STORE + 2
    return (
        f'<svg class="shared-store" role="img" viewBox="0 0 {WIDTH} {height}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )


def _machine(name: str, code: str, x: float, width: float) -> str:
    middle = x + width / 2
    return (
        f'<rect x="{x + 1:g}" y="1" width="{width - 2:g}" height="{MACHINE}" rx="6" class="box"/>'
        f'<text x="{middle:g}" y="23" class="name">{escape(name)}</text>'
        + _code(middle, 45, code, width - 12)
        + f'<line x1="{middle:g}" x2="{middle:g}" y1="{MACHINE + 9}" y2="{STORE_TOP - 9}" '
        'class="arrow"/>'
        f'<path d="M{middle:g} {MACHINE + 3} l-5 9 h10 Z" class="head"/>'
        f'<path d="M{middle:g} {STORE_TOP - 2} l-5 -9 h10 Z" class="head"/>'
    )


def _store(name: str, items: list[str]) -> str:
    y = STORE_TOP
    parts = [
        f'<rect x="1" y="{y}" width="{WIDTH - 2}" height="{STORE}" rx="10" class="store"/>',
        f'<text x="{WIDTH / 2:g}" y="{y + 23}" class="name">{escape(name)}</text>',
    ]
    room = (WIDTH - GAP) / len(items) - GAP
    for number, item in enumerate(items):
        x = GAP + (room + GAP) * number
        parts.append(
            f'<rect x="{x:g}" y="{y + 36}" width="{room:g}" height="{ITEM}" rx="4" class="item"/>'
            + _code(x + room / 2, y + 54, item, room)
        )
    return "".join(parts)


def _code(x: float, y: float, code: str, room: float) -> str:
    if len(code) * CODE_CHARACTER > room:
        raise ValueError(f"{code!r} has room for {room / CODE_CHARACTER:.0f} characters only")
    return f'<text x="{x:g}" y="{y:g}" class="code">{escape(code)}</text>'


class SharedStore(Directive):
    """Put the drawing into the page."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"title": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return a figure."""
        try:
            picture = draw("\n".join(self.content), self.options["title"])
        except ValueError as error:
            raise self.error(str(error)) from error
        return [nodes.raw("", f'<figure class="shared-store">{picture}</figure>', format="html")]


def setup(app: Any) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    app.add_directive("shared-store", SharedStore)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
