"""Mistakes in constructors get an answer that says the right name."""

import inspect
import pickle

import pytest

import persidict
from persidict import EmptyDict, LocalDict, open_store


@pytest.mark.parametrize(
    ("cls", "wrong", "right"),
    [
        ("FileDirDict", "file_type", "serialization_format"),
        ("FileDirDict", "serialisation_format", "serialization_format"),
        ("FileDirDict", "dir_name", "base_dir"),
        ("FileDirDict", "immutable_items", "append_only"),
        ("FileDirDict", "basedir", "base_dir"),
        ("BasicS3Dict", "bucket", "bucket_name"),
        ("BasicS3Dict", "prefix", "root_prefix"),
        ("S3Dict", "endpoint", "endpoint_url"),
        ("BasicS3Dict", "aws_access_key_id", "client"),
        ("S3Dict", "region_name", "region"),
        ("LocalDict", "serializaton_format", "serialization_format"),
        ("WriteOnceDict", "main_dict", "wrapped_dict"),
        ("ExpiringDict", "ttl", "max_age"),
    ],
)
def test_a_misspelt_parameter(cls, wrong, right):
    if cls not in dir(persidict):
        pytest.skip(f"the part with {cls} is not installed")
    with pytest.raises(TypeError, match=f"{cls} has no parameter '{wrong}'.*mean '{right}'"):
        getattr(persidict, cls)(**{wrong: "x"})


def test_too_many_positional_arguments():
    with pytest.raises(TypeError, match=r"LocalDict takes nothing by position; name the .*append_"):
        LocalDict({"a": 1})
    file = pytest.importorskip("persidict.file")
    with pytest.raises(
        TypeError, match=r"FileDirDict takes only base_dir by position; name .*durab"
    ):
        file.FileDirDict("x", {"a": 1})


def test_a_parameter_of_unknown_meaning():
    with pytest.raises(TypeError, match=r"no parameter 'zzz' \(it has append_only"):
        LocalDict(zzz=1)
    pytest.importorskip("persidict.file")
    with pytest.raises(ValueError, match=r"'file_type'; did you mean 'serialization_format'"):
        open_store("./x?file_type=json")
    with pytest.raises(TypeError, match=r"'file_type'; did you mean 'serialization_format'"):
        open_store("./x", file_type="json")


def test_other_errors_stay_as_they_are():
    class Strict(EmptyDict):
        def __init__(self, size, **named):
            if not isinstance(size, int):
                raise TypeError("size must be an int")
            super().__init__(**named)
            self.size = size

    with pytest.raises(TypeError, match="size must be an int"):
        Strict("x", append_only=True)
    with pytest.raises(TypeError, match="required positional argument: 'size'"):
        Strict()
    with pytest.raises(TypeError, match=r"Strict has no parameter 'sise'|missing"):
        Strict(sise=1)
    assert Strict(3, append_only=True).get_params()["append_only"] is True
    assert list(inspect.signature(Strict).parameters) == ["size", "named"]


@pytest.mark.parametrize(
    ("given", "right"), [("JSON", "json"), (".json", "json"), ("pickle", "pkl"), ("PKL", "pkl")]
)
def test_a_misspelt_format(given, right):
    with pytest.raises(ValueError, match=f"did you mean '{right}'"):
        LocalDict(serialization_format=given)
    assert LocalDict(serialization_format=given, base_class_for_values=str) == {}


@pytest.mark.parametrize(
    "target",
    [
        "file://user:hunter2@host/data",
        "user:hunter2@host/data",
        "//user:hunter2@host/data",
        "s3://AKIA123456789012:hunter2/x@bucket/prefix",
        "s3:user:hunter2@bucket",
        "https://user:hunter2@host/bucket",
        "user%3Ahunter2%40host/data",
        "s3://bucket/p?endpoint_url=http://user:hunter2@host",
    ],
)
def test_no_message_shows_a_password(target):
    with pytest.raises(ValueError, match="credentials don't belong") as caught:
        open_store(target)
    assert "hunter2" not in str(caught.value)


def test_no_repr_shows_a_password():
    class WithUrl(EmptyDict):
        _secret_params = frozenset({"password"})

        def __init__(self, url, password):
            super().__init__()
            self.url, self.password = url, password

    d = WithUrl("https://user:hunter2@host/x", "hunter2")
    assert "hunter2" not in repr(d) + str(d)
    assert "host/x" in repr(d)
    with pytest.raises(TypeError, match="password stays") as caught:
        pickle.dumps(d)
    assert "hunter2" not in str(caught.value)
