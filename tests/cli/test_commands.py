"""Each command on stores in files."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import persidict

for needed in ("persidict.file", "orjson", "lz4"):
    pytest.importorskip(needed)

from persidict import FileDirDict  # noqa: E402  # if it is there

SECRET = b"a secret of 26 characters."


@pytest.fixture(name="data")
def data_fixture(tmp_path):
    """A store of JSON with three items."""
    d = FileDirDict(base_dir=tmp_path / "data", serialization_format="json", durable=False)
    d["runs", "first"] = {"loss": 0.25}
    d["runs", "second"] = [1, "zwei", None]
    d["note"] = "größer\n"
    return d


DATA = "./data?format=json"


def age(store, seconds=60):
    for key in store:
        then = os.stat(store._where(key)).st_mtime_ns - seconds * 10**9
        os.utime(store._where(key), ns=(then, then))


def one_line(found):
    assert found.err.endswith("\n")
    assert found.err.count("\n") == 1
    assert found.err.startswith("persidict: ")
    return found.err


def test_both_ways_to_start_it(run, environment):
    script = Path(sys.executable).with_name("persidict.exe" if os.name == "nt" else "persidict")
    if not script.exists():
        pytest.skip("the entry point is not installed here")
    expected = f"persidict {persidict.__version__}\n"
    said = subprocess.run([script, "--version"], capture_output=True, check=True, text=True)
    assert said.stdout == expected
    assert run("--version", check=0).out == expected


def test_help_warns_and_explains(call):
    text = call("--help", check=0).out
    for part in ("runs code", "exit status", "s3://bucket/prefix", "ls", "watch"):
        assert part in text
    for command in ("get", "mv", "verify", "cp", "sync", "diff", "export"):
        assert "runs code" in " ".join(call(command, "--help", check=0).out.split()).replace(
            "run code", "runs code"
        )


def test_ls(call, data):
    assert sorted(call("ls", DATA, check=0).lines) == ["note", "runs/first", "runs/second"]
    assert sorted(call("ls", DATA, "runs", check=0).lines) == ["runs/first", "runs/second"]
    assert call("ls", DATA, "runs/", check=0) == call("ls", DATA, "runs", check=0)
    assert "there is no item no, and none below it" in one_line(call("ls", DATA, "no", check=1))


def test_ls_long_and_json(call, data):
    rows = {line.split()[3]: line.split() for line in call("ls", "-l", DATA, check=0).lines}
    etag = data.etag("note")
    assert rows["note"][1:3] == [str(os.stat(data._where(("note",))).st_size), etag]
    assert rows["note"][0].endswith("Z")
    objects = [json.loads(line) for line in call("ls", "--json", DATA, check=0).lines]
    (found,) = (found for found in objects if found["key"] == "note")
    assert found == {
        "key": "note",
        "etag": etag,
        "timestamp": data.timestamp("note"),
        "bytes": int(rows["note"][1]),
    }


def test_ls_never_reads_values(call, data):
    Path(data._where(("note",))).write_bytes(b"damaged")
    for command in (["ls", DATA], ["ls", "-l", DATA], ["stat", DATA], ["rm", DATA, "note"]):
        call(*command, check=0)


def test_get(call, data, tmp_path):
    assert call("get", DATA, "runs/first", check=0).json == {"loss": 0.25}
    assert call("get", DATA, "note", check=0).out == "größer\n\n"
    assert call("get", "--raw", DATA, "note", check=0).out == "größer\n"
    assert call("get", "--json", DATA, "note", check=0).out == '"größer\\n"\n'
    call("get", DATA, "note", "-o", "out", check=0)
    assert (tmp_path / "out").read_bytes() == "größer\n".encode()
    call("get", DATA, "runs/first", "-o", "out", check=0)
    assert json.loads((tmp_path / "out").read_bytes()) == {"loss": 0.25}


def test_get_other_objects(call, tmp_path):
    d = FileDirDict(base_dir=tmp_path / "p", durable=False)
    d["tuple"] = (1, {2})
    d["bytes"] = bytes(range(256))
    d["keys"] = {1: 2}
    assert call("get", "p", "tuple", check=0).out == "(1, {2})\n"
    assert call("get", "p", "keys", check=0).out == "{1: 2}\n"
    assert call("get", "p", "bytes", check=0).out == f"{d['bytes']!r}\n"
    call("get", "p", "bytes", "-o", "out", check=0)
    assert (tmp_path / "out").read_bytes() == d["bytes"]
    assert "--raw is for" in one_line(call("get", "--raw", "p", "tuple", check=1))
    assert "JSON can't hold" in one_line(call("get", "--json", "p", "tuple", check=1))


def test_what_is_not_there(call, data):
    assert "there is no item no/such" in one_line(call("get", DATA, "no/such", check=1))
    assert "no item runs, but there are items below it" in call("get", DATA, "runs", check=1).err
    assert "there is no directory" in one_line(call("ls", "./nothing", check=1))
    for command in ("stat", "verify", "watch"):
        one_line(call(command, "./nothing", check=1))
    assert "no item no/such" in one_line(call("rm", DATA, "no/such", "note", check=1))
    assert "note" not in data


def test_a_wrong_format_fails_with_a_hint(call, data, tmp_path):
    wrong = "data?format=pkl"
    hint = "persidict: there are no items of the format pkl here, but of json: add ?format=json"
    for command in (
        ["ls", wrong],
        ["verify", wrong],
        ["stat", wrong],
        ["du", wrong],
        ["export", wrong],
        ["cp", wrong, "x"],
        ["sync", wrong, "x"],
        ["diff", wrong, "data"],
        ["diff", "data", wrong],
        ["get", wrong, "note"],
        ["rm", wrong, "note"],
        ["mv", wrong, "note", "other"],
    ):
        assert hint in call(*command, check=1).err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "stdin", "value"),
    [
        (['{"a": [1, null]}'], b"", {"a": [1, None]}),
        (['"text"'], b"", "text"),
        (["--text", "text"], b"", "text"),
        ([], b"[1]\n", [1]),
        (["--text"], "zwölf\n".encode(), "zwölf\n"),
        (["--file", "value"], b"", {"from": "file"}),
        (["--file", "-"], b"5", 5),
        (["--bytes", "--file", "value"], b"", b'{"from": "file"}'),
        (["--bytes"], b"\xff\x00", b"\xff\x00"),
    ],
)
def test_put(call, tmp_path, arguments, stdin, value):
    (tmp_path / "value").write_bytes(b'{"from": "file"}')
    assert call("put", "data", "a/b", *arguments, stdin=stdin, check=0).out == ""
    assert FileDirDict(base_dir=tmp_path / "data")["a", "b"] == value


def test_put_into_a_store_of_text(call, tmp_path):
    call("put", "./notes?format=md", "today", stdin=b"# Plain", check=0)
    d = FileDirDict(
        base_dir=tmp_path / "notes", serialization_format="md", base_class_for_values=str
    )
    assert d["today"] == "# Plain"
    assert call("get", "./notes?format=md", "today", check=0).out == "# Plain\n"


def test_put_with_a_condition(call, data):
    etag = data.etag("note")
    said = one_line(call("put", DATA, "note", "1", "--if-absent", check=1))
    assert f"note exists, its ETag is {etag}" in said
    found = call("put", DATA, "note", "1", "--if-etag", etag, "--json", check=0).json
    assert found == {"key": "note", "etag": data.etag("note")}
    said = one_line(call("put", DATA, "note", "2", "--if-etag", etag, check=1))
    assert data.etag("note") in said
    assert "there is no item x" in call("put", DATA, "x", "2", "--if-etag", etag, check=1).err
    call("put", DATA, "x", "3", "--if-absent", check=0)
    assert call("put", DATA, "y", "3", "--json", check=0).json["etag"] == data.etag("y")
    assert (data["note"], data["x"]) == (1, 3)


def test_rm(call, data):
    data["runs"] = 1
    call("rm", DATA, "runs", check=0)
    assert len(data) == 3
    call("rm", DATA, "runs", check=1)
    data["runs"] = 1
    call("rm", "-r", DATA, "runs", check=0)
    assert list(data) == ["note"]
    one_line(call("rm", "-r", DATA, "runs", check=1))
    stale = data.etag("note")
    data["note"] = 1
    assert data.etag("note") in one_line(call("rm", DATA, "note", "--if-etag", stale, check=1))
    call("rm", DATA, "note", "--if-etag", data.etag("note"), check=0)
    assert len(data) == 0
    assert "one key" in one_line(call("rm", DATA, "a", "b", "--if-etag", "x", check=2))


def test_stat(call, data):
    (oldest,), (newest,) = data.oldest_keys(1), data.newest_keys(1)
    found = call("stat", "--json", DATA, check=0).json
    assert found == {
        "items": 3,
        "bytes": sum(os.stat(data._where(key)).st_size for key in data),
        "formats": ["json"],
        "oldest": {"key": "/".join(oldest), "timestamp": data.timestamp(oldest)},
        "newest": {"key": "/".join(newest), "timestamp": data.timestamp(newest)},
    }
    lines = dict(line.split(maxsplit=1) for line in call("stat", DATA, check=0).lines)
    assert (lines["items"], lines["formats"]) == ("3", "json")
    assert lines["oldest"].endswith("Z " + "/".join(oldest))
    assert call("stat", "--json", DATA, "runs", check=0).json["items"] == 2
    FileDirDict(base_dir=data.base_dir, durable=False)["x"] = 1
    assert call("stat", "--json", DATA, check=0).json["formats"] == ["json", "pkl"]


def test_a_store_without_object_tags(call, data):
    strict = DATA + "&object_tags=false"
    FileDirDict(base_dir=data.base_dir, durable=False)["x"] = 1
    assert call("stat", "--json", strict, check=0).json["formats"] == ["json", "pkl"]
    data.clear()
    assert "of pkl" in call("ls", strict, check=1).err


def test_times_beyond_all_years():
    from persidict.core._cli.output import format_time

    assert format_time(0) == "1970-01-01T00:00:00Z"
    assert format_time(2.0**38) == f"{2**38}s"
    assert format_time(-(2.0**60)) == f"-{2**60}s"


def test_cp_is_resumable_and_conditional(call, data, tmp_path):
    age(data)
    assert call("cp", "-n", DATA, "copy", check=0).out == "would be: 3 copied\n"
    assert not (tmp_path / "copy").exists()
    assert call("cp", DATA, "copy", check=0).out == "3 copied\n"
    copy = FileDirDict(base_dir=tmp_path / "copy", durable=False)
    assert copy == data
    assert call("cp", "--json", DATA, "copy", check=0).json == {
        "copied": 0,
        "unchanged": 3,
        "newer": 0,
        "conflict": 0,
        "deleted": 0,
        "dry_run": False,
    }
    copy["note"] = "changed there"
    assert call("cp", DATA, "copy", check=0).out == "3 unchanged\n"
    found = call("cp", "-v", "--compare", DATA, "copy", check=0)
    assert found.out == "newer     note\n2 unchanged, 1 newer\n"
    assert copy["note"] == "changed there"
    data["note"] = "newer still"
    assert call("cp", DATA, "copy", check=0).out == "1 copied, 2 unchanged\n"
    assert copy["note"] == "newer still"


def test_cp_of_a_part(call, data, tmp_path):
    assert (
        call("cp", "-v", "--json", "--prefix", "runs", DATA, "copy", check=0).out.count(
            '"key": "runs/'
        )
        == 2
    )
    assert sorted(FileDirDict(base_dir=tmp_path / "copy")) == [
        ("runs", "first"),
        ("runs", "second"),
    ]


def test_sync(call, data, tmp_path):
    copy = FileDirDict(base_dir=tmp_path / "copy", durable=False)
    copy["extra"] = 1
    assert call("sync", "-n", DATA, "copy", check=0).out == "would be: 3 copied, 1 deleted\n"
    assert call("sync", DATA, "copy", check=0).out == "3 copied, 1 deleted\n"
    assert copy == data


def test_sync_of_nothing_is_refused(call, data, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "--allow-empty" in one_line(call("sync", "empty", DATA, check=1))
    assert len(data) == 3
    assert call("sync", "--allow-empty", "empty", DATA, check=0).out == "3 deleted\n"
    assert len(data) == 0


def test_cp_goes_on_after_damage(call, data, tmp_path):
    Path(data._where(("note",))).write_bytes(b"damaged")
    found = call("cp", DATA, "copy", check=1)
    assert found.out == "2 copied\n"
    assert "1 items could not be copied, all others were: note" in one_line(found)


def test_stores_that_overlap(call, data):
    assert "same store" in one_line(call("cp", DATA, DATA, check=2))


def test_verify(call, data):
    assert call("verify", DATA, check=0).out == "3 items, 0 damaged\n"
    for key in ("note", ("runs", "first")):
        Path(data._where(data._complete(key))).write_bytes(b"{")
    found = call("verify", DATA, check=1)
    assert found.lines[-1] == "3 items, 2 damaged"
    assert sorted(line.split(":")[0] for line in found.lines[:-1]) == [
        "damaged note",
        "damaged runs/first",
    ]
    found = call("verify", "--json", DATA, check=1).json
    assert found["items"] == 3
    assert sorted(entry["key"] for entry in found["damaged"]) == ["note", "runs/first"]
    assert call("verify", DATA, "runs", check=1).lines[-1] == "2 items, 1 damaged"
    assert "can't be read" in one_line(call("get", DATA, "note", check=1))


def test_what_the_disk_does_not_give_is_not_called_damaged(call, data, monkeypatch):
    call("cp", DATA, "copy", check=0)
    read = persidict.file.file_dir_dict.read_version

    def fails(path, *others):
        if "note" in path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path, *others)

    monkeypatch.setattr("persidict.file.file_dir_dict.read_version", fails)
    found = call("verify", DATA, check=3)
    assert found.lines[-1] == "3 items, 0 damaged, 1 unreadable"
    assert found.lines[0].startswith("unreadable note: can't read")
    found = call("verify", "--json", DATA, check=3).json
    assert (found["damaged"], [entry["key"] for entry in found["unreadable"]]) == ([], ["note"])
    assert call("diff", DATA, "copy", check=3).out.startswith("! note: can't read")
    assert "note was left out: can't read" in call("export", DATA, check=3).err


def test_a_signed_store(call, tmp_path):
    (tmp_path / "key").write_bytes(SECRET + b"\n")
    signed = FileDirDict(base_dir=tmp_path / "signed", signing_key=SECRET, durable=False)
    signed["a"] = 1
    assert call("get", "signed", "a", "--signing-key-file", "key", check=0).out == "1\n"
    assert "signing_key" in one_line(call("get", "signed", "a", check=1))
    call("cp", "signed", "plain", "--signing-key-file", "key", check=0)
    assert call("get", "plain", "a", check=0).out == "1\n"
    call("put", "plain", "b", "2", check=0)
    call("cp", "plain", "signed", "--target-signing-key-file", "key", check=0)
    assert signed["b"] == 2
    assert "key" in one_line(call("ls", "signed", "--signing-key-file", "nokey", check=3))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ls", "s3x://a"], "not s3x:"),
        (["ls", "./data?frmat=json"], "unknown parameter 'frmat'"),
        (["get", DATA, "a//b"], "is empty"),
        (["get", DATA, "../b"], "would name a directory"),
        (["put", DATA, "a", "not json"], "--text"),
        (["put", DATA, "a", "1", "--file", "x"], "either VALUE or --file"),
        (["watch", DATA, "--interval", "-1"], "--interval"),
        (["watch", DATA, "--interval", "nan"], "--interval"),
    ],
)
def test_wrong_usage(call, data, arguments, says):
    assert says in one_line(call(*arguments, check=2))


def test_without_a_command_help_is_shown(call):
    assert "watch" in call(check=2).err


@pytest.mark.parametrize(
    ("arguments", "meant"), [(["lss"], "ls"), (["ls", "x", "--sort", "tim"], "time")]
)
def test_misspelt_words_get_a_suggestion(call, arguments, meant):
    assert f"did you mean '{meant}'?" in call(*arguments, check=2).err


@pytest.mark.parametrize("arguments", [["nonsense"], ["ls"], ["get", DATA], ["ls", "--no"]])
def test_wrong_arguments(call, arguments):
    assert "usage: persidict" in call(*arguments, check=2).err


def test_refused_by_the_store(call, data):
    append_only = f"{DATA}&append_only=true"
    assert "append-only" in one_line(call("put", append_only, "note", "1", check=1))
    assert "append-only" in one_line(call("rm", append_only, "note", check=1))
    strict = "./d?format=json&object_tags=false"
    said = one_line(call("put", strict, "x", "--bytes", stdin=b"bytes", check=1))
    assert "can't be stored" in said


def test_a_store_that_fails(call, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "can't write" in one_line(call("put", "./file/store", "a", "1", check=3))
    assert "no directory" in one_line(call("put", "./file", "a", "1", check=2))


def test_a_missing_distribution(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "persidict.s3", None)
    said = one_line(call("ls", "s3://bucket/prefix", check=3))
    assert "pip install persidict-s3" in said


@pytest.mark.parametrize(
    "command",
    [
        ["ls", DATA],
        ["ls", "-l", DATA, "runs/*"],
        ["stat", DATA],
        ["du", DATA],
        ["get", DATA, "note"],
        ["verify", DATA],
        ["put", DATA, "note", "1"],
        ["rm", "-r", DATA, "runs"],
        ["mv", DATA, "note", "new"],
        ["cp", DATA, "copy"],
        ["sync", DATA, "copy"],
        ["diff", DATA, DATA],
        ["export", DATA],
        ["import", DATA],
        ["watch", DATA],
    ],
    ids=lambda command: "".join(command[:2]).partition(".")[0],
)
def test_an_interruption_is_one_line(call, data, monkeypatch, command):
    def interrupted(self, *arguments):
        raise KeyboardInterrupt

    single = ("_get", "_put", "_erase", "_scan", "_keys")
    for primitive in (*single, "_load_many", "_insert_many", "_erase_many"):
        monkeypatch.setattr(FileDirDict, primitive, interrupted)
    line = b'{"key": "a", "value": 1}'
    found = call(*command, stdin=line, check=130)
    assert found.err == "persidict: interrupted\n"


def test_debug_shows_where(call, data):
    from persidict.core._cli.parser import main

    with pytest.raises(ValueError, match="is empty"):
        main(["--debug", "get", DATA, ""])
