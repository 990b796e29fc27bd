"""Registered formats that get memory maps instead of bytes."""

import runpy
import uuid
from pathlib import Path

import pytest

from persidict import DecodingError, FileDirDict, LocalDict, register_format

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "npy_format.py"


@pytest.fixture
def mapped(tmp_path):
    """Open a store whose values are what `decode` was given."""
    name = f"fmt{uuid.uuid4().hex[:8]}"
    register_format(name, bytes, lambda data: data, memory_map=True)

    def opened(**params):
        return FileDirDict(tmp_path / "maps", serialization_format=name, durable=False, **params)

    return opened


def test_decode_gets_a_read_only_map(mapped):
    d = mapped()
    d["a"] = b"content"
    for view in (d["a"], d.get("a"), *d.values(), d.get_with_etag("a").new_value):
        assert type(view) is memoryview
        assert view.readonly
        assert bytes(view) == b"content"


def test_a_map_outlives_the_item(mapped):
    d = mapped()
    d["a"] = b"old"
    old = d["a"]
    d["a"] = b"newer"
    newer = d["a"]
    del d["a"]
    assert (bytes(old), bytes(newer)) == (b"old", b"newer")


def test_an_empty_value_is_no_map(mapped):
    d = mapped()
    d["a"] = b""
    assert d["a"] == b""


def test_signed_values_are_bytes(mapped):
    d = mapped(signing_key=b"0123456789abcdef")
    d["a"] = b"content"
    assert d["a"] == b"content"
    assert type(d["a"]) is bytes
    with pytest.raises(DecodingError, match="signed"):
        mapped()["a"]


def test_the_setting_belongs_to_the_format():
    name = f"fmt{uuid.uuid4().hex[:8]}"
    register_format(name, bytes, bytes)
    with pytest.raises(ValueError, match="registered"):
        register_format(name, bytes, bytes, memory_map=True)
    LocalDict(serialization_format=name)["a"] = b"x"


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    np = pytest.importorskip("numpy")
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(EXAMPLE))
    assert capsys.readouterr().out.splitlines() == [
        "[999997 999998 999999] False",
        "999999 [0. 0.]",
    ]
    arrays = names["arrays"]
    for array in (np.eye(3, order="F"), np.array(5), np.array(["a", "bc"]), np.zeros((2, 0))):
        arrays["a"] = array
        np.testing.assert_array_equal(arrays["a"], array)
        assert arrays["a"].dtype == array.dtype
