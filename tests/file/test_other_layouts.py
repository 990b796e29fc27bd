"""A store that is opened with the wrong format or digest length says so once."""

import logging

import pytest

pytest.importorskip("persidict.wrappers")
from persidict import FileDirDict, MutableDictCached, OverlappingMultiDict, register_format

RIGHT = {"serialization_format": "json", "digest_len": 4}


@pytest.fixture(name="warnings")
def warnings_fixture(caplog):
    caplog.set_level(logging.WARNING, "persidict.file")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture(name="place")
def place_fixture(tmp_path):
    # A long path, which the advice must show whole; this name could be taken for a secret key.
    place = tmp_path / ("d" * 40) / "e" / ("f" * 100)
    d = FileDirDict(place, **RIGHT)
    d["a"] = 1
    d["b", "c"] = 2
    return place


MISSES = {
    "get": lambda d: d.get("a"),
    "in": lambda d: "a" in d,
    "item": lambda d: d.get(("b", "c"), "default"),
    "len": len,
    "list": list,
    "bool": bool,
    "sub-dict": lambda d: d.get_subdict("b").get("c"),
    "transform": lambda d: d.get_with_etag("a"),
    "discard_if": lambda d: list(d.get_many(["a"])),
}


@pytest.mark.parametrize("miss", MISSES.values(), ids=MISSES)
@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"digest_len": 8, "serialization_format": "json"},
        {"serialization_format": "txt", "base_class_for_values": str},
        {"digest_len": 0},
    ],
    ids=str,
)
def test_the_first_miss_names_the_call_that_would_read_it(place, warnings, miss, wrong):
    d = FileDirDict(place, **wrong)
    for _ in range(3):
        miss(d)
        miss(d.get_subdict(()))
    (warning,) = warnings()
    call = warning[warning.index("FileDirDict(") :]
    assert eval(call) == FileDirDict(place, **RIGHT)
    for name in set(wrong) - {"base_class_for_values"}:
        assert f"{name}={wrong[name]!r}" in warning.replace(call, "")


@pytest.mark.parametrize(
    ("stored", "opened"),
    [
        ({"digest_len": 0}, {}),
        ({"digest_len": 1}, {"digest_len": 2}),
        ({"digest_len": 26, "serialization_format": "json"}, {}),
        ({"serialization_format": "md", "base_class_for_values": str}, {}),
        ({"digest_len": 4}, {"digest_len": 0}),
    ],
    ids=str,
)
def test_every_format_and_length_is_recognised(tmp_path, warnings, stored, opened):
    d = FileDirDict(tmp_path, **stored)
    for name in "abcdefgh":
        d[name, name] = "text"
    assert FileDirDict(tmp_path, **opened).get("a") is None
    (warning,) = warnings()
    assert eval(warning[warning.index("FileDirDict(") :]) == d


def test_registered_formats_are_no_text(tmp_path, warnings):
    register_format("reversed", lambda text: text[::-1].encode(), lambda data: data.decode()[::-1])
    FileDirDict(tmp_path, serialization_format="reversed")["a"] = "abc"
    assert FileDirDict(tmp_path).get("a") is None
    (warning,) = warnings()
    assert warning.endswith("serialization_format='reversed')")


def test_the_most_frequent_layout_is_named(place, warnings):
    FileDirDict(place, serialization_format="md", base_class_for_values=str)["a"] = "text"
    FileDirDict(place).get("a")
    (warning,) = warnings()
    assert "serialization_format='json'" in warning


def test_hits_and_stores_with_own_items_are_silent(place, tmp_path, warnings):
    right = FileDirDict(place, **RIGHT)
    assert right.get("no") is None
    assert right["a"] == 1
    mixed = FileDirDict(place)
    mixed["x"] = 1
    assert mixed.get("a") is None
    assert FileDirDict(tmp_path / "new").get("a") is None
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for name in ("readme.md", "a_zzzz.csv", "data.parquet", ".git", "a.pkl.bak"):
        (foreign / name).write_text("foreign")
    assert FileDirDict(foreign).get("a") is None
    assert list(FileDirDict(foreign)) == []
    assert warnings() == []


def test_looking_is_not_repeated(place, warnings, monkeypatch):
    d = FileDirDict(place)
    d.get("a")
    scanned = []
    monkeypatch.setattr("os.scandir", scanned.append)
    d.get("a")
    assert "b" not in d.get_subdict("b")
    assert scanned == []


def test_several_formats_in_one_place_are_no_mistake(place, tmp_path, warnings):
    multi = OverlappingMultiDict(
        dict_type=FileDirDict, shared_subdicts_params={"base_dir": place}, json={}, pkl={}
    )
    assert multi.json["a"] == 1
    assert multi.pkl.get("a") is None
    d = MutableDictCached(
        FileDirDict(tmp_path / "main"),
        data_cache=FileDirDict(place),
        etag_cache=FileDirDict(place, serialization_format="txt", base_class_for_values=str),
    )
    assert d.get("a") is None
    assert warnings() == []


def test_secrets_are_not_shown(tmp_path, warnings):
    key = b"a secret of many letters"
    FileDirDict(tmp_path, serialization_format="json", signing_key=key)["a"] = 1
    FileDirDict(tmp_path, signing_key=key).get("a")
    (warning,) = warnings()
    assert "signing_key=..." in warning
    assert "many letters" not in warning
