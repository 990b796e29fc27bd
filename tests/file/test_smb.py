"""SMB refuses for a moment what others have open, and its clients remember what is outdated."""

import errno
import itertools
import os
import sys

import pytest

from persidict import BackendError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts are described by Linux")

PASSING = [errno.EACCES, errno.EBUSY, errno.EAGAIN, errno.ETXTBSY, errno.ESTALE]


@pytest.fixture
def d(mount, make):
    """A store on SMB with the items ``a`` and ``dir/a``."""
    mount("cifs")
    store = make()
    store["a"] = store["dir", "a"] = 1
    return store


def _refusing(real, code, times, names=("",)):
    """Return a function that refuses the first calls for files with such names."""
    refused = []

    def call(path, *args, **kwargs):
        if any(name in os.fspath(path) for name in names) and len(refused) < times:
            refused.append(path)
            raise OSError(code, os.strerror(code), path)
        return real(path, *args, **kwargs)

    call.refused = refused
    return call


CHANGES = {
    "replace": ("rename", lambda d: d.transform_item("a", transformer=lambda n: n + 1), 2),
    "overwrite": ("rename", lambda d: d.__setitem__(("dir", "a"), 2), 1),
    "insert": ("link", lambda d: d.setdefault("new", 3), 1),
    "look": ("link", lambda d: d.transform_item("a", transformer=lambda n: n + 1), 2),
    "delete": ("rename", lambda d: d.__delitem__("a"), None),
    "pop": ("rename", lambda d: d.pop("a"), None),
    "delete many": ("rename", lambda d: d.discard_many(["a", "b"]), None),
    "clear": ("rename", lambda d: d.clear(), None),
    "lock": ("open", lambda d: d.transform_item("a", transformer=lambda n: n + 1), 2),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("code", PASSING)
def test_changes_wait_for_those_who_have_the_file_open(
    code, change, d, leftovers, monkeypatch, slept
):
    before = leftovers()
    call, act, left = CHANGES[change]
    names = {"lock": ["+lock"], "insert": ["+tmp"]}.get(change, [""])
    refusing = _refusing(getattr(os, call), code, 5, names)
    with monkeypatch.context() as context:
        context.setattr(os, call, refusing)
        act(d)
    assert len(refusing.refused) == 5
    assert slept or (code, change) == (errno.ESTALE, "lock")  # then another directory has the name
    assert sorted(slept) == slept
    assert d.get("a") == left
    assert [path for path in leftovers() if path.name != "+lock"] == [
        path for path in before if path.name != "+lock"
    ]


def test_a_refused_move_that_has_deleted_the_old_version_loses_nothing(d, monkeypatch, slept):
    """As Linux does if somebody on the same client has it open."""
    rename, refused = os.rename, []

    def deleting(source, name, **kwargs):
        if name.endswith(".pkl") and len(refused) < 3:
            refused.append(name)
            if len(refused) == 1:
                os.unlink(name, dir_fd=kwargs["dst_dir_fd"])
            code = errno.EACCES if len(refused) < 3 else errno.ENOENT
            raise OSError(code, os.strerror(code), name)
        rename(source, name, **kwargs)

    monkeypatch.setattr(os, "rename", deleting)
    assert d.transform_item("a", transformer=lambda n: n + 1).new_value == 2
    assert len(refused) == 3
    assert d["a"] == 2


@pytest.mark.parametrize(("call", "act"), [CHANGES["replace"][:2], CHANGES["insert"][:2]])
def test_a_missing_permission_is_reported_at_once(call, act, d, monkeypatch, slept):
    refusing = _refusing(getattr(os, call), errno.EACCES, 100)
    with monkeypatch.context() as context:
        context.setattr(os, "access", lambda *_args, **_kwargs: False)
        context.setattr(os, call, refusing)
        with pytest.raises(BackendError):
            act(d)
    assert slept == []
    assert dict(d) == {("a",): 1, ("dir", "a"): 1}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EMFILE])
def test_what_can_not_pass_is_not_tried_again(code, d, monkeypatch, slept):
    refusing = _refusing(os.rename, code, 100)
    with monkeypatch.context() as context:
        context.setattr(os, "rename", refusing)
        with pytest.raises(BackendError):
            d["a"] = 2
    assert len(refusing.refused) == 1
    assert slept == []
    assert d["a"] == 1


def test_a_file_that_somebody_keeps_open_is_given_up(d, leftovers, monkeypatch, slept):
    moments = itertools.count(0, 3)  # seconds
    with monkeypatch.context() as context:
        context.setattr("time.monotonic", lambda: next(moments))
        context.setattr(os, "rename", _refusing(os.rename, errno.EACCES, 100))
        with pytest.raises(BackendError):
            d["a"] = 2
    assert 0 < len(slept) < 10
    assert d["a"] == 1
    assert [path.name for path in leftovers() if path.name != "+lock"] == []


@pytest.mark.parametrize("code", [errno.EACCES, errno.EINVAL, errno.EBUSY])
def test_readers_look_again(code, d, monkeypatch):
    for _ in range(2):
        with monkeypatch.context() as context:
            context.setattr(os, "open", _refusing(os.open, code, 1, [".pkl"]))
            assert d["a"] == 1


def test_a_client_that_remembers_an_old_version_loses_no_change(d, base, make, monkeypatch):
    """It gives up what it remembers when a part of the file is locked."""
    import fcntl

    [path] = base.glob("a_*.pkl")
    old = base / "remembered"
    os.link(path, old)
    make()["a"] = 10
    stat, real_open, lockf, stale = os.stat, os.open, fcntl.lockf, [True]

    def remembered(real):
        def call(name, *args, **kwargs):
            if stale and os.path.basename(name) == path.name:
                kwargs.pop("dir_fd", None)
                name = old
            return real(name, *args, **kwargs)

        return call

    def forgetting(*args):
        lockf(*args)
        stale.clear()

    monkeypatch.setattr(os, "stat", remembered(stat))
    monkeypatch.setattr(os, "open", remembered(real_open))
    monkeypatch.setattr(fcntl, "lockf", forgetting)
    assert d["a"] == 1
    assert d.transform_item("a", transformer=lambda n: n + 1).new_value == 11
    assert d["a"] == 11


def test_directories_stay_until_the_store_is_cleared(d, base):
    del d["dir", "a"]
    d.discard_many([("a",)])
    assert len(d) == 0
    assert list(d.subdicts()) == []
    assert [path.name for path in base.glob("dir_*/*")] == ["+lock"]
    d.clear()
    assert os.listdir(base) == ["+tmp"]


def test_a_server_without_links(d, monkeypatch):
    monkeypatch.setattr(os, "link", _refusing(os.link, errno.EOPNOTSUPP, 10**6))
    assert d.setdefault("b", 1) == 1
    assert d.setdefault("b", 2) == 1
    assert d.transform_item("b", transformer=lambda n: n + 1).new_value == 2
    assert d.pop("b") == 2
    assert "b" not in d


def test_a_store_without_its_temporary_folder(d, base):
    (base / "+tmp").rmdir()
    assert d.pop("a") == 1
    del d["dir", "a"]
    assert len(d) == 0


def test_nothing_is_locked_while_a_reader_reads(d, monkeypatch):
    """A lock keeps readers out there."""
    rename, open_at_move = os.rename, []

    def watched(source, name, **kwargs):
        info = os.stat(source)
        for number in os.listdir("/proc/self/fd"):
            try:
                if os.path.samestat(os.fstat(int(number)), info):
                    open_at_move.append(number)
            except OSError:
                continue  # the descriptor of the listing
        rename(source, name, **kwargs)

    monkeypatch.setattr(os, "rename", watched)
    d["a"] = 2
    assert open_at_move == []


@pytest.mark.parametrize("kind", ["nfs4", "cifs"])
def test_waiting_for_a_lock_file_that_others_delete_leaks_no_descriptor(
    kind, mount, make, base, monkeypatch, slept
):
    mount(kind)
    d = make()
    d["a"] = 1
    real, counts = os.open, []

    def deleted(path, *args, **kwargs):
        descriptor = real(path, *args, **kwargs)
        if path == "+lock" and args[0] & os.O_CREAT and len(counts) < 20:
            counts.append(len(os.listdir("/proc/self/fd")))
        return descriptor

    import fcntl

    flock = fcntl.flock

    def late(descriptor, operation):
        flock(descriptor, operation)
        if 0 < len(counts) < 20 and operation & fcntl.LOCK_EX:
            (base / "+lock").unlink(missing_ok=True)

    monkeypatch.setattr(os, "open", deleted)
    monkeypatch.setattr(fcntl, "flock", late)
    d["a"] = 2
    assert len(counts) == 20
    assert max(counts) <= min(counts) + 1
    assert d["a"] == 2
