"""What `--save` writes: figures, tables and plots that the pages and the README show."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).resolve().parent / "results"
PAGES = Path(__file__).resolve().parents[2] / "docs" / "_static"
# Between these the README has its table.
_BEGIN, _END = "<!-- measured -->", "<!-- /measured -->"


def keep(name: str, figures: Any, page: str, plot: str | None = None) -> None:
    """Write figures as JSON, and what shows them."""
    FIGURES.mkdir(exist_ok=True)
    (FIGURES / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    show(name, page, plot)


def show(name: str, page: str, plot: str | None = None) -> None:
    """Write what a page includes as Markdown, and the plot."""
    PAGES.mkdir(exist_ok=True)
    (PAGES / f"{name}.md").write_text(page.strip() + "\n", encoding="utf-8")
    if plot is not None:
        (PAGES / f"{name}.svg").write_text(plot, encoding="utf-8")


def today() -> str:
    """Return the date."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def machine() -> str:
    """Say what the figures are from: processor, system, Python and how busy it was."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {system}, "
        f"Python {platform.python_version()}, load {load}"
    )


def replace_measured(readme: Path, table: str) -> None:
    """Put a table between the README's marks.

    Raises:
        ValueError: The README has no such marks.
    """
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{readme.name} has no {_BEGIN} ... {_END}")
    readme.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")
