"""The command line finds the format by itself, and takes parameters as options."""

import pytest

for needed in ("persidict.file", "orjson", "lz4"):
    pytest.importorskip(needed)

from persidict import FileDirDict  # noqa: E402  # if it is there


def make(tmp_path, name, **params):
    return FileDirDict(base_dir=tmp_path / name, durable=False, **params)


@pytest.mark.parametrize("name", ["pkl", "json", "md"])
def test_the_only_format_is_found(call, tmp_path, name):
    d = make(
        tmp_path,
        "data",
        serialization_format=name,
        base_class_for_values=str if name == "md" else None,
    )
    d["a", "b"] = "text"
    (tmp_path / "data" / "README.rst").write_text("a foreign file")
    assert call("ls", "data", check=0).out == "a/b\n"
    assert call("get", "data", "a/b", check=0).out == "text\n"
    call("put", "data", "c", "--text", "more", check=0)
    assert d["c"] == "more"
    assert call("stat", "--json", "data", check=0).json["formats"] == [name]


def test_a_twin_in_another_format_needs_an_option(call, tmp_path):
    make(tmp_path, "data", serialization_format="json")["a"] = 1
    make(tmp_path, "data")["b"] = 1
    for command in (["put", "data", "a", "2"], ["ls", "data"], ["cp", "data", "x"]):
        said = call(*command, check=2).err
        assert "in the formats" in said
        assert "choose one with --format" in said
    said = call("cp", "--format", "json", "data", "data", check=2).err
    assert "choose one with --target-format" in said
    call("put", "--format", "pkl", "data", "a", "2", check=0)
    assert make(tmp_path, "data")["a"] == 2


def test_a_new_store_is_pkl(call, tmp_path):
    call("put", "data", "a", "1", check=0)
    assert make(tmp_path, "data")["a"] == 1


def test_text_under_a_name_like_a_format(call, tmp_path):
    call("put", "data?format=jsonl&base_class_for_values=str", "a", "1", check=0)
    assert (tmp_path / "data").is_dir()
    assert call("get", "--json", "data?format=jsonl&base_class_for_values=str", "a").out == '"1"\n'


def test_options_stand_for_the_query(call, tmp_path):
    call(
        *("put", "data", "a", "1", "--format", "json", "--digest-len", "0", "--no-durable"),
        *("--param", "dir_mode=0o750", "--no-object-tags"),
        check=0,
    )
    assert (tmp_path / "data" / "a.json").read_bytes().strip() == b"1"
    said = call("put", "data", "a", "2", "--digest-len=0", "--append-only", check=1).err
    assert "append-only" in said
    call("cp", "data", "copy", "--digest-len", "0", "--target-format", "json", check=0)
    assert make(tmp_path, "copy", serialization_format="json")["a"] == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["data?format=json", "--format", "pkl"], "given twice"),
        (["data?digest_len=1", "--digest-len", "2"], "given twice"),
        (["data", "--digest-len", "x"], "digest_len must be an integer"),
        (["data", "--format", "JSON"], "did you mean 'json'?"),
        (["data?format=.pickle"], "did you mean 'pkl'?"),
        (["data", "--param", "x"], "NAME=VALUE"),
        (["data", "--param", "frmat=1"], "unknown parameter 'frmat'"),
        (["data", "--param", "format=pkl"], "--format"),
        (["data", "--endpoint-url", "http://x"], "unknown parameter 'endpoint_url'"),
        (["data", "--no-sign-request"], "unknown parameter 'anonymous'"),
    ],
)
def test_wrong_options(call, tmp_path, arguments, says):
    make(tmp_path, "data")["a"] = 1
    assert says in call("ls", *arguments, check=2).err


@pytest.mark.parametrize("digest_len", [0, 2, 8])
def test_the_only_digest_length_is_found(call, tmp_path, digest_len):
    d = make(tmp_path, "data", serialization_format="json", digest_len=digest_len)
    d["a", "b"] = 1
    for options in ([], ["--format", "json"]):
        assert call("ls", "data", "a", *options, check=0).out == "a/b\n"
        call("put", "data", "c", "2", *options, check=0)
    assert dict(d) == {("a", "b"): 1, ("c",): 2}


def test_several_digest_lengths(call, tmp_path):
    for digest_len in (2, 8):
        make(tmp_path, "data", digest_len=digest_len)["a"] = digest_len
    assert "choose one with --digest-len" in call("get", "data", "a", check=2).err
    assert call("get", "data", "a", "--digest-len", "8", check=0).out == "8\n"
    make(tmp_path, "data")["a"] = "the default"
    assert call("get", "data", "a", check=0).out == "the default\n"


def test_foreign_files_are_no_format(call, tmp_path):
    make(tmp_path, "data")["a"] = 1
    (tmp_path / "data" / "package.json").write_text("{}")
    assert call("ls", "data", check=0).out == "a\n"
