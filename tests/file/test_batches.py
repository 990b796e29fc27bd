"""What is done to many names at a time is what would be done to each."""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest

from persidict import FileDirDict
from persidict.file import many_items, scan
from persidict.file.paths import Layout

COMPONENTS = [
    "a",
    "A",
    "=",
    "x.pkl",
    "a_btax",
    "_",
    "__x",
    "...",
    "._",
    "a.b",
    "k" * 100,
    "k" * 245,
    "K1",
    "k1",
]
FOREIGN = [
    ".",
    "..",
    "_",
    "._",
    "é",
    "\udcff",
    "a\n",
    "a,",
    "+",
    "A_aaaa",
    "a_AAAA",
    "a_0189",
    "a b",
]


class Entry(NamedTuple):
    name: str


@pytest.mark.parametrize("digest_len", [0, 1, 4, 8, 26])
@pytest.mark.parametrize("head", ["", "k" * 150], ids=["whole", "split"])
@pytest.mark.parametrize("foreign", ["", *FOREIGN])
def test_names_together_are_what_they_are_alone(digest_len, head, foreign):
    layout = Layout("pkl", digest_len)
    names = [os.path.basename(layout.file((component,))) for component in COMPONENTS]
    if foreign:
        names += [f"{foreign}.pkl", f"{foreign}.json", f"{foreign}.PKL", foreign]
    entries = [Entry(name) for name in names]
    # Each by a layout that has seen no other name.
    alone = [Layout("pkl", digest_len).files(head, [entry]) for entry in entries]
    for _ in range(3):  # the names are known by then
        together = layout.files(head, entries)
        assert together == [entry for found in alone for entry in found]
    for entry, component in zip(together, layout.components(head, together), strict=True):
        _, *directory, name = layout.file((component,)).split(os.sep)
        assert name == entry.name
        assert directory == ([head + ","] if head else [])


def test_clear_leaves_a_directory_that_took_an_items_place(tmp_path, monkeypatch):
    d = FileDirDict(base_dir=tmp_path)
    d.update({f"k{number}": number for number in range(20)})

    def replaced_after_listing(start, found, names_of=scan.names_of):
        everything = list(names_of(start, found))
        [path] = tmp_path.glob("k7_*.pkl")
        path.unlink()
        path.mkdir()
        [gone] = tmp_path.glob("k8_*.pkl")
        gone.unlink()
        return iter(everything)

    monkeypatch.setattr(many_items, "names_of", replaced_after_listing)
    d.clear()
    assert [name[:3] for name in os.listdir(tmp_path) if name.startswith("k")] == ["k7_"]
    assert len(d) == 0
