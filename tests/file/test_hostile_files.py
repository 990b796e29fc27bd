"""A store's directory in which strangers put things: nothing outside is touched, nothing hangs."""

import os
import socket
import sys
import uuid

import pytest

from persidict import BackendError, DecodingError, FileDirDict, register_format

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
pytestmark = POSIX_ONLY
KEY = b"0123456789abcdef"


def snapshot(directory):
    """All that is in a directory, with what could tell that it was touched."""
    found = {}
    for path in [directory, *sorted(directory.rglob("*"))]:
        info = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        found[path] = (info.st_mode, info.st_ino, info.st_mtime_ns, content)
    return found


@pytest.fixture
def outside(tmp_path):
    """A directory of somebody else's, with all that could tempt."""
    directory = tmp_path / "outside"
    (directory / "sub_aaaa" / "empty").mkdir(parents=True)
    (directory / "+tmp").mkdir()
    (directory / "file").write_text("theirs")
    (directory / f"00000000-{2**22 + 1}-0123456789abcdef").write_text("looks like a temporary")
    return directory


def try_everything(d, *keys):
    """Call all that writes; errors are fine, except of the interpreter's own."""
    for key in keys:
        for act in (
            lambda key=key: d.__setitem__(key, 1),
            lambda key=key: d.setdefault(key, 1),
            lambda key=key: d.discard(key),
            lambda key=key: d.pop(key, None),
            lambda key=key: d.transform_item(key, transformer=lambda _: 2, n_retries=2),
            lambda key=key: d.discard_many([key]),
            lambda key=key: d.set_many([(key, 3)]),
            lambda key=key: d.get_subdict(key).clear(),
        ):
            try:
                act()
            except (BackendError, KeyError):
                continue
    try:
        d.clear()
    except BackendError:
        return


# Symlinks


@pytest.mark.parametrize("digest_len", [0, 4])
def test_a_symlinked_directory_is_not_written_through(make, base, outside, digest_len):
    d = make(digest_len=digest_len)
    d["dir", "sub", "item"], d["plain"] = 1, 1
    directory = next(path for path in base.iterdir() if path.name.startswith("dir"))
    moved = outside / "moved"
    directory.rename(moved)
    directory.symlink_to(moved)
    (moved / d._layout.directory(("empty",))[1:]).mkdir()
    before = snapshot(outside)
    keys = [("dir", "sub", "item"), ("dir", "new"), ("dir", "sub", "new"), ("dir", "empty", "x")]
    try_everything(make(digest_len=digest_len), *keys, "dir")
    assert snapshot(outside) == before
    assert directory.is_symlink()


def test_a_symlink_deep_below_is_not_written_through(make, base, outside):
    d = make(digest_len=0)
    d["a", "b"] = 1
    (base / "a" / "link").symlink_to(outside)
    (outside / "sub").mkdir()
    before = snapshot(outside)
    try_everything(make(digest_len=0), ("a", "link", "sub", "x"), ("a", "link", "file"))
    assert snapshot(outside) == before


@pytest.mark.parametrize("target", ["outside", "nowhere", "file"])
def test_the_directory_of_temporary_files_is_no_symlink(make, base, outside, target):
    d = make()
    base.mkdir()
    (base / "+tmp").symlink_to(
        {"outside": outside, "nowhere": outside / "nowhere", "file": outside / "file"}[target]
    )
    before = snapshot(outside)
    for act in (lambda: d.__setitem__("a", 1), lambda: d.setdefault("b", 2)):
        with pytest.raises(BackendError) as caught:
            act()
        assert isinstance(caught.value.__cause__, OSError)
    assert snapshot(outside) == before
    assert not d


@pytest.mark.parametrize("what", ["symlink", "directory", "fifo"])
def test_what_is_no_temporary_file_is_not_swept(make, base, outside, what):
    (base / "+tmp").mkdir(parents=True)
    dead = base / "+tmp" / f"00000000-{2**22 + 1}-0123456789abcdef"
    if what == "symlink":
        dead.symlink_to(outside / "file")
    elif what == "directory":
        dead.mkdir()
    else:
        os.mkfifo(dead)
    os.utime(dead, (0, 0), follow_symlinks=False)
    before = snapshot(outside)
    d = make()
    d["a"] = 1
    assert dict(d) == {("a",): 1}
    assert dead.lstat()
    assert snapshot(outside) == before


def test_the_lock_file_is_no_symlink(make, base, outside, monkeypatch):
    import errno
    import fcntl

    flock = fcntl.flock

    def no_directory_locks(descriptor, operation):
        if os.path.isdir(f"/dev/fd/{descriptor}/."):
            raise OSError(errno.EBADF, "directories can't be locked here")
        return flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", no_directory_locks)
    base.mkdir()
    before = snapshot(outside)
    for target in ("file", "made by the lock"):
        (base / "+lock").symlink_to(outside / target)
        with pytest.raises(BackendError):
            make()["a"] = 1
        (base / "+lock").unlink()
    assert snapshot(outside) == before
    make()["a"] = 1
    assert make()["a"] == 1


def test_a_directory_that_becomes_a_symlink_during_a_write(make, base, outside, monkeypatch):
    """The exchange comes at the worst moment: between the temporary file and the commit."""
    d = make()
    d["dir", "a"] = 1
    [directory] = base.glob("dir_*")
    before = snapshot(outside)

    utime = os.utime

    def exchange(*args, **kwargs):  # the last thing that is done to a temporary file
        utime(*args, **kwargs)
        if not directory.is_symlink():
            directory.rename(base / "aside")
            directory.symlink_to(outside)

    monkeypatch.setattr(os, "utime", exchange)
    for key in (("dir", "a"), ("dir", "b")):
        with pytest.raises(BackendError):
            d[key] = 2
    assert snapshot(outside) == before


def test_links_on_the_way_are_refused_by_paths_too(base, outside, monkeypatch):
    """What Windows does, which has no descriptors of directories."""
    from persidict.file import directory
    from persidict.file.held import Held

    monkeypatch.setattr(directory, "BY_DESCRIPTOR", False)
    (base / "real").mkdir(parents=True)
    (base / "real" / "link").symlink_to(outside)
    before = snapshot(outside)
    make = directory.DirectoryMaker(0o700, durable=False)
    for names in (["real", "link"], ["real", "link", "sub_aaaa"], ["real", "link", "new"]):
        with pytest.raises(NotADirectoryError):
            directory.Directory(Held(), str(base), names, make)
    directory.Directory(Held(), str(base), ["real", "made"], make)
    assert (base / "real" / "made").is_dir()
    assert snapshot(outside) == before


# What is no file


@pytest.fixture
def bound_socket(monkeypatch):
    """Put a socket at a path; its name has to be short."""
    sockets = []

    def bind(path):
        monkeypatch.chdir(path.parent)
        sockets.append(socket.socket(socket.AF_UNIX))
        sockets[-1].bind(path.name)

    yield bind
    for one in sockets:
        one.close()


@pytest.mark.parametrize("what", ["fifo", "directory", "socket", "link to fifo"])
def test_what_is_no_file_is_no_item(make, base, what, bound_socket, tmp_path):
    d = make()
    d["a"], d["b"] = 1, 2
    [path] = base.glob("a_*.pkl")
    path.unlink()
    if what == "fifo":
        os.mkfifo(path)
    elif what == "directory":
        path.mkdir()
    elif what == "socket":
        bound_socket(path)
    else:
        os.mkfifo(tmp_path / "fifo")
        path.symlink_to(tmp_path / "fifo")
    before = path.lstat()
    assert "a" not in d
    assert d.get("a") is None
    assert not d.discard("a")
    for act in (lambda: d["a"], lambda: d.etag("a"), lambda: d.timestamp("a")):
        with pytest.raises(KeyError):
            act()
    for act in (lambda: d.__setitem__("a", 1), lambda: d.setdefault("a", 1)):
        with pytest.raises(BackendError):
            act()
    assert dict(d) == {("b",): 2}
    assert len(d) == 1
    d.clear()
    assert path.lstat() == before


# Values


def test_signed_files_that_were_moved(make, base):
    d = make(signing_key=KEY)
    d["a"], d["dir", "b"] = 1, 2
    [a] = base.glob("a_*.pkl")
    [b] = base.glob("dir_*/b_*.pkl")
    one, other = a.read_bytes(), b.read_bytes()
    a.write_bytes(other)
    b.write_bytes(one)
    for key in ("a", ("dir", "b")):
        with pytest.raises(DecodingError, match="another key"):
            d[key]
    a.write_bytes(one)
    assert d["a"] == 1
    # The place of the whole store is not part of a key.
    base.rename(base.parent / "elsewhere")
    assert FileDirDict(base_dir=base.parent / "elsewhere", signing_key=KEY)["a"] == 1


def test_a_signed_sub_dict_opens_again(make):
    d = make(signing_key=[KEY])
    d["a", "b", "c"] = 1
    sub = d.get_subdict(("a", "b"))
    again = type(sub)(**sub.get_params())
    assert again == sub
    assert again["c"] == 1
    again["d"] = 2
    assert d["a", "b", "d"] == sub["d"] == 2
    assert make(signing_key=KEY).get_subdict("a")["b", "d"] == 2
    with pytest.raises(DecodingError):
        FileDirDict(base_dir=sub.base_dir, signing_key=KEY)["c"]


@pytest.mark.parametrize("size", [10, 5000, 400_000, 3_000_000])
def test_signed_values_of_all_sizes(make, size):
    d = make(signing_key=KEY)
    for value in (os.urandom(size), "x" * size, bytearray(os.urandom(size))):
        d["a"] = value
        assert d["a"] == value
        with pytest.raises(DecodingError, match="signed"):
            make()["a"]


def test_untagged_json_in_files(make):
    d = make(serialization_format="json", object_tags=False)
    d["a"] = {"b": [1, 2.5, None]}
    assert d["a"] == {"b": [1, 2.5, None]}
    with pytest.raises(TypeError, match="object_tags"):
        d["a"] = (1,)
    assert type(d)(**d.get_params()) == d


def test_a_registered_format_in_files(make, base):
    name = f"rev{uuid.uuid4().hex[:8]}"
    register_format(name, lambda data: data[::-1], lambda data: data[::-1])
    d = make(serialization_format=name, digest_len=0)
    d["a", "b"] = b"abc"
    assert (base / "a" / f"b.{name}").read_bytes() == b"cba"
    assert dict(type(d)(**d.get_params())) == {("a", "b"): b"abc"}
    large = os.urandom(500_000)
    d["a", "b"] = large
    assert d["a", "b"] == large


# Names that Windows takes for devices


DEVICES = ["CON", "con", "PRN", "AUX", "NUL", "nul", "COM1", "LPT9", "COM0", "CLOCK"]


@pytest.mark.parametrize("digest_len", [0, 4])
def test_names_of_devices_are_keys_like_any_other(make, digest_len):
    d = make(digest_len=digest_len)
    expected = {}
    for n, device in enumerate([*DEVICES, "a.", "a..", "NUL.txt", "CON."]):
        for key in ((device,), (device, "x"), ("x", device)):
            if digest_len == 0 and device.islower():
                continue  # without digests, they fall together where case does
            d[key] = n
            expected[key] = n
    assert dict(d) == expected


def test_windows_is_given_paths_that_it_does_not_interpret():
    """With this prefix neither a device nor a final dot means anything."""
    from persidict.file.windows import unparsed

    for path in ("C:\\data", "\\\\server\\share\\data", "\\\\?\\C:\\data"):
        assert unparsed(path).startswith("\\\\?\\")
        assert unparsed(unparsed(path)) == unparsed(path)
    # What Windows makes of a base_dir "NUL".
    with pytest.raises(ValueError, match="device"):
        unparsed("\\\\.\\NUL")
