"""Stores of bytes: how values reach `_put`."""

import pytest

from tests.core.blob_stores import MemoryBlobs


class Recording(MemoryBlobs):
    """Remembers what it was given to write."""

    def _put(self, key, data, expected):
        self.given.append((key, data))
        return super()._put(key, data, expected)


@pytest.mark.parametrize("size", [1, 10_000, 3_000_000])
@pytest.mark.parametrize("signing_key", [None, b"a secret of 16 bytes or more"])
def test_each_write_is_one_call_with_bytes(size, signing_key):
    d = Recording(signing_key=signing_key)
    d.given = []
    d["one"] = b"x" * size
    d.update(two=b"y" * size)
    d.setdefault("three", b"z" * size)
    assert [key for key, _ in d.given] == [("one",), ("two",), ("three",)]
    assert {type(data) for _, data in d.given} == {bytes}
    assert d["two"] == b"y" * size


def test_setdefault_encodes_nothing_if_there_is_an_item():
    d = Recording()
    d.given = []
    d["a"] = 1

    class Unread:
        def __reduce__(self):
            raise AssertionError("it is encoded")

    assert d.setdefault("a", Unread()) == 1
    assert d.setdefault("b", 2) == 2
    assert [key for key, _ in d.given] == [("a",), ("b",)]
