"""Writers that are killed, in its short form; tests/file/test_crash.py kills at each call."""

import random
import sys

import pytest

pytest.importorskip("persidict.file")

from tests.torture.kills import kill_writers

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has neither fork nor SIGKILL"
)


@pytest.mark.slow
def test_writers_killed_at_random_moments(tmp_path):
    outcome = kill_writers(tmp_path / "store", random.Random(5), 12)
    assert outcome.problems == []
    assert outcome.kills > 0


def test_a_store_that_acknowledges_too_early_is_caught(tmp_path, monkeypatch):
    from persidict import FileDirDict

    write = FileDirDict._put

    def lost(self, key, data, expected):
        stat = write(self, key, data, expected)
        if key == ("a",):
            self._erase(key, stat.etag)
        return stat

    monkeypatch.setattr(FileDirDict, "_put", lost)
    monkeypatch.setattr(
        FileDirDict, "_store", lambda d, k, v, expected: d._put(k, d._encoded(k, v), expected)
    )
    assert kill_writers(tmp_path / "store", random.Random(5), 12).problems
