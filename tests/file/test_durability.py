"""Durable writes reach the disk before they return, reads cost four system calls, views none."""

import errno
import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

from persidict import FileDirDict

HAS_FSYNC = pytest.mark.skipif(sys.platform != "linux", reason="the other systems sync otherwise")


@pytest.fixture
def recorded(monkeypatch):
    """Record what is done to files, by kind: the order tells what would survive a power loss."""
    events = []

    def record(name, kind):
        original = getattr(os, name)

        def call(*args, **kwargs):
            if event := kind(*args, **kwargs):
                events.append(event)
            return original(*args, **kwargs)

        monkeypatch.setattr(os, name, call)

    def synced(descriptor):
        return "sync directory" if os.path.isdir(f"/dev/fd/{descriptor}/.") else "sync file"

    record("write", lambda *args, **kwargs: "write")
    record("fsync", synced)
    record("utime", lambda *args, **kwargs: "stamp")
    for name in ("link", "rename", "replace"):
        record(name, lambda *args, **kwargs: "commit")
    record("rmdir", lambda *args, **kwargs: "rmdir")
    record("mkdir", lambda *args, **kwargs: "mkdir")
    record("unlink", lambda path, **kwargs: "delete" if kwargs else None)
    return events


@pytest.fixture
def by_paths(monkeypatch):
    """Use paths instead of descriptors of directories, as Windows does."""
    from persidict.file import directory, pending_file

    monkeypatch.setattr(directory, "BY_DESCRIPTOR", False)
    monkeypatch.setattr(pending_file, "BY_DESCRIPTOR", False)
    monkeypatch.setattr(directory.Directory, "locks_itself", False)
    monkeypatch.setattr("persidict.file.flush._syncfs", lambda: None)


@pytest.mark.usefixtures("by_paths")
@HAS_FSYNC
class TestByPaths:
    """Where directories can't be opened, the content is flushed all the same."""

    def test_insert_and_replace(self, make, recorded):
        d = make(durable=True)
        d["other"] = 0
        for value in (1, 2):
            recorded.clear()
            d["a"] = value
            assert recorded == ["write", "stamp", "sync file", "commit"]

    def test_the_time_of_a_version_is_flushed_too(self, make, base, recorded):
        d = make(durable=True)
        d["a"] = 1
        [path] = base.glob("a_*.pkl")
        os.utime(path, ns=(2**62, 2**62))  # the new version gets a later time than this
        for write in (lambda: d.update(a=2), lambda: d.update({"a": 2, "b": 3})):
            os.utime(path, ns=(2**62, 2**62))
            recorded.clear()
            write()
            stamps = [n for n, event in enumerate(recorded) if event == "stamp"]
            assert len(stamps) >= 2
            assert all(recorded[n + 1] == "sync file" for n in stamps)

    def test_nothing_is_flushed_without_durability(self, make, recorded):
        d = make(durable=False)
        d["a"] = 1
        assert recorded == ["mkdir", "mkdir", "write", "stamp", "commit"]

    def test_no_directory_is_left_or_listed(self, make, base):
        d = make()
        d["x", "y", "a"] = d["x", "b"] = d["c"] = 1
        del d["x", "y", "a"]
        assert not list(base.glob("x_*/y_*"))
        assert list(d.get_subdict("x").subdicts()) == ["b"]
        del d["x", "b"]
        assert not list(base.glob("x_*"))
        assert list(d.subdicts()) == ["c"]

    def test_clear_a_part(self, make, base, tree):
        d = make()
        d["x", "a"] = d["x", "y", "b"] = d["c"] = 1
        d.get_subdict("x").clear()
        assert list(d) == [("c",)]
        assert not list(base.glob("x_*"))
        d.clear()
        d.clear()
        assert tree() == []


@HAS_FSYNC
class TestOrder:
    def test_insert(self, make, recorded):
        d = make(durable=True)
        d["other"] = 1
        recorded.clear()
        d["a"] = 1
        assert recorded == ["write", "stamp", "sync file", "commit", "sync directory"]

    def test_replace(self, make, recorded):
        d = make(durable=True)
        d["a"] = 1
        recorded.clear()
        d["a"] = 2
        assert recorded == ["write", "stamp", "sync file", "commit", "sync directory"]

    def test_replace_under_a_clock_that_stands(self, make, recorded, monkeypatch):
        d = make(durable=True)
        monkeypatch.setattr("time.time_ns", lambda: 10**18)
        d["a"] = 1
        monkeypatch.setattr("time.time_ns", lambda: 10**18 - 10**9)
        recorded.clear()
        d["a"] = 2
        commit = recorded.index("commit")
        assert recorded[commit - 1] == "sync file"
        assert recorded[-1] == "sync directory"

    def test_insert_in_new_directories(self, make, recorded):
        d = make(durable=True)
        d["other"] = 1
        recorded.clear()
        d["x", "y", "a"] = 1
        made = [event for event in recorded if event in ("mkdir", "sync directory")]
        assert made == ["mkdir", "sync directory"] * 2 + ["sync directory"]
        assert recorded.index("sync file") < recorded.index("commit")
        assert recorded[-1] == "sync directory"

    def test_the_first_item_of_a_store(self, make, recorded):
        make(durable=True)["a"] = 1
        made = [event for event in recorded if event in ("mkdir", "sync directory")]
        # Those above the store too: whoever made them may not have synced.
        assert made[:2] == ["mkdir", "mkdir"]
        assert set(made[2:]) == {"sync directory"}
        assert len(made) >= 4

    def test_directories_above_the_store_that_are_not_ours(self, make, base, monkeypatch):
        original = os.open

        def refuse(path, *args, **kwargs):
            if path == str(base.parent):
                raise PermissionError(errno.EACCES, "not yours")
            return original(path, *args, **kwargs)

        d = make(durable=True)
        monkeypatch.setattr(os, "open", refuse)
        d["x", "a"] = 1
        assert d["x", "a"] == 1

    def test_directories_are_synced_until_they_are_known_to_be(self, make, base, recorded):
        make()["x", "a"] = 1  # somebody who doesn't sync
        d = make(durable=True)
        recorded.clear()
        d["x", "b"] = 1
        assert recorded.count("sync directory") >= 3  # the one above, the store, its directory
        recorded.clear()
        d["x", "b"] = 2
        assert recorded.count("sync directory") == 2  # made within a tick of the clock
        os.utime(base, (1, 1))
        d["x", "b"] = 3
        recorded.clear()
        d["x", "b"] = 4
        assert recorded.count("sync directory") == 1
        make()["y", "a"] = 1
        recorded.clear()
        d["x", "b"] = 5
        assert recorded.count("sync directory") == 2

    def test_what_is_known_of_directories_is_bounded(self, make, base, monkeypatch):
        monkeypatch.setattr("persidict.file.directory._MAX_SYNCED", 2)
        d = make(durable=True)
        for name in "uvwxyz":
            d[name, name, "a"] = 1
            for path in base.rglob(f"{name}_*"):
                os.utime(path, (1, 1))
            os.utime(base, (1, 1))
            d[name, name, "a"] = 2
        assert 1 <= len(d._folder.maker._synced) <= 2

    def test_delete(self, make, recorded):
        d = make(durable=True)
        d["a"] = 1
        recorded.clear()
        del d["a"]
        assert recorded == ["delete", "sync directory"]

    @pytest.mark.parametrize(
        "act", [lambda d: d.clear(), lambda d: d.discard_many(list(d))], ids=["clear", "discard"]
    )
    def test_deletions_sync_each_directory_once_without_syncfs(
        self, act, make, recorded, monkeypatch
    ):
        monkeypatch.setattr("persidict.file.flush._syncfs", lambda: None)
        d = make(durable=True)
        d.update(((x, str(n)), n) for n in range(20) for x in "ab")
        recorded.clear()
        act(d)
        assert recorded.count("delete") == 40
        assert recorded.count("sync directory") == 2
        assert recorded.count("rmdir") >= 2

    def test_a_refused_insert_writes_nothing(self, make, recorded):
        d = make(durable=True)
        d["a"] = 1
        recorded.clear()
        assert d.setdefault("a", 2) == 1
        assert recorded == []

    def test_nothing_is_synced_without_durability(self, make, recorded):
        d = make(durable=False)
        d["a"], d["x", "y"] = 1, 2
        d["a"] = 3
        del d["x", "y"]
        d.clear()
        assert not [event for event in recorded if event.startswith("sync")]
        assert recorded.count("commit") == 3


def test_durable_is_the_default(base):
    assert FileDirDict(base_dir=base).durable
    assert FileDirDict(base_dir=base).get_params()["durable"] is True


def test_macos_flushes_the_drive_too(make, monkeypatch):
    """F_FULLFSYNC is what macOS offers for that; here only its call is seen."""
    fcntl = pytest.importorskip("fcntl")
    calls = []
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", lambda descriptor, command: calls.append(command))
    make(durable=True)["a"] = 1
    assert calls == [51] * len(calls)
    assert len(calls) >= 2


def _strace_works():
    if sys.platform != "linux" or shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], check=False).returncode == 0


@pytest.fixture(scope="session")
def strace():
    if not _strace_works():
        pytest.skip("strace is missing, or not permitted")


@pytest.fixture
def calls_of(strace, base, tmp_path):
    """Return the names of the system calls that a statement makes, the second time."""

    def trace(statement, preparation="pass"):
        marked = f"""
            import os, sys
            from persidict import FileDirDict
            d = FileDirDict(base_dir=sys.argv[1])
            d["a"], d["x", "b"] = 1, 2
            {preparation}
            for name in ("first", "begin"):
                try:
                    os.stat("/" + name)
                except OSError:
                    pass
                {statement}
            try:
                os.stat("/end")
            except OSError:
                pass
        """
        log = tmp_path / "trace"
        command = ["strace", "-o", log, "-y", sys.executable, "-c", textwrap.dedent(marked), base]
        subprocess.run(command, check=True, timeout=60)
        text = log.read_text(errors="replace")
        traced = text.partition('"/begin"')[2].partition("\n")[2].partition('"/end"')[0]
        # What glibc makes of fstat.
        traced = re.sub(r'^newfstatat\(\d+<.*>, "",', "fstat(", traced, flags=re.MULTILINE)
        names = re.findall(r"^(\w+)\(", traced, re.MULTILINE)
        return [name for name in names[:-1] if name not in NOT_ABOUT_FILES]

    return trace


NOT_ABOUT_FILES = {"brk", "mmap", "munmap", "madvise", "mprotect", "getpid", "rt_sigaction"}
NOT_ABOUT_FILES |= {"futex", "getrandom", "mremap", "lseek", "clock_gettime"}


class TestSystemCalls:
    def test_reading_a_value(self, calls_of):
        assert calls_of('d["a"]') == ["openat", "fstat", "read", "close"]

    def test_reading_a_nested_value(self, calls_of):
        assert calls_of('d["x", "b"]') == ["openat", "fstat", "read", "close"]

    def test_reading_a_value_that_is_known(self, calls_of):
        statement = 'd.get_item_if("a", condition=ETAG_HAS_CHANGED, expected_etag=known).new_value'
        preparation = 'from persidict import ETAG_HAS_CHANGED; known = d.etag("a")'
        assert calls_of(statement, preparation) == ["openat", "fstat", "close"]

    @pytest.mark.parametrize("statement", ['"a" in d', 'd.etag("a")', 'd.timestamp("a")'])
    def test_looking_a_value_up(self, statement, calls_of):
        [call] = calls_of(statement)
        assert "stat" in call

    @pytest.mark.parametrize("statement", ['d.get_subdict("x")', "d.keys()", "d.get_params()"])
    def test_views_touch_nothing(self, statement, calls_of):
        assert calls_of(statement) == []

    def test_a_durable_write(self, calls_of):
        calls = calls_of('d["a"] = 2')
        assert calls.count("fsync") == 2
        rename = next(n for n, call in enumerate(calls) if call.startswith("rename"))
        assert "fsync" in calls[:rename]
        assert "fsync" in calls[rename:]
        assert calls.index("fsync") < calls.index("flock", calls.index("fsync"))
        # Look at the folder; open, lock, write, stamp, sync and look at the file; open and lock the
        # directory, look at the item, rename, unlock, sync, close both.
        assert len(calls) <= 15

    def test_a_write_that_is_not_durable(self, calls_of):
        assert "fsync" not in calls_of('d["a"] = 2', "d.durable = False; d = d.get_subdict(())")
        fast = "d = FileDirDict(base_dir=sys.argv[1], durable=False)"
        assert "fsync" not in calls_of('d["a"] = 2', fast)

    def test_a_failed_insert(self, calls_of):
        calls = calls_of('d.setdefault("a", 1)')
        assert "flock" not in calls
        assert len(calls) <= 5

    def test_looking_whether_there_is_any_item(self, calls_of):
        preparation = 'd.update((f"k{n}", n) for n in range(500))'
        assert len(calls_of("bool(d)", preparation)) <= 6
