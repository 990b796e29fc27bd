"""Copying a cache of diskcache."""

import sys

import pytest

diskcache = pytest.importorskip("diskcache")
pytest.importorskip("persidict.file")

from persidict import FileDirDict  # noqa: E402
from persidict.core._cli.parser import main  # noqa: E402
from persidict.core.text_keys import key_from_text  # noqa: E402


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with diskcache.Cache(str(tmp_path / "cache")) as opened:
        opened["page 1"] = "<h1>One</h1>"
        opened["a/b"] = [1, {"two": b"2" * 100_000}]
        opened[17] = "seventeen"
        opened["x" * 300, 2] = "tuple"
        opened.set("gone", 1, expire=-1)
        yield opened


def test_items_come_with_their_values(cache, capsys):
    assert main(["cp", "diskcache:cache", "./target"]) == 0
    assert capsys.readouterr().out == "4 copied\n"
    found = FileDirDict("target")
    assert {key: found[key] for key in found} == {
        key_from_text("page 1"): "<h1>One</h1>",
        key_from_text("a/b"): cache["a/b"],
        key_from_text("17"): "seventeen",
        key_from_text(repr(("x" * 300, 2))): "tuple",
    }


def test_items_that_the_target_has_are_left_alone(cache, capsys):
    FileDirDict("target")["17"] = "mine"
    assert main(["cp", "diskcache:cache", "./target"]) == 0
    assert main(["cp", "diskcache:cache", "./target"]) == 0
    assert capsys.readouterr().out == "3 copied, 1 unchanged\n4 unchanged\n"
    assert FileDirDict("target")["17"] == "mine"


def test_two_keys_of_one_text(cache, capsys):
    cache["17"] = "text"
    assert main(["cp", "diskcache:cache", "./target"]) == 1
    assert "17 and '17' would be one key" in capsys.readouterr().err


def test_a_directory_without_a_cache(cache, tmp_path, capsys):
    assert main(["cp", "diskcache:elsewhere", "./target"]) == 1
    assert "there is no cache of diskcache in elsewhere" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "target").exists()


def test_without_diskcache(cache, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "diskcache", None)
    assert main(["cp", "diskcache:cache", "./target"]) == 1
    assert "pip install diskcache" in capsys.readouterr().err
