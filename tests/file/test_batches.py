"""What is done to many names at a time is what would be done to each."""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest

from persidict import FileDirDict
from persidict.file.paths import Layout

COMPONENTS = ["a", "_", "__x", "...", "._", "a.b", "k" * 100, "k" * 245, "K1", "k1"]
FOREIGN = [".", "..", "_", "._", "é", "\udcff", "a\n", "a,", "+", "A_aaaa", "a_AAAA", "a_0189"]


class Entry(NamedTuple):
    name: str


@pytest.mark.parametrize("digest_len", [0, 1, 4, 8, 26])
@pytest.mark.parametrize("foreign", ["", *FOREIGN])
def test_names_together_are_what_they_are_alone(digest_len, foreign):
    layout = Layout("pkl", digest_len)
    names = [layout.path((component,))[-1] for component in COMPONENTS]
    if foreign:
        names += [f"{foreign}.pkl", f"{foreign}.json", foreign]
    alone = [layout.items("", [Entry(name)]) for name in names]
    components, entries = layout.items("", [Entry(name) for name in names])
    assert components == [component for found, _ in alone for component in found]
    assert entries == [entry for _, found in alone for entry in found]
    directories = [name.removesuffix(".pkl") for name in names]
    assert layout.directory_components("", directories) == [
        component
        for component in (layout.directory_component("", name) for name in directories)
        if component is not None
    ]


def test_clear_leaves_a_directory_that_took_an_items_place(tmp_path, monkeypatch):
    d = FileDirDict(base_dir=tmp_path)
    d.update({f"k{number}": number for number in range(20)})
    listed = d._listed_names

    def replaced_after_listing():
        everything = list(listed())
        [path] = tmp_path.glob("k7_*.pkl")
        path.unlink()
        path.mkdir()
        [gone] = tmp_path.glob("k8_*.pkl")
        gone.unlink()
        return iter(everything)

    monkeypatch.setattr(d, "_listed_names", replaced_after_listing)
    d.clear()
    assert [name[:3] for name in os.listdir(tmp_path) if name.startswith("k")] == ["k7_"]
    assert len(d) == 0
