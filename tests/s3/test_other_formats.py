"""A dict on S3 tells which other formats its place has items of, with one request."""

import pytest

pytest.importorskip("boto3")


def formats(d):
    return [params["serialization_format"] for params in d._stored_otherwise()]


def test_items_of_other_formats(make_basic):
    make_basic(serialization_format="json").update({("a", "b"): 1, "c": 2})
    make_basic()["d"] = 1
    assert formats(make_basic(serialization_format="txt", base_class_for_values=str)) == [
        *("json", "pkl"),
    ]
    assert formats(make_basic()) == []


def test_an_unusual_extension_counts_if_all_objects_have_it(make_basic):
    make_basic(serialization_format="md", base_class_for_values=str)["a"] = "text"
    assert formats(make_basic()) == ["md"]
    make_basic(serialization_format="json")["a"] = 1
    assert formats(make_basic(serialization_format="txt", base_class_for_values=str)) == ["json"]


def test_nothing(make_basic):
    assert formats(make_basic()) == []
