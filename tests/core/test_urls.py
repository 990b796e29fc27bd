"""What URLs and paths say, on every system."""

import pathlib

import pytest

from persidict.core import open_store
from persidict.core._opening.urls import address_of


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("data", "data"),
        ("./data", "./data"),
        ("/abs/data", "/abs/data"),
        ("../a%20b", "../a%20b"),
        ("C:\\data", "C:\\data"),
        ("c:/data", "c:/data"),
        ("\\\\server\\share", "\\\\server\\share"),
        ("file:data", "data"),
        ("file:./data", "./data"),
        ("file:/abs/data", "/abs/data"),
        ("file:///abs/a%20b%23%3F%25", "/abs/a b#?%"),
        ("FILE://localhost/abs", "/abs"),
        ("file:///%C3%A4", "/ä"),
        ("./a:b", "./a:b"),
        ("a#b", "a#b"),
    ],
)
def test_directories(url, path, windows):
    assert address_of(url, windows=windows) == ("FileDirDict", {"base_dir": path}, {})


@pytest.mark.parametrize(
    ("url", "path", "elsewhere"),
    [
        ("file:///C:/data", "C:/data", "/C:/data"),
        ("file:///c:", "c:", "/c:"),
        ("file:C:/data", "C:/data", "C:/data"),
        ("file://server/share/x", "\\\\server\\share\\x", None),
    ],
)
def test_drives_and_shares(url, path, elsewhere):
    assert address_of(url, windows=True).place == {"base_dir": path}
    if elsewhere is None:
        with pytest.raises(ValueError, match="names the machine server"):
            address_of(url, windows=False)
    else:
        assert address_of(url, windows=False).place == {"base_dir": elsewhere}


def test_a_path_object_is_taken_literally():
    path = pathlib.PurePosixPath("s3:/x?format=json")
    assert address_of(path, windows=False) == ("FileDirDict", {"base_dir": str(path)}, {})


def test_home_is_known(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    assert address_of("~/data", windows=False).place["base_dir"].startswith("/home/me")


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        ("s3://bucket/a/b", "bucket", "a/b"),
        ("S3://bucket/a%2Fb%20c/", "bucket", "a/b c/"),
    ],
)
def test_buckets(url, bucket, prefix):
    place = {"bucket_name": bucket, "root_prefix": prefix}
    assert address_of(url, windows=False) == ("BasicS3Dict", place, {})


def test_queries():
    address = address_of(
        "s3://b/p?endpoint_url=http://127.0.0.1:9000/&base_dir=/a+b%26&format=json&region=",
        windows=False,
    )
    assert address.query == {
        "endpoint_url": "http://127.0.0.1:9000/",
        "base_dir": "/a+b&",
        "serialization_format": "json",
        "region": "",
    }
    assert address_of("./d?", windows=False).query == {}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "must not be empty"),
        ("?format=json", "must not be empty"),
        ("file:", "must not be empty"),
        ("file://localhost", "must not be empty"),
        ("http://example.com/x", "not http:"),
        ("foo:bar", r"begins with \./"),
        ("s3:bucket", "s3://bucket/prefix"),
        ("s3://", "s3://bucket/prefix"),
        ("s3:///prefix", "s3://bucket/prefix"),
        ("s3://b/p#x", "%23"),
        ("./d?format", "has no value"),
        ("./d?format=json&serialization_format=pkl", "twice"),
        ("./d?a=1&a=2", "twice"),
    ],
)
def test_refused(url, says):
    with pytest.raises(ValueError, match=says):
        address_of(url, windows=False)


@pytest.mark.parametrize(
    ("url", "params"),
    [
        ("./d", {"format": "json", "serialization_format": "pkl"}),
        ("./d?format=json", {"serialization_format": "pkl"}),
        ("./d?serialization_format=json", {"format": "pkl"}),
        ("./d?format=json", {"format": "json", "serialization_format": "pkl"}),
        ("s3://bucket/p?format=json", {"format": "pkl"}),
        ("./d?format=json", {"format": None}),
    ],
)
def test_formats_that_contradict_each_other(url, params):
    with pytest.raises(ValueError, match=r"a store has one format, got .* and .*: leave one out"):
        open_store(url, **params)


def test_credentials_are_refused_and_not_repeated():
    for url in ("s3://AKIA:secret@bucket/prefix", "s3://AKIA:sec/ret@bucket/prefix"):
        with pytest.raises(ValueError, match="credentials") as caught:
            address_of(url, windows=False)
        assert "sec" not in str(caught.value)


@pytest.mark.parametrize("target", [None, 5, b"data", ["data"]])
def test_wrong_types(target):
    with pytest.raises(TypeError, match="URL, a path or a description"):
        open_store(target)


def test_a_path_that_windows_takes_as_it_is():
    path = r"\\?\C:\data"
    assert address_of(path, windows=True) == ("FileDirDict", {"base_dir": path}, {})
    address = address_of(path + "?format=json", windows=True)
    assert address.place == {"base_dir": path}
    assert address.query
