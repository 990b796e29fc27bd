"""How notebooks and IPython show a dict: its parameters, and a glance at its items."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import islice
from typing import Any, TypeAlias

from persidict.core.backend import Backend
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.mapping import closable

# Items that are listed before counting stops: one page of an S3 listing.
_MAX_COUNTED = 1000
_SHOWN_KEYS = 5
_MAX_TEXT = 300


_ListTimes: TypeAlias = Callable[[], Iterable[tuple[NonEmptySafeStrTuple, float]]]


def html_of(d: Backend[Any], list_times: _ListTimes) -> str:
    """Return a small table for ``_repr_html_``; it shows errors instead of raising them."""
    title, params = title_and_params(d)
    return table(title, [*params, *_content(list_times)])


def pretty_print(d: Backend[Any], printer: Any, cycle: bool) -> None:
    """Print ``repr()`` over as many lines as it needs, for ``_repr_pretty_``."""
    title = type(d).__name__
    params = [] if cycle else list(d.get_params().items())
    with printer.group(len(title) + 1, f"{title}(", ")"):
        for index, (name, value) in enumerate(params):
            if index:
                printer.text(",")
                printer.breakable()
            printer.text(f"{name}=")
            printer.pretty(value)


def completions(d: Backend[Any]) -> list[str | tuple[str, ...]]:
    """Return some keys as IPython completes them after ``d["``, for `_ipython_key_completions_`.

    No value is read, and at most one page of the store is listed.
    """
    depth = len(d._prefix)
    try:
        with closing(closable(d._keys(d._prefix))) as found:
            keys = [tuple(key[depth:]) for key in islice(found, _MAX_COUNTED)]
    except Exception:  # noqa: BLE001  # nothing to offer; an error would disturb the user's typing
        return []
    return [key[0] if len(key) == 1 else key for key in keys]


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


def _content(list_times: _ListTimes) -> list[tuple[str, str]]:
    try:
        found = list(islice(list_times(), _MAX_COUNTED + 1))
    except Exception as error:  # noqa: BLE001  # likewise
        return [("items", _shown(error))]
    if len(found) > _MAX_COUNTED:
        # Finding the newest would take listing them all.
        some = sorted(key for key, _ in found[:_SHOWN_KEYS])
        return [("items", f"more than {_MAX_COUNTED:,}"), *_keys("some keys", some)]
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
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"
