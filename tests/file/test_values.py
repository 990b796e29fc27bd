"""Values that can't be stored or read back: said at once, with the store unchanged."""

import os
import pickle
import sys
import types

import pytest

from persidict import BackendError, DecodingError, EncodingError


class Stubborn:
    """Refuses to be pickled."""

    def __reduce_ex__(self, protocol):
        raise ValueError("I stay here")


@pytest.mark.parametrize("present", [True, False])
def test_a_value_that_cant_be_pickled(present, make, base, leftovers, slept):
    d = make()
    if present:
        d["a", "b"] = "old"
    before = dict(d)
    with pytest.raises(EncodingError) as caught:
        d["a", "b"] = Stubborn()
    assert caught.value.key == ("a", "b")
    assert caught.value.serialization_format == "pkl"
    assert "I stay here" in str(caught.value)
    assert "'a/b'" in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)
    assert dict(d) == before
    assert leftovers() == []
    assert base.exists() is present
    assert slept == []


def test_a_value_that_json_has_no_form_for(make, slept):
    d = make(serialization_format="json")
    d["a"] = [1]
    with pytest.raises((EncodingError, ImportError)):
        d["a"] = lambda: None
    assert d["a"] == [1]
    assert slept == []


def test_a_refused_value_stops_an_update_and_leaves_what_came_before(make):
    d = make()
    with pytest.raises(EncodingError):
        d.update([("a", 1), ("b", Stubborn()), ("c", 3)])
    assert dict(d) == {("a",): 1}


def test_an_unwanted_value_in_conditional_writes(make):
    d = make()
    d["n"] = 1
    with pytest.raises(EncodingError):
        d.transform_item("n", transformer=lambda _: Stubborn())
    with pytest.raises(EncodingError):
        d.setdefault("m", Stubborn())
    assert d.setdefault("n", Stubborn()) == 1
    assert dict(d) == {("n",): 1}


@pytest.fixture
def damaged(make, base):
    """Return a store of two items one of whose files is to be changed, and that file."""

    def store(serialization_format="pkl", value=None):
        text = serialization_format == "txt"
        d = make(
            serialization_format=serialization_format,
            base_class_for_values=str if text else None,
        )
        d["whole"] = "whole"
        d["x", "bad"] = value or "bad" * 3000
        [path] = base.glob(f"x_*/bad_*.{serialization_format}")
        return d, path

    return store


def assert_refuses(d, path, serialization_format="pkl"):
    contents = path.read_bytes()
    etag = d.etag(("x", "bad"))
    with pytest.raises(DecodingError) as caught:
        d["x", "bad"]
    error = caught.value
    assert isinstance(error, BackendError)
    assert error.key == ("x", "bad")
    assert error.__cause__ is not None
    for part in ("'x/bad'", str(path), repr(serialization_format)):
        assert part in str(error)
    with pytest.raises(DecodingError):
        d.get(("x", "bad"))
    with pytest.raises(DecodingError):
        d.pop(("x", "bad"))
    with pytest.raises(DecodingError):
        d.transform_item(("x", "bad"), transformer=lambda value: value)
    with pytest.raises(DecodingError):
        list(d.values())
    assert path.read_bytes() == contents
    assert d.etag(("x", "bad")) == etag
    assert d["whole"] == "whole"
    assert set(d) == {("whole",), ("x", "bad")}
    with pytest.raises(DecodingError) as caught:
        d.get_subdict("x")["bad"]
    assert caught.value.key == ("bad",)
    d["x", "bad"] = "mended"
    assert d["x", "bad"] == "mended"


@pytest.mark.parametrize("kept", [0, 1, 10, -1, -20])
def test_a_truncated_pickle(kept, damaged, slept):
    value = os.urandom(2000)
    d, path = damaged(value=value)
    path.write_bytes(path.read_bytes()[: kept if kept >= 0 else len(value) + kept])
    assert_refuses(d, path)
    assert slept == []


def test_a_flipped_bit_in_a_compressed_value(damaged):
    pytest.importorskip("lz4")
    d, path = damaged(value=[f"line {n}" for n in range(5000)])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert_refuses(d, path)


@pytest.mark.parametrize("data", [b"", b"{", b"[1, 2", b"\xff\xfe", b'{"a": 1}}'])
def test_damaged_json(data, damaged, slept):
    d, path = damaged("json")
    path.write_bytes(data)
    assert_refuses(d, path, "json")
    assert slept == []


def test_text_that_is_no_utf8(damaged):
    d, path = damaged("txt")
    path.write_bytes(b"caf\xe9")
    assert_refuses(d, path, "txt")


@pytest.mark.parametrize("gone", ["class", "module"])
def test_a_class_that_is_gone(gone, damaged, monkeypatch, slept):
    module = types.ModuleType("a_module_of_the_test")
    exec("class Gone: pass", vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    d, path = damaged(value=module.Gone())
    assert isinstance(d["x", "bad"], module.Gone)
    if gone == "class":
        del module.Gone
    else:
        monkeypatch.delitem(sys.modules, module.__name__)
    assert_refuses(d, path)
    assert slept == []


def test_a_stored_value_of_another_class(make):
    make()["a"] = "text"
    d = make(base_class_for_values=int)
    with pytest.raises(TypeError, match="int"):
        d["a"]
    with pytest.raises(TypeError, match="int"):
        d["a"] = "text"
    assert make()["a"] == "text"


def test_errors_travel_between_processes(damaged):
    d, path = damaged()
    path.write_bytes(b"no pickle")
    with pytest.raises(DecodingError) as caught:
        d["x", "bad"]
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy), copy.key) == (DecodingError, str(caught.value), ("x", "bad"))
