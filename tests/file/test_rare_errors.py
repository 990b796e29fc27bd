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


def test_a_file_that_somebody_has_open_for_a_moment(tmp_path, monkeypatch):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new")
    target.write_text("old")
    replace = os.replace
    refusals = iter([True, True])

    def shared(*paths):
        if next(refusals, False):
            raise PermissionError
        replace(*paths)

    monkeypatch.setattr(os, "replace", shared)
    replace_shared(source, target)
    assert target.read_text() == "new"


def test_a_file_that_somebody_keeps_open(tmp_path, monkeypatch):
    def shared(*_paths):
        raise PermissionError

    moments = iter(range(0, 1000, 6))  # seconds
    monkeypatch.setattr(os, "replace", shared)
    monkeypatch.setattr("time.monotonic", lambda: next(moments))
    with pytest.raises(PermissionError):
        replace_shared(tmp_path / "source", tmp_path / "target")


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
