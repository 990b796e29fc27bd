"""A dict on S3 that is opened with the wrong format says so once, and asks for it once."""

import logging

import pytest

from persidict import OverlappingMultiDict
from persidict.s3 import BasicS3Dict, S3Dict

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]


@pytest.fixture(params=[BasicS3Dict, S3Dict])
def open_dict(request, moto_place, tmp_path):
    own = {"base_dir": tmp_path / "cache"} if request.param is S3Dict else {}
    return lambda **params: request.param(**{**moto_place, **own, **params})


@pytest.fixture(name="warnings")
def warnings_fixture(caplog):
    return lambda: [
        record.getMessage() for record in caplog.records if record.levelno == logging.WARNING
    ]


MISSES = {
    "get": lambda d: d.get("a"),
    "in": lambda d: "a" in d,
    "len": len,
    "list": lambda d: list(iter(d)),
    "bool": bool,
    "sub-dict": lambda d: d.get_subdict("b").get("c"),
    "subdicts": lambda d: d.subdicts(),
    "get_many": lambda d: list(d.get_many(["a", "b", "c"])),
    "discard": lambda d: d.discard("a"),
    "pop": lambda d: d.pop("a", None),
}


@pytest.mark.parametrize("miss", MISSES.values(), ids=MISSES)
def test_the_first_miss_names_the_call_that_would_read_it(open_dict, warnings, miss):
    right = open_dict(serialization_format="json")
    right["a"] = right["b", "c"] = 1
    d = open_dict()
    for _ in range(3):
        miss(d)
        miss(d.get_subdict(()))
    (warning,) = warnings()
    assert "serialization_format='pkl'" in warning
    call = warning[warning.index(f"{type(d).__name__}(") :]
    assert eval(call) == right


def test_text_is_recognised(open_dict, warnings):
    right = open_dict(serialization_format="txt", base_class_for_values=str)
    right["a"] = "text"
    assert open_dict().get("a") is None
    (warning,) = warnings()
    assert "base_class_for_values=str" in warning


def test_foreign_objects_and_several_formats_are_no_mistake(basic, open_dict, moto, warnings):
    moto.fill("tests", [f"{basic.root_prefix}{name}" for name in ("a.txt", "b.csv", "we ird.json")])
    assert open_dict().get("a") is None
    group = OverlappingMultiDict(
        dict_type=type(open_dict()),
        shared_subdicts_params={
            name: value
            for name, value in open_dict().get_params().items()
            if name != "serialization_format"
        },
        pkl={},
        json={},
    )
    group.json["x"] = 1
    assert "x" not in group.pkl
    assert warnings() == []


def test_own_items_are_seen_without_looking(open_dict, moto, warnings):
    open_dict(serialization_format="json")["a"] = 1
    writer = open_dict()
    with moto.counting() as seen:
        writer["b"] = 1
        assert "a" not in writer
    assert seen == {"PUT": 1, "HEAD": 1}
    for see in (lambda d: d["b"], lambda d: d.etag("b"), len, bool):
        reader = open_dict()
        see(reader)
        with moto.counting() as seen:
            assert "a" not in reader
        assert seen == {"HEAD": 1}
    assert warnings() == []


def test_looking_takes_one_short_listing(open_dict, moto):
    d = open_dict()
    limits = []

    def note(environ):
        query = environ["QUERY_STRING"]
        if "list-type" in query:
            limits.append("max-keys=100" in query.split("&"))

    moto.gate = note
    with moto.counting() as seen:
        for name in "abc":
            assert name not in d
            assert name not in d.get_subdict("x")
    assert seen == {"HEAD": 6, "LIST": 1}
    assert limits == [True]


def test_a_miss_needs_no_permission_to_list(open_dict, moto, warnings):
    open_dict(serialization_format="json")["a"] = 1
    d = open_dict()

    def refuse(environ):
        if "list-type" in environ["QUERY_STRING"]:
            return "403 Forbidden", "AccessDenied"
        return None

    moto.faults = refuse
    with moto.counting() as seen:
        assert d.get("a") is None
        assert d.get("a") is None
    assert seen == {"GET": 2, "LIST": 1}
    assert warnings() == []
