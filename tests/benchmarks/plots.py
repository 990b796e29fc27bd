"""Small SVG plots that can be read on light and dark pages."""

from __future__ import annotations

from html import escape

from tests.benchmarks.tables import readable

# Chosen to stand out from white and from black alike; the text takes the page's scheme.
COLOURS = ["#2a78d6", "#d9822b", "#2e9e6b", "#c23b75", "#8a6bd1", "#8c8c8c", "#4fa3a5", "#a5743c"]
_STYLE = (
    "text{font:12px sans-serif;fill:#24292f}.g{stroke:#8888}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}"
)
_ROW, _LEFT, _WIDTH = 26, 190, 420
_WHOLE_WIDTH = 900  # bars, and the figures behind them


def bars(title: str, unit: str, figures: list[tuple[str, dict[str, float]]]) -> str:
    """Return horizontal bars: for each label a group, with one bar for each name in it."""
    names = list(dict.fromkeys(name for _, group in figures for name in group))
    colours = dict(zip(names, COLOURS, strict=False))
    most = max(value for _, group in figures for value in group.values())
    parts, x, y = [], 20, 48
    for name in names:
        parts.append(f'<rect x="{x}" y="26" width="10" height="10" fill="{colours[name]}"/>')
        parts.append(f'<text x="{x + 15}" y="35">{escape(name)}</text>')
        x += 40 + 7 * len(name)
    for label, group in figures:
        thick = (_ROW - 6) / len(names)
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>')
        for number, (name, value) in enumerate(group.items()):
            top, long = y + number * thick, max(1.0, value / most * _WIDTH)
            parts.append(
                f'<rect x="{_LEFT}" y="{top:.1f}" width="{long:.1f}" height="{thick:.1f}" '
                f'fill="{colours[name]}"><title>{escape(name)} {value:.3g}</title></rect>'
            )
        shown = " / ".join(f"{value:.3g}" for value in group.values())
        end = _LEFT + max(group.values()) / most * _WIDTH
        parts.append(f'<text x="{end + 6:.0f}" y="{y + 14}">{shown}</text>')
        y += _ROW
    parts.append(f'<line class="g" x1="{_LEFT}" y1="44" x2="{_LEFT}" y2="{y}"/>')
    parts.append(f'<text x="{_LEFT}" y="{y + 16}">{escape(unit)}</text>')
    return _svg(title, _WHOLE_WIDTH, y + 28, parts)


def panels(title: str, figures: list[tuple[str, dict[str, float]]]) -> str:
    """Return a group of bars for each label, on a scale of its own; the figures are seconds."""
    names = list(dict.fromkeys(name for _, group in figures for name in group))
    colours = dict(zip(names, COLOURS, strict=False))
    parts, y = [], 32
    for label, group in figures:
        parts.append(f'<text x="20" y="{y + 14}" font-weight="bold">{escape(label)}</text>')
        y += 22
        most = max(group.values())
        for name, value in group.items():
            long = max(1.0, value / most * _WIDTH)
            parts.append(
                f'<text x="{_LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(name)}</text>'
                f'<rect x="{_LEFT}" y="{y}" width="{long:.1f}" height="13" '
                f'fill="{colours[name]}"/>'
                f'<text x="{_LEFT + long + 6:.0f}" y="{y + 11}">{readable(value)}</text>'
            )
            y += 17
        y += 8
    return _svg(title, _WHOLE_WIDTH, y, parts)


def _svg(title: str, width: int, height: int, parts: list[str]) -> str:
    heading = f'<text x="20" y="16" font-weight="bold">{escape(title)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style>{heading}{''.join(parts)}</svg>\n"
    )
