"""Keeps credentials out of error messages, descriptions, logs and the repr of dicts."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

_HIDDEN = "***"
# Patterns are compiled when they are first used: importing persidict should be quick.
# The user's part of a URL. A secret may have slashes in it; a port is none.
_USER = (
    r"(?<=//)[^\s/?#@:'\"]*:(?!\d+[/?#])[^\s@'\"]*@"
    r"|(?<=//)[^\s/?#@'\"]+@"
    r"|(?:^|(?<=[\s'\"=(]))[^\s/@:'\"\\]+:(?![/\\])[^\s@'\"]+@"
)
_NAMED = (
    r"((?i:secret|passw(?:or)?d|token|signature|credential|access[-_]?key)"
    r"[^\s=&:'\"]*['\"]?\s*[=:]\s*['\"]?)"
    r"[^\s&'\",)]+"
)
_AWS_KEY_ID = r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,}(:\S*)?"
# A secret of AWS; only looked for where no path is expected.
_FORTY_CHARACTERS = (
    r"(?<![A-Za-z0-9/+])(?=[^\s'\"]*[A-Z])(?=[^\s'\"]*[a-z])(?=[^\s'\"]*\d)"
    r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"
)


def redacted(text: str) -> str:
    """Return a text with everything that looks like a credential replaced by ``***``.

    Example:
        >>> redacted("can't open https://alice:secret@host/data?token=abc")
        "can't open https://***@host/data?token=***"
    """
    text = re.sub(_USER, f"{_HIDDEN}@", text)
    text = re.sub(_AWS_KEY_ID, _HIDDEN, text)
    return re.sub(_NAMED, rf"\g<1>{_HIDDEN}", text)


def names_user(text: str) -> bool:
    """Tell whether a text is a URL or an address with a user, and so perhaps with a password."""
    return re.search(_USER, text) is not None


def has_credentials(text: str) -> bool:
    """Tell whether a text contains something that looks like a credential."""
    return redacted(text) != text


def shown_params(params: Mapping[str, Any], secret: Container[str] = ()) -> list[tuple[str, str]]:
    """Return the names of arguments and their reprs, without credentials.

    Args:
        params: The arguments.
        secret: The names of those whose values are not shown at all.
    """
    return [
        (name, "..." if name in secret and value is not None else _shown_param(value))
        for name, value in params.items()
    ]


def shown(value: Any) -> str:
    """Return the start of a value's repr, for messages, without credentials."""
    return re.sub(_FORTY_CHARACTERS, _HIDDEN, redacted(repr(value)))[:100]


def _shown_param(value: Any) -> str:
    return redacted(repr(value)) if isinstance(value, str) else repr(value)
