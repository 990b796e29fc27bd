"""What the store knows of the file system that holds it: warnings, refusals, locks and looks."""

import errno
import logging
import os
import stat
import sys
from types import SimpleNamespace

import pytest

from persidict import ETAG_IS_THE_SAME, BackendError, LocalDict, open_store
from persidict.file.file_systems import file_system_of
from persidict.file.stats import EntryStat

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts are described by Linux")

INEXACT = ["nfs", "9p", "virtiofs", "fuse", "fuseblk", "fuse.sshfs", "ceph", "cifs"]


CONDITIONAL = {
    "insert": lambda d: d.setdefault("new", 1),
    "transform": lambda d: d.transform_item("a", transformer=lambda value: value + 1),
    "pop": lambda d: d.pop("b"),
    "delete if unchanged": lambda d: d.discard_if(
        "b", condition=ETAG_IS_THE_SAME, expected_etag=d.etag("b")
    ),
    "copy": lambda d: _two_items().copy_to(d.get_subdict("copy")),
}


def _two_items():
    items = LocalDict()
    items["a"], items["b"] = 1, 2
    return items


def _warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("operation", CONDITIONAL)
@pytest.mark.parametrize("kind", INEXACT)
def test_the_first_conditional_operation_warns_once(kind, operation, mount, make, base, caplog):
    mount(kind)
    d = make(durable=True)
    d["a"], d["b"] = 1, 2
    assert d["a"] == 1
    assert "missing" not in d
    assert _warnings(caplog) == []
    CONDITIONAL[operation](d)
    [warning] = _warnings(caplog)
    assert str(base) in warning
    assert "lost" in warning
    assert "strict_conditions=True" in warning
    assert kind.removeprefix("fuse.") in warning or any(
        title in warning for title in ("NFS", "FUSE", "SMB")
    )
    for act in (CONDITIONAL["insert"], CONDITIONAL["transform"]):
        act(make())
    assert len(_warnings(caplog)) == 1


@pytest.mark.parametrize("operation", CONDITIONAL)
@pytest.mark.parametrize("kind", INEXACT)
def test_strict_stores_refuse_conditions_and_change_nothing(kind, operation, mount, make, caplog):
    mount(kind)
    d = make(strict_conditions=True, durable=True)
    d["a"], d["b"] = 1, 2
    before = dict(d), d.etag("a"), d.etag("b")
    with pytest.raises(BackendError, match="strict_conditions=False"):
        CONDITIONAL[operation](d)
    assert (dict(d), d.etag("a"), d.etag("b")) == before
    d["a"] = 3
    assert d.discard("b")
    assert dict(d) == {("a",): 3}
    assert _warnings(caplog) == []


@pytest.mark.parametrize("operation", CONDITIONAL)
@pytest.mark.parametrize("kind", ["ext4", "tmpfs", "fusectl", "nfsd", "unheard-of"])
def test_local_file_systems_do_everything_in_silence(kind, operation, mount, make, caplog):
    mount(kind)
    d = make(strict_conditions=True)
    d["a"], d["b"] = 1, 2
    CONDITIONAL[operation](d)
    assert _warnings(caplog) == []


def test_the_options_of_a_mount_matter(mount, make, caplog):
    mount("nfs4", "vers=4.2,nocto,hard")
    make().setdefault("a", 1)
    [warning] = _warnings(caplog)
    assert "nocto" in warning


def test_the_mount_that_holds_the_store_is_found(mount, make, tmp_path, base, caplog):
    hidden = f"21 20 0:999 / {base} rw - fuse.sshfs host: rw"
    neighbour = f"22 20 0:998 / {base}-other rw - fuse.sshfs host: rw"
    mount("ext4", before=[hidden, neighbour])
    make().setdefault("a", 1)
    assert _warnings(caplog) == []


def test_a_path_with_spaces_on_a_device_that_no_mount_has(mount, make, tmp_path, caplog):
    place = tmp_path / "my files"
    place.mkdir()
    mount("fuse.sshfs", point=place, device="0:999")
    make(base_dir=place / "store").setdefault("a", 1)
    assert "sshfs" in _warnings(caplog)[0]


def test_the_place_is_asked_for_once(mount, make, monkeypatch):
    mount("ext4")
    d = make()
    d.setdefault("a", 1)
    monkeypatch.setattr("persidict.file.file_systems._MOUNTS", "/nowhere")
    mount("fuse")
    make(strict_conditions=True).setdefault("b", 1)


def test_without_a_list_of_mounts_a_store_is_taken_for_local(make, monkeypatch, caplog):
    monkeypatch.setattr("persidict.file.file_systems._MOUNTS", "/nowhere")
    assert make(strict_conditions=True).setdefault("a", 1) == 1
    assert _warnings(caplog) == []


def test_strictness_is_a_parameter_like_others(make, base):
    d = make(strict_conditions=True)
    assert d.get_params()["strict_conditions"] is True
    assert d.get_subdict("sub").strict_conditions is True
    assert make().get_params()["strict_conditions"] is False
    assert open_store(f"{base}?strict_conditions=true").strict_conditions is True


@pytest.mark.parametrize(
    ("kind", "title"), [("apfs", ""), ("smbfs", "smbfs"), ("nfs", "NFS before version 4")]
)
@pytest.mark.parametrize(("machine", "call"), [("arm64", "statfs"), ("x86_64", "statfs$INODE64")])
def test_macos_tells_by_statfs(kind, title, machine, call, monkeypatch, tmp_path):
    ctypes = pytest.importorskip("ctypes")

    def statfs(path, buffer):
        assert path == os.fsencode(tmp_path)
        buffer[72 : 73 + len(kind)] = kind.encode() + b"\0"
        return 0

    place = str(tmp_path / "not yet")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: {call: statfs})
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert file_system_of(place).title == title


@pytest.fixture
def locked(monkeypatch):
    """Record what kinds of files are locked."""
    import fcntl

    kinds, real = set(), fcntl.flock

    def flock(descriptor, operation):
        kinds.add(stat.S_IFMT(os.fstat(descriptor).st_mode))
        return real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    return kinds


def test_nfs_4_is_exact_with_locks_on_files(mount, make, locked, caplog, tree):
    mount("nfs4", "vers=4.2,hard")
    d = make(strict_conditions=True)
    d["x", "a"] = 1
    for operation in CONDITIONAL.values():
        d["a"], d["b"] = 1, 2
        operation(d)
    assert locked == {stat.S_IFREG}
    assert _warnings(caplog) == []
    assert tree() != []
    d.clear()
    assert tree() == []
    assert os.listdir(d.base_dir) == ["+tmp"]


def test_clear_leaves_no_lock_file_of_others(mount, make, base):
    mount("nfs4")
    d = make()
    d["dir", "a"] = d["b"] = 1
    del d["dir", "a"], d["b"]
    assert os.listdir(base) != ["+tmp"]
    make().clear()
    assert os.listdir(base) == ["+tmp"]


def _failing_once(code, real, name):
    """Return a function that fails at its first call for a file."""
    failed = []

    def call(path, *args, **kwargs):
        if not failed and os.fspath(path).endswith(name):
            failed.append(path)
            raise OSError(code, os.strerror(code), path)
        return real(path, *args, **kwargs)

    return call


@pytest.mark.parametrize("call", ["open", "stat", "rename", "link", "unlink"])
@pytest.mark.parametrize("code", [errno.ESTALE])
def test_what_is_stale_was_replaced_meanwhile(code, call, mount, make, base, monkeypatch):
    mount("nfs4")
    d = make()
    for key in ("a", "b"):
        d["dir", key] = 1
    with monkeypatch.context() as context:
        name = "" if call in {"rename", "link"} else ".pkl"
        context.setattr(os, call, _failing_once(code, getattr(os, call), name))
        assert d["dir", "a"] == 1
        assert ("dir", "a") in d
        d["dir", "a"] = 2
        d["dir", "c"] = 3
        assert d.transform_item(("dir", "a"), transformer=lambda value: value + 1).new_value == 3
    assert dict(d) == {("dir", "a"): 3, ("dir", "b"): 1, ("dir", "c"): 3}


@pytest.mark.parametrize("code", [errno.ESTALE, errno.ENOENT])
def test_a_listed_item_is_looked_up_again(code, make, base):
    d = make()
    d["a"] = 1
    [path] = base.glob("a_*.pkl")

    def stale():
        raise OSError(code, os.strerror(code))

    found = EntryStat(SimpleNamespace(path=str(path), name=path.name, stat=stale))
    assert found.etag == d.etag("a")
    del d["a"]
    with pytest.raises(KeyError):
        EntryStat(SimpleNamespace(path=str(path), name=path.name, stat=stale)).size  # noqa: B018


def test_a_directory_that_was_created_again_is_no_missing_one(mount, make, monkeypatch):
    mount("nfs4")
    d = make()
    d["dir", "a"] = d["dir", "b"] = d["dir", "c"] = 1
    for act in (
        lambda: d.__delitem__(("dir", "a")),
        lambda: d.discard_many([("dir", "b"), ("dir", "c")]),
    ):
        with monkeypatch.context() as context:
            context.setattr(os, "open", _failing_once(errno.ESTALE, os.open, "+lock"))
            act()
    assert len(d) == 0


@pytest.mark.parametrize("kind", ["fuse.bindfs", "fuse.sshfs", "fuseblk"])
def test_an_item_without_a_name_for_a_moment_is_found(kind, mount, make, monkeypatch):
    mount(kind)
    d = make()
    d["dir", "a"] = 1
    for call, read in {
        "open": lambda: d["dir", "a"],
        "stat": lambda: ("dir", "a") in d,
    }.items():
        for _ in range(2):
            with monkeypatch.context() as context:
                context.setattr(os, call, _failing_once(errno.ENOENT, getattr(os, call), ".pkl"))
                assert read()
    assert ("dir", "b") not in d
    assert ("nowhere", "b") not in d
    assert d.get(("dir", "b")) is None


def test_a_miss_needs_no_lock_where_nobody_can_write(mount, make, monkeypatch):
    mount("nfs4")
    make()["dir", "a"] = 1
    real = os.open

    def read_only(path, flags, *args, **kwargs):
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", read_only)
    d = make()
    assert ("dir", "b") not in d
    assert d.get(("dir", "b")) is None
    assert d["dir", "a"] == 1


def test_a_reader_on_nfs_creates_no_file(mount, make, tree):
    make()["dir", "a"] = 1
    before = tree()
    mount("nfs4")
    d = make()
    assert ("dir", "b") not in d
    assert d.get("b") is None
    assert tree() == before


def test_a_write_returns_the_etag_that_readers_see(mount, make, monkeypatch):
    mount("cifs")
    d, rename, link = make(), os.rename, os.link

    def then_touched(move):
        def call(source, name, **kwargs):
            move(source, name, **kwargs)
            os.utime(name, ns=(10**18, 10**18), dir_fd=kwargs.get("dst_dir_fd"))

        return call

    monkeypatch.setattr(os, "rename", then_touched(rename))
    monkeypatch.setattr(os, "link", then_touched(link))
    for value in range(3):
        written = d.transform_item("a", transformer=lambda _, value=value: value)
        assert written.resulting_etag == d.etag("a")
