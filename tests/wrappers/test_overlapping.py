import copy
import pickle

import pytest

from persidict.core import LocalBackend, LocalDict
from persidict.wrappers import OverlappingMultiDict


@pytest.fixture(name="shared")
def shared_fixture():
    return {"backend": LocalBackend(), "append_only": True}


@pytest.fixture(name="formats")
def formats_fixture(shared):
    return OverlappingMultiDict(
        dict_type=LocalDict,
        shared_subdicts_params=shared,
        pkl={"append_only": False},
        json={},
        md={"base_class_for_values": str},
    )


def test_one_dict_per_format(formats, shared):
    formats.pkl["a"] = 1
    formats.json["a"] = 2
    formats.md["a"] = "three"
    assert (formats.pkl["a"], formats.json["a"], formats.md["a"]) == (1, 2, "three")
    assert type(formats.json) is LocalDict
    assert formats.json.serialization_format == "json"
    assert formats.md.base_class_for_values is str
    assert LocalDict(backend=shared["backend"], serialization_format="json")["a"] == 2


def test_own_parameters_win_over_the_shared(formats):
    assert (formats.pkl.append_only, formats.json.append_only) == (False, True)


def test_format_is_the_name(shared):
    formats = OverlappingMultiDict(
        dict_type=LocalDict,
        shared_subdicts_params={**shared, "serialization_format": "pkl"},
        json={"serialization_format": "pkl"},
    )
    assert formats.json.serialization_format == "json"


def test_attributes(formats, shared):
    assert formats.dict_type is LocalDict
    assert formats.shared_subdicts_params == shared
    assert formats.individual_subdicts_params == {
        "pkl": {"append_only": False},
        "json": {},
        "md": {"base_class_for_values": str},
    }
    assert formats.subdicts_names == ["pkl", "json", "md"]
    with pytest.raises(AttributeError, match=r"csv.*json"):
        _ = formats.csv


def test_params_open_the_same_dicts(formats):
    formats.json["a"] = 1
    params = formats.get_params()
    assert list(params) == ["dict_type", "json", "md", "pkl", "shared_subdicts_params"]
    assert OverlappingMultiDict(**params).json["a"] == 1
    assert repr(formats).startswith("OverlappingMultiDict(dict_type=")


def test_is_no_mapping(formats):
    for use in (
        lambda: formats["a"],
        lambda: formats.__setitem__("a", 1),
        lambda: formats.__delitem__("a"),
        lambda: len(formats),
        lambda: list(formats),
        lambda: "a" in formats,
    ):
        with pytest.raises(TypeError):
            use()
    with pytest.raises(TypeError, match="json"):
        formats["a"]


def test_can_not_be_pickled(formats):
    for use in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="get_params"):
            use(formats)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"dict_type": dict}, TypeError, "dict_type"),
        ({"dict_type": 5}, TypeError, "dict_type"),
        ({"shared_subdicts_params": []}, TypeError, "shared_subdicts_params"),
        ({"json": 5}, TypeError, "json"),
        ({"json": {"no_such": 1}}, TypeError, "no_such"),
        ({"subdicts_names": {}}, ValueError, "subdicts_names"),
        ({"get_params": {}}, ValueError, "get_params"),
        ({"csv": {}}, ValueError, "csv"),
    ],
)
def test_construction(arguments, error, says):
    arguments = {"dict_type": LocalDict, "shared_subdicts_params": {}, **arguments}
    with pytest.raises(error, match=says):
        OverlappingMultiDict(**arguments)


def test_no_format_at_all():
    nothing = OverlappingMultiDict(dict_type=LocalDict, shared_subdicts_params={})
    assert nothing.subdicts_names == []
