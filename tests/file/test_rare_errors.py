"""Errors that other systems give, or races that are rarely lost."""

import errno
import importlib.util
import os
import sys
from pathlib import Path

import pytest

from persidict import BackendError
from persidict.file.folder import _runs
from persidict.file.held import holders
from persidict.file.stats import EntryStat
from persidict.file.windows import replace_shared, unlink_shared

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other calls")


def refusal(winerror):
    """What Windows raises while somebody has a file open (32) or for want of rights (5)."""
    error = PermissionError(errno.EACCES, "refused")
    error.winerror = winerror
    return error


@pytest.fixture
def versions(tmp_path):
    """A new version of a file, the old one, and a free path."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new")
    target.write_text("old")
    return source, target, tmp_path / "aside"


@pytest.fixture
def seconds(monkeypatch):
    """The time, which passes only while somebody sleeps."""
    passed = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: passed[0])
    monkeypatch.setattr("time.sleep", lambda pause: passed.__setitem__(0, passed[0] + pause))
    return passed


@POSIX_ONLY
@pytest.mark.parametrize("winerror", [5, 32, 33])
def test_a_file_that_somebody_has_open_for_a_moment(winerror, versions, seconds, monkeypatch):
    source, target, aside = versions
    refusals = iter([refusal(winerror)] * 2)

    def shared(*paths, replace=os.replace):
        for error in refusals:
            raise error
        replace(*paths)

    monkeypatch.setattr(os, "replace", shared)
    replace_shared(source, target, aside)
    assert target.read_text() == "new"
    assert not aside.exists()
    assert seconds[0] < 0.01


@POSIX_ONLY
@pytest.mark.parametrize("winerror", [5, 32, 1224])
def test_a_file_that_readers_keep_open(winerror, versions, seconds, monkeypatch):
    """It is moved away, which Windows allows where it does not replace open files."""
    source, target, aside = versions
    error = refusal(winerror) if winerror != 1224 else OSError(errno.EINVAL, "mapped")
    error.winerror = winerror

    def refuse(*_paths):
        raise error

    monkeypatch.setattr(os, "replace", refuse)
    replace_shared(source, target, aside)
    assert target.read_text() == "new"
    assert not aside.exists()


@POSIX_ONLY
@pytest.mark.parametrize(("winerror", "wait"), [(5, 0.5), (32, 10), (2, 0)])
def test_a_file_that_a_program_does_not_share(winerror, wait, versions, seconds, monkeypatch):
    source, target, aside = versions

    def refuse(*_paths):
        raise refusal(winerror)

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(PermissionError):
        replace_shared(source, target, aside)
    assert wait <= seconds[0] <= 2 * wait + 0.1
    assert target.read_text() == "old"


@POSIX_ONLY
def test_the_old_version_comes_back_if_the_new_one_can_not_be_moved(versions, seconds, monkeypatch):
    source, target, aside = versions

    def refuse(*_paths):
        raise refusal(32)

    def rename(old, new, original=os.rename):
        if old == source:
            refuse()
        original(old, new)

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(PermissionError):
        replace_shared(source, target, aside)
    assert target.read_text() == "old"


@pytest.mark.parametrize("has_folder", [True, False])
def test_a_deleted_file_that_somebody_has_open(has_folder, tmp_path, monkeypatch):
    """Its name is free at once, though Windows keeps the file for those who read it."""
    path, folder = tmp_path / "item", tmp_path / "+tmp"
    path.write_text("old")
    if has_folder:
        folder.mkdir()
        monkeypatch.setattr(os, "unlink", lambda path: os.strerror(0))  # not deleted yet
    unlink_shared(str(path), str(folder / "old-1"))
    assert not path.exists()
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError):
        unlink_shared(str(path), str(folder / "old-2"))


@POSIX_ONLY
def test_somebody_who_takes_no_lock_is_faster(make, base, leftovers, monkeypatch):
    make()["a"] = "theirs"
    [path] = base.glob("a_*.pkl")
    theirs = path.read_bytes()
    path.unlink()
    link = os.link

    def late(*args, **kwargs):
        if not path.exists():
            path.write_bytes(theirs)
        link(*args, **kwargs)

    monkeypatch.setattr(os, "link", late)
    assert make().setdefault("a", "mine") == "theirs"
    assert leftovers() == []


def test_an_item_that_vanishes_after_it_was_listed(tmp_path):
    path = tmp_path / "a"
    path.touch()
    with os.scandir(tmp_path) as entries:
        [entry] = list(entries)
    Path(path).unlink()
    with pytest.raises(KeyError):
        _ = EntryStat(entry).etag


@POSIX_ONLY
def test_a_process_of_somebody_else_runs(monkeypatch):
    def kill(_pid, _signal):
        raise PermissionError(errno.EPERM, "not yours")

    monkeypatch.setattr(os, "kill", kill)
    assert _runs(1)


def test_a_python_without_its_own_md5(monkeypatch):
    """The names of files are the same."""
    from persidict.file import name_check

    spec = importlib.util.spec_from_file_location("check_without_md5", name_check.__file__)
    other = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "_md5", None)
    spec.loader.exec_module(other)
    for data in (b"a", b"B", b"x" * 250):
        assert other.md5(data).digest() == name_check.md5(data).digest()


@POSIX_ONLY
def test_a_child_with_the_pid_of_its_parent_names_its_files_differently(make, monkeypatch):
    """As the first process of a container in a container has."""
    names, link = [], os.link

    def named(path, *args, **kwargs):
        names.append(os.path.basename(path))
        link(path, *args, **kwargs)

    monkeypatch.setattr(os, "link", named)
    d = make()
    d["a"] = 1
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        d["b"] = 1
        os.write(write, names[-1].encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 1000).decode()
    for descriptor in (read, write):
        os.close(descriptor)
    assert names[0].split("-")[2][:16] != theirs.split("-")[2][:16]


@POSIX_ONLY
def test_a_lock_that_can_not_be_unlocked_is_forgotten(make, monkeypatch):
    """A child of a fork closes what is known as locked, and the number may be another file's."""
    import fcntl

    d = make()
    d["a"] = 1
    flock = fcntl.flock

    def no_unlocking(descriptor, operation):
        if operation == fcntl.LOCK_UN:
            raise OSError(errno.EIO, "no")
        flock(descriptor, operation)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", no_unlocking)
        with pytest.raises(BackendError):
            d["a"] = 2
    assert holders == {}
    d["a"] = 3
    assert d["a"] == 3
