"""Random bytes that are used once; many are drawn at a time.

Each draw releases Python's lock, for which threads of a bulk operation then queue up.
"""

from __future__ import annotations

import os

_SIZE = 16
_AT_ONCE = 64

_drawn: list[bytes] = []


def new_nonce() -> bytes:
    """Return 16 random bytes that nobody else gets."""
    try:
        return _drawn.pop()
    except IndexError:
        data = os.urandom(_SIZE * _AT_ONCE)
        _drawn.extend(data[at : at + _SIZE] for at in range(_SIZE, len(data), _SIZE))
        return data[:_SIZE]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drawn.clear)
