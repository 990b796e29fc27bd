"""What the whole suite shares."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path

TESTS = Path(__file__).parent
PARTS = ("core", "file", "wrappers", "s3", "adapters")

pytest_plugins = ["tests.support.confined", "tests.support.s3_fixtures"]


def pytest_configure():
    """Let interrupts come up, here and in children: a job in a shell's background has none."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def is_installed(part):
    spec = find_spec(f"persidict.{part}")
    return spec is not None and spec.origin is not None


MISSING = [part for part in PARTS if not is_installed(part)]


def pytest_ignore_collect(collection_path):
    """Leave out a directory of tests whose part is not installed."""
    return True if collection_path in [TESTS / part for part in MISSING] else None


def pytest_collection_modifyitems(config, items):
    """Mark tests of a part with its name; leave out those of parts that are not installed."""
    for item in items:
        if item.path.is_relative_to(TESTS):
            directory = item.path.relative_to(TESTS).parts[0]
            if directory in PARTS:
                item.add_marker(directory)
    missing = [item for item in items if any(map(item.get_closest_marker, MISSING))]
    if missing:
        config.hook.pytest_deselected(items=missing)
        items[:] = [item for item in items if item not in set(missing)]
