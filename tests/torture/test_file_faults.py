"""Whichever system call fails: a clear error, the old item or the new one, nothing left behind."""

import errno
import os
import subprocess
import sys

import pytest

pytest.importorskip("persidict.file")

from persidict import BackendError, FileDirDict
from tests.torture.file_faults import ERRORS, OPERATIONS, FailingCalls, fail_everywhere

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other calls")


@pytest.fixture
def calls(monkeypatch):
    return FailingCalls(monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_call_fails(name, tmp_path, calls, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    for code in ERRORS:
        outcome = fail_everywhere(name, code, tmp_path / f"{code}", calls)
        assert outcome.problems == []
        assert outcome.faults >= 3
        assert outcome.errors >= 1
    assert pauses == []  # what can't succeed is not waited for


def test_a_store_that_tells_nobody_is_caught(tmp_path, calls):
    class Careless(FileDirDict):
        def _put(self, key, data, expected):
            try:
                return super()._put(key, data, expected)
            except BackendError:
                return None

    outcome = fail_everywhere("replace", errno.EIO, tmp_path / "store", calls, make=Careless)
    assert outcome.problems


def test_a_file_system_that_is_full(tmp_path):
    """A real one, of 1 MB, where this process may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("mounting a file system is not permitted here")
    try:
        d = FileDirDict(base_dir=disk / "store")
        for n in range(20):
            try:
                d["data", str(n)] = os.urandom(100_000)
            except BackendError as error:
                assert error.key == ("data", str(n))
                assert error.__cause__.errno == errno.ENOSPC
                break
        else:
            pytest.fail("more fits in than there is")
        assert len(d) == n == len(list(d.values()))
        assert list((disk / "store" / "+tmp").iterdir()) == []
        with pytest.raises(BackendError):
            d["data", "0"] = os.urandom(150_000)
        assert len(d["data", "0"]) == 100_000
        del d["data", "1"]
        d["data", "again"] = os.urandom(90_000)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert len(d["data", "again"]) == 90_000
        for act in (lambda: d.__setitem__("b", 1), lambda: d.discard(("data", "0")), d.clear):
            with pytest.raises(BackendError) as caught:
                act()
            assert caught.value.__cause__.errno == errno.EROFS
        assert len(list(d.values())) == n
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
