"""Promises that inputs of rare kinds once broke."""

import os
import stat
import sys
import time

import pytest

from persidict import ETAG_IS_THE_SAME, BackendError, FileDirDict
from persidict.file import folder

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such thing")


# ETags that come back


@pytest.fixture
def coarse(monkeypatch):
    """Let the file system keep whole seconds only, and the clock stand still."""
    utime, now = os.utime, time.time_ns()

    def whole_seconds(path, ns, **kwargs):
        utime(path, ns=tuple(n // 10**9 * 10**9 for n in ns), **kwargs)

    monkeypatch.setattr(os, "utime", whole_seconds)
    monkeypatch.setattr(time, "time_ns", lambda: now)
    return lambda seconds: monkeypatch.setattr(time, "time_ns", lambda: now + seconds * 10**9)


@pytest.mark.parametrize("delete", ["discard", "pop", "clear", "discard_many", "discard_if"])
@pytest.mark.parametrize("writes", [1, 2])
@pytest.mark.parametrize("key", ["a", ("x", "a")], ids=["top", "below"])
def test_no_etag_comes_back_on_a_file_system_with_whole_seconds(delete, writes, key, make, coarse):
    d = make()
    etags = []
    for _ in range(30):
        for _ in range(writes):
            d[key] = "same"
            etags.append(d.etag(key))
        if delete == "clear":
            d.clear()
        elif delete == "discard_many":
            d.discard_many([key])
        elif delete == "discard_if":
            d.discard_if(key, condition=ETAG_IS_THE_SAME, expected_etag=etags[-1])
        else:
            getattr(d, delete)(key)
    assert len(set(etags)) == len(etags)


def test_old_versions_are_deleted_when_their_time_is_over(make, coarse, leftovers, monkeypatch):
    monkeypatch.setattr(folder, "_MIN_RETIRED", 5)
    d = make()
    for _ in range(10):
        d["a"] = "same"
        del d["a"]
    assert 5 < len(leftovers()) <= 10
    coarse(60)
    make()["b"] = 1
    assert leftovers() == []


@POSIX_ONLY
@pytest.mark.parametrize("forks", [True, False])
def test_no_etag_comes_back_while_the_clock_stands(forks, make, monkeypatch):
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    d = make()
    if not forks:
        etags = set()
        for _ in range(1200):
            d["a"] = "same"
            etags.add(d.etag("a"))
            del d["a"]
        assert len(etags) == 1200
        return
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # it goes on where the parent was at the fork
        os.read(read, 1)
        del d["a"]
        d["a"] = "theirs"
        os._exit(0)
    d["a"] = "mine__"
    old = d.etag("a")
    os.write(write, b".")
    os.waitpid(child, 0)
    assert d["a"] == "theirs"
    assert d.etag("a") != old
    os.close(read)
    os.close(write)


# Paths that are too long


@POSIX_ONLY
@pytest.mark.parametrize("key", [("x" * 200,) * 25, ("x",) * 1100, ("x" * 250,) * 16])
def test_a_path_that_is_too_long_is_refused_by_the_write(key, make, leftovers):
    d = make()
    d["fine"] = 0
    for write in (
        lambda: d.__setitem__(key, 1),
        lambda: d.setdefault(key, 1),
        lambda: make(durable=True).update({key: 1}),
        lambda: d.transform_item(key, transformer=lambda _: 1),
    ):
        with pytest.raises(ValueError, match="the system allows") as caught:
            write()
        assert len(str(caught.value)) < 400
    assert key not in d
    assert d.get(key) is None
    assert not d.discard(key)
    assert dict(d) == {("fine",): 0}
    assert leftovers() == []


@POSIX_ONLY
def test_the_longest_path_that_the_system_allows(tmp_path):
    base = tmp_path / "s"
    room = 4095 - len(str(base)) if sys.platform == "linux" else 1023 - len(str(base))
    d = FileDirDict(base_dir=base, digest_len=0, durable=False)
    whole, rest = divmod(room - len("/x.pkl"), 201)
    key = (*["k" * 200] * whole, *(["k" * (rest - 1)] if rest > 1 else []), "x")
    d[key] = 1
    assert d[key] == 1
    assert list(d) == [key]
    longer = (*key[:-1], "xxx")
    with pytest.raises(ValueError, match="the system allows"):
        d[longer] = 1


# Modes


@POSIX_ONLY
@pytest.mark.parametrize("mode", [0o700, 0o750, 0o770, 0o2770, 0o777])
def test_modes_are_what_was_asked_for_under_any_umask(mode, tmp_path):
    before = os.umask(0o077)
    try:
        base = tmp_path / "above" / "store"
        d = FileDirDict(base_dir=base, dir_mode=mode)
        d["a"] = d["x", "b"] = 1
        d.update({("y", "c"): 1, ("y", "d"): 1})
    finally:
        os.umask(before)
    paths = [base.parent, base, *base.rglob("*")]
    for path in paths:
        wanted = mode if path.is_dir() else mode & 0o666
        assert stat.S_IMODE(path.stat().st_mode) & wanted == wanted
    assert stat.S_IMODE(base.stat().st_mode) == mode


# Listings


def test_only_prefixes_of_items_have_sub_dicts(make, base):
    d = make()
    d["mine", "a"] = 1
    make(serialization_format="json")["other", "a"] = 1
    make(serialization_format="json")["mine", "deep", "b"] = 1
    (base / "mine_aaaa" / "empty").mkdir(parents=True)
    d["gone", "x", "y"] = 1
    del d["gone", "x", "y"]
    assert list(d.subdicts()) == ["mine"]
    assert list(d.get_subdict("mine").subdicts()) == ["a"]


# Programs that take no locks


@POSIX_ONLY
def test_a_file_that_appears_during_a_write_is_replaced(make, base, monkeypatch):
    d = make()
    d["a"] = 1
    [path] = base.glob("a_*.pkl")
    content = path.read_bytes()
    path.unlink()
    link = os.link

    def faster(*args, **kwargs):
        if not path.exists():
            path.write_bytes(content)
        link(*args, **kwargs)

    monkeypatch.setattr(os, "link", faster)
    d["a"] = 2
    assert d["a"] == 2
    path.unlink()
    assert d.setdefault("a", 3) == 1


# Lock files


@POSIX_ONLY
def test_lock_files_go_with_their_directories(make, base, monkeypatch, tree):
    import errno
    import fcntl

    flock = fcntl.flock

    def lock_files_only(descriptor, operation):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no locks on directories")
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lock_files_only)
    d = make()
    d["x", "y", "a"] = d["x", "b"] = 1
    del d["x", "y", "a"]
    assert [path.split("_")[0] for path in tree() if path.count("/") == 0] == ["x"]
    assert list(d.subdicts()) == ["x"]
    del d["x", "b"]
    assert tree() == []
    d["p", "q", "r"] = 1
    d.clear()
    assert tree() == []
    d["p", "q", "r"] = 1
    next(path for path in base.rglob("*.pkl")).unlink()
    # As somebody finds it who waited for the lock of another that deletes the last item.
    assert not make().discard(("p", "q", "r"))
    assert tree() == []


# Network file systems


def test_a_file_that_was_replaced_while_it_was_opened_is_read_again(make, monkeypatch):
    import errno

    d = make()
    d["a"] = 1
    original, stale = os.open, iter([True, True, False])

    def replaced(path, *args, **kwargs):
        if next(stale):
            raise OSError(errno.ESTALE, "Stale file handle")
        return original(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", replaced)
        assert d["a"] == 1


@POSIX_ONLY
def test_messages_show_the_beginning_of_a_long_key(make, monkeypatch):
    d = make()

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(BackendError) as caught:
        d[("k" * 200,) * 10]
    assert str(caught.value).count("k") < 500
    assert caught.value.key == ("k" * 200,) * 10
