"""What the core logs, and that it costs nothing where nobody listens."""

import logging
import subprocess
import sys

from persidict.core import ITEM_NOT_AVAILABLE, LocalDict


def increment_with_conflict(d):
    """Change an item during the first attempt to change it."""
    d["n"] = 1
    attempts = []

    def successor(count):
        attempts.append(count)
        if len(attempts) == 1:
            d["n"] = 5
        assert count is not ITEM_NOT_AVAILABLE
        return count + 1

    d.transform_item("n", transformer=successor)
    assert attempts == [1, 5]


def test_conflicts_are_told_when_debugging(caplog):
    with caplog.at_level(logging.DEBUG, "persidict"):
        increment_with_conflict(LocalDict())
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("persidict.core", "DEBUG")
    assert record.getMessage() == (
        "attempt 1 at NonEmptySafeStrTuple(('n',)) met somebody else's change"
    )


def test_nothing_is_told_otherwise(caplog):
    increment_with_conflict(LocalDict())
    assert caplog.records == []


def test_the_core_does_not_load_logging():
    code = (
        "import sys; before = 'logging' in sys.modules;"
        "from persidict.core import LocalDict; d = LocalDict();"
        "d.transform_item('a', transformer=lambda n: 2 if d else d.update(a=1));"
        "sys.exit('logging' in sys.modules and not before)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
