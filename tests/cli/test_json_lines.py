"""`export` and `import`: JSON lines, through files and pipes, interrupted and resumed."""

import json
from pathlib import Path

import pytest

for needed in ("persidict.file", "orjson", "lz4"):
    pytest.importorskip(needed)

from persidict import FileDirDict  # noqa: E402  # if it is there


@pytest.fixture(name="store")
def store_fixture(tmp_path):
    d = FileDirDict(base_dir=tmp_path / "data", durable=False)
    d["runs", "1"] = {"loss": [0.25, None, True]}
    d["text"] = "größer\n"
    d["surrogate"] = "\ud800"
    d["bytes"] = bytes(range(256))
    return d


def test_from_store_to_store_through_a_pipe(call, store, tmp_path):
    exported = call("export", "data", check=0)
    assert {json.loads(line)["key"] for line in exported.lines} == {"/".join(key) for key in store}
    assert '{"key": "text", "value": "größer\\n"}' in exported.lines
    data = exported.out.encode()
    assert call("import", "copy", stdin=data, check=0).out == "4 written\n"
    assert FileDirDict(base_dir=tmp_path / "copy") == store
    assert call("import", "copy", stdin=data, check=0).out == "4 unchanged\n"


def test_a_selection(call, store):
    (line,) = call("export", "data", "runs/*", check=0).lines
    assert json.loads(line) == {"key": "runs/1", "value": {"loss": [0.25, None, True]}}
    assert "no item no" in call("export", "data", "no", check=1).err


@pytest.mark.parametrize("value", [{1, 2}, (1,), {1: 2}, float("nan"), [float("inf")]])
def test_other_values_are_reported_and_left_out(call, store, value):
    store["odd"] = value
    found = call("export", "data", check=1)
    assert len(found.lines) == 4
    assert "odd was left out: JSON can't hold" in found.err


def test_damaged_items_are_reported_and_left_out(call, store):
    Path(store._where(("text",))).write_bytes(b"damaged")
    found = call("export", "data", check=1)
    assert len(found.lines) == 3
    assert "text was left out: " in found.err


def test_an_interrupted_export_is_resumed(call, store, tmp_path):
    call("export", "data", "-o", "lines", check=0)
    file = tmp_path / "lines"
    complete = file.read_bytes()
    lines = complete.splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[1][:10])
    call("export", "data", "-o", "lines", "--resume", check=0)
    assert file.read_bytes().startswith(lines[0])
    assert sorted(file.read_bytes().splitlines()) == sorted(complete.splitlines())
    call("export", "data", "-o", "lines", "--resume", check=0)
    assert len(file.read_bytes().splitlines()) == 4
    call("export", "data", "-o", "new", "--resume", check=0)
    assert len((tmp_path / "new").read_bytes().splitlines()) == 4
    assert "--output" in call("export", "data", "--resume", check=2).err


def test_existing_items_are_left_alone_without_force(call, tmp_path):
    d = FileDirDict(base_dir=tmp_path / "data", durable=False)
    d["a"] = "another value"
    lines = b'{"key": "a", "value": 1}\n{"key": "b/c", "value": 2}\n\n'
    (tmp_path / "lines").write_bytes(lines)
    found = call("import", "data", "lines", "--json", check=1)
    assert found.json == {"written": 1, "unchanged": 0, "existing": 1}
    assert "a exists with another value" in found.err
    assert dict(d) == {("a",): "another value", ("b", "c"): 2}
    call("import", "-f", "data", "lines", check=0)
    assert d["a"] == 1


@pytest.mark.parametrize(
    "line",
    [
        b'{"key": "b", "val',
        b'{"key": "b"}',
        b'{"value": 1}',
        b'{"key": 1, "value": 1}',
        b'{"key": "b c", "value": 1}',
        b'{"key": "b", "base64": "?"}',
        b'["b", 1]',
        b"\xff",
    ],
)
def test_a_wrong_line_is_named(call, tmp_path, line):
    said = call("import", "data", stdin=b'{"key": "a", "value": 1}\n' + line, check=2).err
    assert "line 2 is not an exported item" in said
    assert said.count("\n") == 1


def test_items_before_a_wrong_line_in_another_batch_are_written(call, tmp_path):
    lines = b"".join(b'{"key": "%d", "value": 1}\n' % number for number in range(300))
    found = call("import", "data", stdin=lines + b"{", check=2)
    assert found.out == "256 written\n"
    again = call("import", "data", stdin=lines, check=0)
    assert again.out == "44 written, 256 unchanged\n"
