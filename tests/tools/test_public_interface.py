"""The printed interface is the same in every run, and shows what users would miss."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "public_interface.py"


def printed(seed):
    return subprocess.run(
        [sys.executable, str(TOOL)],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.slow
def test_two_runs_print_the_same():
    assert printed(1) == printed(2)


@pytest.mark.slow
def test_names_and_signatures_are_there():
    text = printed(0)
    for line in (
        "    class ConcurrencyConflictError(key: 'Any', attempts: 'int') -> 'None'",
        "    def open_store(",
        "        def get_subdict(self, prefix_key: 'PersiDictKey') -> 'Self'",
        "    class LocalDict(",
        "        def __setitem__(",
        "    KEEP_CURRENT: KeepCurrentFlag",
    ):
        assert f"\n{line}" in text
