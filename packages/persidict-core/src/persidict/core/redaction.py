"""Keeps credentials out of error messages, descriptions and logs."""

from __future__ import annotations

import re

_URL_WITH_CREDENTIALS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*@").match


def has_credentials(text: str) -> bool:
    """Tell whether a text is a URL with a user name or a password."""
    return _URL_WITH_CREDENTIALS(text) is not None
