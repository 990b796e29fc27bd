"""What notebooks and IPython show of a dict: how it was opened, and what is in it at a glance."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from persidict.core.keys import NonEmptySafeStrTuple

if TYPE_CHECKING:
    from persidict.core.base import PersiDict

# Items that are listed before counting stops: one page of an S3 listing.
_MOST_COUNTED = 1000
_SHOWN_KEYS = 5
_LONGEST_TEXT = 300


class NotebookViews:
    """The hooks of IPython; they read no value, and change nothing."""

    def _repr_html_(self) -> str:
        """Return a small table; what can't be found out says why."""
        title, params = title_and_params(self)
        rows = [*params, *_content(self)]  # type: ignore[arg-type]  # a mixin of PersiDict
        return table(title, rows)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print ``repr()`` over as many lines as it needs."""
        title, params = type(self).__name__, []
        if not cycle:
            params = list(self.get_params().items())  # type: ignore[attr-defined]  # likewise
        with printer.group(len(title) + 1, f"{title}(", ")"):
            for index, (name, value) in enumerate(params):
                if index:
                    printer.text(",")
                    printer.breakable()
                printer.text(f"{name}=")
                printer.pretty(value)


def title_and_params(described: Any) -> tuple[str, list[tuple[str, str]]]:
    """Return the name of an object's class, and its parameters with their values as text."""
    title = type(described).__name__
    try:
        params = described.get_params()
        return title, [(name, repr(value)) for name, value in params.items()]
    except Exception as error:  # noqa: BLE001  # a notebook shows it, whatever it is
        return title, [("parameters", _shown(error))]


def table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return an HTML table of names and texts."""
    from html import escape  # its table of entities takes a while to load

    lines = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left">{escape(_shortened(text))}</td></tr>'
        for name, text in rows
    )
    return f"<div><strong>{escape(title)}</strong><table>{lines}</table></div>"


def _content(d: PersiDict[Any]) -> list[tuple[str, str]]:
    try:
        found = list(islice(d.keys_and_timestamps(), _MOST_COUNTED + 1))
    except Exception as error:  # noqa: BLE001  # likewise
        return [("items", _shown(error))]
    if len(found) > _MOST_COUNTED:
        # Which ones are the newest, only listing them all would tell.
        some = sorted(key for key, _ in found[:_SHOWN_KEYS])
        return [("items", f"more than {_MOST_COUNTED:,}"), *_keys("some keys", some)]
    newest = sorted(found, key=lambda pair: pair[1], reverse=True)[:_SHOWN_KEYS]
    rows = [("items", f"{len(found):,}")]
    if newest:
        rows += _keys("newest keys", [key for key, _ in newest])
        rows.append(("last write", _time(newest[0][1])))
    return rows


def _keys(name: str, keys: list[NonEmptySafeStrTuple]) -> list[tuple[str, str]]:
    return [(name if index == 0 else "", " / ".join(key)) for index, key in enumerate(keys)]


def _time(timestamp: float) -> str:
    from datetime import UTC, datetime

    try:
        return f"{datetime.fromtimestamp(timestamp, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{timestamp:.0f} seconds after 1970"  # no such year; a file can have any time


def _shown(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
