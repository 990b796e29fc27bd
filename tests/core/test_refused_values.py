"""What a value or an absent package does to the way a value is stored."""

import sys

import pytest

from persidict.core._codecs import json_text
from tests.core.blob_stores import MemoryBlobs


class Greedy:
    """Needs more memory than there is to be stored."""

    def __reduce__(self):
        raise MemoryError("all of it")


@pytest.mark.parametrize("signing_key", [None, b"0123456789abcdef"])
def test_a_lack_of_memory_is_not_the_values_fault(signing_key):
    d = MemoryBlobs(signing_key=signing_key)
    d["k"] = 1
    with pytest.raises(MemoryError, match="all of it"):
        d["k"] = Greedy()
    assert d["k"] == 1


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("value", ["\ud800", ["a", "\udcff"], 2**70])
def test_json_of_what_utf8_or_orjson_lacks(monkeypatch, fast, value):
    pytest.importorskip("jsonpickle")
    if fast:
        pytest.importorskip("orjson")
    else:
        monkeypatch.setattr(json_text, "orjson", None)
    d = MemoryBlobs(serialization_format="json")
    d["k"] = value
    assert d["k"] == value


def test_the_word_main_needs_no_cloudpickle(monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    d = MemoryBlobs()
    d["k"] = ["__main__"]
    assert d["k"] == ["__main__"]
