"""Failures of the file system and wrong parameters: said at once, the store unchanged."""

import errno
import os
import subprocess
import sys
import textwrap

import pytest

from persidict import BackendError, FileDirDict

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
NOT_FOR_ROOT = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="permissions stop neither root nor Windows"
)


# The file system


def failing(code):
    def call(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "replace"])
@POSIX_ONLY
def test_a_write_that_the_system_refuses(call, code, make, leftovers, monkeypatch, slept):
    d = make(durable=True)
    d["a"], d["b"] = "old", "other"
    if call in ("rename", "replace") and sys.platform != "win32":
        call = "rename"
    monkeypatch.setattr(os, call, failing(code))
    monkeypatch.setattr("fcntl.fcntl", failing(code))  # how macOS syncs
    with pytest.raises(BackendError) as caught:
        d["a"] = "new"
    monkeypatch.undo()
    error = caught.value
    assert (error.backend, error.operation, error.key) == ("FileDirDict", "write", ("a",))
    assert error.__cause__.errno == code
    assert os.strerror(code) in str(error)
    assert dict(d) == {("a",): "old", ("b",): "other"}
    assert leftovers() == []


def test_a_short_write_is_continued(make, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:1000]))
    d = make()
    value = os.urandom(4321)
    d["a"] = value
    monkeypatch.undo()
    assert d["a"] == value


@POSIX_ONLY
def test_a_full_disk(make, base):
    make()["a"] = "old"
    program = """
        import resource, signal, sys
        from persidict import BackendError, FileDirDict
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        d = FileDirDict(base_dir=sys.argv[1])
        try:
            d["a"] = bytes(range(256)) * 1000
        except BackendError as error:
            print(error.operation, error.key, type(error.__cause__).__name__)
        import os
        try:
            d["b"] = os.urandom(20_000)
        except BackendError as error:
            print(error.operation, error.key, type(error.__cause__).__name__)
        d["c"] = "small"
    """
    done = subprocess.run(
        # -B: a module's compiled form must not be cut short either.
        [sys.executable, "-B", "-c", textwrap.dedent(program), str(base)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "write NonEmptySafeStrTuple(('b',)) OSError" in done.stdout
    assert make()["a"] == "old" or "('a',)" not in done.stdout
    assert "b" not in make()
    assert make()["c"] == "small"


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.EROFS, errno.ESTALE, errno.EMFILE])
def test_failures_of_reading(code, make, monkeypatch, slept):
    d = make()
    d["a"] = 1
    for call, act, operation in [
        ("open", lambda: d["a"], "read"),
        ("stat", lambda: "a" in d, "look up"),
        ("stat", lambda: d.etag("a"), "look up"),
        ("scandir", lambda: list(d), "list"),
        ("scandir", lambda: len(d), "list"),
        ("scandir", d.subdicts, "list"),
        ("scandir", lambda: bool(d), "list"),
    ]:
        with monkeypatch.context() as context:
            if call == "open" and sys.platform == "win32":
                context.setattr("persidict.file.read._open", failing(code))
            else:
                context.setattr(os, call, failing(code))
            with pytest.raises(BackendError) as caught:
                act()
        assert caught.value.__cause__.errno == code
        assert caught.value.operation == operation
    assert slept == []
    assert d["a"] == 1


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_failures_of_deleting(code, make, monkeypatch, slept):
    if sys.platform == "win32" and code == errno.EACCES:
        pytest.skip("Windows refuses so for a moment, and persidict tries again")
    call = "rename" if sys.platform == "win32" else "unlink"
    d = make()
    d["a"] = 1
    for act in (lambda: d.discard("a"), lambda: d.pop("a"), d.clear, d.popitem):
        with monkeypatch.context() as context:
            context.setattr(os, call, failing(code))
            with pytest.raises(BackendError) as caught:
                act()
        assert caught.value.operation == "delete"
        assert caught.value.__cause__.errno == code
    assert d["a"] == 1
    assert slept == []


@NOT_FOR_ROOT
def test_directories_without_permission(make, base):
    d = make()
    d["a"] = 1
    base.chmod(0o500)
    try:
        assert d["a"] == 1
        with pytest.raises(BackendError) as caught:
            d["b", "c"] = 2
        assert isinstance(caught.value.__cause__, PermissionError)
        with pytest.raises(BackendError):
            del d["a"]
        base.chmod(0o000)
        with pytest.raises(BackendError):
            d["a"]
        with pytest.raises(BackendError):
            list(d)
    finally:
        base.chmod(0o700)
    assert dict(d) == {("a",): 1}


@POSIX_ONLY
def test_a_file_system_without_locks_refuses_to_write(make, monkeypatch, leftovers):
    d = make()
    d["a"] = 1
    monkeypatch.setattr("fcntl.flock", failing(errno.ENOLCK))
    for act in (
        lambda: d.__setitem__("a", 2),
        lambda: d.setdefault("b", 2),
        lambda: d.discard("a"),
        d.clear,
    ):
        with pytest.raises(BackendError) as caught:
            act()
        assert caught.value.__cause__.errno == errno.ENOLCK
    monkeypatch.undo()
    assert dict(d) == {("a",): 1}
    assert [path.name for path in leftovers()] in ([], ["+lock"])


@POSIX_ONLY
@pytest.mark.parametrize("code", [errno.EBADF, errno.EISDIR])
def test_a_file_system_that_locks_only_files(code, make, monkeypatch):
    import fcntl

    locked = []

    def flock(descriptor, operation):
        if os.path.isdir(f"/dev/fd/{descriptor}/."):
            raise OSError(code, os.strerror(code))
        locked.append(operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    d = make()
    d["x", "a"], d["b"] = 1, 2
    d["b"] = 3
    assert fcntl.LOCK_EX in locked
    assert dict(d) == {("x", "a"): 1, ("b",): 3}
    assert set(d.subdicts()) == {"x", "b"}
    d.clear()
    assert not d


@POSIX_ONLY
@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_a_file_system_without_links(code, make, monkeypatch, leftovers):
    monkeypatch.setattr(os, "link", failing(code))
    d = make(append_only=True)
    d["a"] = 1
    assert d.setdefault("a", 2) == 1
    with pytest.raises(TypeError):
        d["a"] = 2
    assert dict(d) == {("a",): 1}
    assert leftovers() == []


@POSIX_ONLY
@pytest.mark.parametrize("what", ["fifo", "directory", "link to directory"])
def test_no_regular_file_in_an_items_place(what, make, base, tmp_path, leftovers):
    make()["a"] = 1
    [path] = base.glob("a_*.pkl")
    path.unlink()
    if what == "fifo":
        os.mkfifo(path)
    elif what == "directory":
        path.mkdir()
    else:
        path.symlink_to(tmp_path)
    before = path.lstat()
    d = make()
    assert "a" not in d
    for act in (lambda: d.__setitem__("a", 2), lambda: d.setdefault("a", 2)):
        with pytest.raises(BackendError) as caught:
            act()
        assert isinstance(caught.value.__cause__, OSError)
    assert path.lstat() == before
    assert leftovers() == []


@POSIX_ONLY
@pytest.mark.parametrize("target", ["nowhere", "itself"])
@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_symlink_that_leads_nowhere_is_no_item_and_gives_way(
    target, links, make, base, tmp_path, leftovers, monkeypatch
):
    d = make()
    d["a"] = 1
    [path] = base.glob("a_*.pkl")
    if not links:
        monkeypatch.setattr(os, "link", failing(errno.EPERM))
    for write in (lambda: d.__setitem__("a", 2), lambda: d.setdefault("a", 2)):
        path.unlink()
        path.symlink_to(tmp_path / "nowhere" if target == "nowhere" else path)
        assert "a" not in d
        assert not d.discard("a")
        assert list(d) == []
        write()
        assert d["a"] == 2
        assert not path.is_symlink()
    assert not (tmp_path / "nowhere").exists()
    assert leftovers() == []


@POSIX_ONLY
def test_writes_do_not_follow_symlinked_directories(make, base, tmp_path):
    make()["dir", "a"] = 1
    [directory] = base.glob("dir_*")
    outside = tmp_path / "outside"
    directory.rename(outside)
    directory.symlink_to(outside)
    before = {path: path.read_bytes() for path in outside.iterdir()}
    d = make()
    for act in (
        lambda: d.__setitem__(("dir", "a"), 2),
        lambda: d.__setitem__(("dir", "b"), 2),
        lambda: d.setdefault(("dir", "c"), 2),
    ):
        with pytest.raises(BackendError):
            act()
    try:
        d.discard(("dir", "a"))
    except BackendError as error:
        assert error.operation == "delete"
    d.clear()
    assert {path: path.read_bytes() for path in outside.iterdir()} == before


def test_a_file_where_a_directory_should_be(make, base):
    d = make()
    d["dir", "a"] = 1
    del d["dir", "a"]
    make(digest_len=0)["b"] = 1
    (base / "dir").touch()
    plain = make(digest_len=0)
    assert ("dir", "a") not in plain
    assert plain.get(("dir", "a")) is None
    assert not plain.discard(("dir", "a"))
    with pytest.raises(BackendError) as caught:
        plain["dir", "a"] = 1
    assert isinstance(caught.value.__cause__, OSError)
    assert plain["b"] == 1


# Parameters


@pytest.mark.parametrize("digest_len", ["4", 4.0, None, True])
def test_digest_len_is_an_int(digest_len, make):
    with pytest.raises(TypeError, match="digest_len"):
        make(digest_len=digest_len)


def test_digest_len_is_not_negative(make):
    with pytest.raises(ValueError, match="digest_len"):
        make(digest_len=-1)


def test_a_digest_has_26_characters_at_most(make, tree):
    make(digest_len=1000)["a"] = 1
    assert [len(path) for path in tree()] == [len("a_.pkl") + 26]
    assert make(digest_len=26)["a"] == 1


@pytest.mark.parametrize("dir_mode", ["0700", None, True, 7.0])
def test_dir_mode_is_an_int(dir_mode, make):
    with pytest.raises(TypeError, match="dir_mode"):
        make(dir_mode=dir_mode)


@pytest.mark.parametrize("dir_mode", [755, 0o070])
def test_dir_mode_written_without_its_0o_is_refused(dir_mode, make):
    with pytest.raises(ValueError, match="begin with 0o"):
        make(dir_mode=dir_mode)


@pytest.mark.parametrize("dir_mode", [-1, 0o10000])
def test_dir_mode_is_permission_bits(dir_mode, make):
    with pytest.raises(ValueError, match="dir_mode"):
        make(dir_mode=dir_mode)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"signing_key": b"short"}, ValueError),
        ({"signing_key": 5}, TypeError),
        ({"max_inflated_bytes": -1}, ValueError),
        ({"max_inflated_bytes": 1.5}, TypeError),
        ({"object_tags": False}, ValueError),
        ({"base_class_for_values": int | str}, TypeError),
        ({"serialization_format": None}, TypeError),
    ],
    ids=repr,
)
def test_parameters_are_judged_before_anything_is_made(params, error, make, base):
    with pytest.raises(error, match=next(iter(params))):
        make(**params)
    assert not base.exists()


_HALF = pytest.param(
    "a\ud800", marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has such names")
)


@pytest.mark.parametrize("base_dir", ["", "a\0b", _HALF, b"bytes"])
def test_base_dir_that_is_no_path(base_dir):
    with pytest.raises(ValueError, match="base_dir"):
        FileDirDict(base_dir=base_dir)


@pytest.mark.parametrize("base_dir", [None, 1])
def test_base_dir_of_a_wrong_type(base_dir):
    with pytest.raises(TypeError, match="base_dir must be a path"):
        FileDirDict(base_dir=base_dir)


def test_base_dir_is_a_file(tmp_path):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(ValueError, match="no directory"):
        FileDirDict(base_dir=path)


def test_base_dir_becomes_a_file(make, base):
    d = make()
    base.touch()
    assert d.get("a") is None
    assert list(d) == []
    with pytest.raises(BackendError):
        d["a"] = 1


@pytest.mark.parametrize("name", ["", "a/b", "..", "x" * 51, "a b", "é"])
def test_formats_that_cant_be_extensions(name, make):
    with pytest.raises(ValueError):
        make(serialization_format=name, base_class_for_values=str)


def test_text_needs_str(make):
    with pytest.raises(ValueError, match="str"):
        make(serialization_format="txt")


def test_all_parameters_but_the_directory_are_named_one_by_one():
    with pytest.raises(TypeError):
        FileDirDict("directory", "json")
    with pytest.raises(TypeError):
        FileDirDict(unknown=1)
