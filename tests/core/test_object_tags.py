"""`object_tags=False`: JSON that can't run code, neither written nor read."""

import json
import math
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persidict.core import DecodingError, EncodingError, NonEmptySafeStrTuple
from tests.core.blob_stores import CANARY, MemoryBlobs

ROOT = Path(__file__).parents[2]
K = NonEmptySafeStrTuple("k")


@pytest.fixture(autouse=True)
def no_code_ran():
    CANARY.clear()
    yield
    assert not CANARY


def store(**params):
    return MemoryBlobs(serialization_format="json", object_tags=False, **params)


# Hypothesis finds interesting texts in the code that it tests.
names = st.text(max_size=3).filter(lambda text: not text.startswith(("py/", "json://")))
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner),
    max_leaves=8,
)


@given(plain)
def test_what_json_has_a_form_for_comes_back(value):
    d = store()
    d["k"] = value
    again = d["k"]
    # Not ==, since NaN is not equal to itself.
    assert repr(again) == repr(value)
    stored = d.stored[K]
    assert repr(MemoryBlobs(serialization_format="json", stored={K: stored})["k"]) == repr(value)


@pytest.mark.parametrize(
    "value", [["py/object", {"a": "py/tuple"}], "json://x", math.nan, -math.inf, 2**70, "\ud800"]
)
def test_unusual_values_need_no_tags(value):
    d = store()
    d["k"] = value
    assert repr(d["k"]) == repr(value)
    assert repr(json.loads(d.stored[K])) == repr(value)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ((1, 2), "a tuple"),
        ([{"a": {1}}], "a set"),
        (b"x", "a bytes"),
        (1j, "a complex"),
        ({1: 2}, "the key 1"),
        ({"py/object": "os.system"}, "the key 'py/object'"),
        ([{"a": {"json://1": 2}}], "the key 'json://1'"),
        (print, "a builtin_function"),
        ({"a": object()}, "a object"),
    ],
)
def test_what_needs_tags_is_not_written(value, what):
    d = store()
    d["k"] = "old"
    with pytest.raises(EncodingError, match=f"{what}.*object_tags=False"):
        d["k"] = value
    assert d["k"] == "old"


def test_cycles_and_depths_are_refused():
    endless = []
    endless.append(endless)
    deep = []
    for _ in range(100_000):
        deep = [deep]
    d = store()
    for value in (endless, {"a": endless}, deep):
        with pytest.raises(EncodingError):
            d["k"] = value
    d.stored[K] = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(DecodingError):
        d["k"]


HOSTILE = [
    {
        "py/reduce": [
            {"py/function": "builtins.exec"},
            {"py/tuple": ["from tests.core.blob_stores import CANARY; CANARY.append(1)"]},
        ]
    },
    {"py/object": "subprocess.Popen"},
    {"py/repr": "os/os.system('true')"},
    {"py/type": "os.system"},
    [{"a": [{"py/id": 1}]}],
    {'json://{"py/object": "x"}': 1},
]


@pytest.mark.parametrize("tags", HOSTILE, ids=repr)
def test_tags_are_not_read(tags):
    d = store()
    d.stored[K] = json.dumps(tags).encode()
    for read in (lambda: d["k"], lambda: d.get("k"), lambda: list(d.values())):
        with pytest.raises(DecodingError, match="object_tags=False"):
            read()


@pytest.mark.parametrize(
    "key", ["\\u0070y/object", "py\\/object", "py\\u002fobject", "py\\u002Fobject"]
)
def test_tags_with_escaped_letters_are_tags(key):
    text = f'{{"a": [{{"{key}": "blob_stores.Canary"}}]}}'.encode()
    d = store()
    d.stored[K] = text
    with pytest.raises(DecodingError, match=r"py/object.*object_tags=False"):
        d["k"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_tags_in_other_encodings_are_tags(encoding):
    d = store()
    d.stored[K] = '{"py/object": "subprocess.Popen"}'.encode(encoding)
    with pytest.raises(DecodingError):
        d["k"]


def test_slashes_and_escapes_in_texts_are_data():
    text = '[{"a/py/object": "py/object"}, {"\\u0041": "\\/json://"}]'
    for tags in (True, False):
        d = MemoryBlobs(serialization_format="json", object_tags=tags, stored={K: text.encode()})
        assert d["k"] == [{"a/py/object": "py/object"}, {"A": "/json://"}]


def test_what_the_tags_would_do():
    pytest.importorskip("jsonpickle")
    d = MemoryBlobs(serialization_format="json", stored={K: json.dumps(HOSTILE[0]).encode()})
    d.get("k")
    assert CANARY == [1]
    CANARY.clear()


def test_only_json_and_text_can_promise_it():
    with pytest.raises(ValueError, match="object_tags=False is for 'json'"):
        MemoryBlobs(object_tags=False)
    text = MemoryBlobs(serialization_format="txt", base_class_for_values=str, object_tags=False)
    text["k"] = "x"
    assert text["k"] == "x"
    assert store().get_params()["object_tags"] is False


def test_jsonpickle_is_never_imported():
    program = """
        import sys
        from tests.core.blob_stores import MemoryBlobs
        from persidict.core import PersiDictError, NonEmptySafeStrTuple
        d = MemoryBlobs(serialization_format="json", object_tags=False)
        d["a"] = {"b": [1, float("nan"), 2**70]}
        d["a"]
        for value in ((1,), {1: 2}, object()):
            try:
                d["b"] = value
            except PersiDictError:
                pass
            else:
                raise SystemExit("written")
        d.stored[NonEmptySafeStrTuple("c")] = b'{"py/tuple": [1]}'
        try:
            d["c"]
        except PersiDictError:
            pass
        assert "jsonpickle" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, cwd=ROOT)
