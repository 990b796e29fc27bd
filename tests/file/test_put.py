"""All bytes of items reach the files through `_put`."""

import os

import pytest

from persidict import ANY_ETAG, FileDirDict


class Recording(FileDirDict):
    """Remembers what it was given to write."""

    def _put(self, key, data, expected):
        self.given.append((key, data))
        return super()._put(key, data, expected)


@pytest.fixture
def recording(tmp_path):
    d = Recording(base_dir=tmp_path / "store")
    d.given = []
    return d


@pytest.mark.parametrize("size", [1, 10_000, 3_000_000])
def test_a_subclass_sees_every_write(recording, size):
    value = b"x" * size
    recording["set"] = value
    recording.update(updated=value)
    recording.setdefault("default", value)
    recording.transform_item("transformed", transformer=lambda _: value)
    recording.set_item_if("if", value=value, condition=ANY_ETAG, expected_etag="0")
    keys = [key for key, _ in recording.given]
    assert keys == [("set",), ("updated",), ("default",), ("transformed",), ("if",)]
    assert all(found == value for found in recording.values())


def test_a_subclass_is_given_bytes(recording):
    recording["a"] = os.urandom(1_000_000)
    [(_, data)] = recording.given
    assert isinstance(data, bytes)


def test_a_subclass_that_takes_pieces_is_given_them(tmp_path):
    class Pieces(Recording):
        _takes_pieces = True

    d = Pieces(base_dir=tmp_path)
    d.given = []
    d["a"] = os.urandom(1_000_000)
    [(_, data)] = d.given
    assert isinstance(data, list)
