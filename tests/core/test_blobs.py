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
