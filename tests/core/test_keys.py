import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persidict.core import (
    NonEmptySafeStrTuple,
    SafeStrTuple,
    decode_key_component,
    encode_key_component,
    get_safe_chars,
    replace_unsafe_chars,
)

SAFE = "".join(sorted(get_safe_chars()))
components = st.text(SAFE, min_size=1, max_size=253).filter(lambda text: text not in (".", ".."))
flat_keys = st.lists(components, min_size=1, max_size=5)
nested = st.recursive(components, lambda inner: st.lists(inner, min_size=1, max_size=3))
any_text = st.text(st.characters() | st.characters(categories=["Cs"]))


def flatten(parts):
    return [parts] if isinstance(parts, str) else [x for part in parts for x in flatten(part)]


@given(nested)
def test_nested_sequences_are_flattened_left_to_right(parts):
    assert NonEmptySafeStrTuple(parts).strings == tuple(flatten(parts))
    assert tuple(NonEmptySafeStrTuple(parts, parts)) == tuple(flatten([parts, parts]))


@given(flat_keys, flat_keys)
def test_equality_and_hash_are_those_of_the_tuple(one, other):
    key, second = NonEmptySafeStrTuple(one), NonEmptySafeStrTuple(other)
    assert key == tuple(one) == key
    assert key == one
    assert key == SafeStrTuple(one)
    assert hash(key) == hash(tuple(one)) == hash(SafeStrTuple(one))
    assert (key == second) is (one == other)
    assert (key != second) is (one != other)
    assert (key < second) is (one < other)
    assert {key} == {tuple(one)}
    assert key + second == NonEmptySafeStrTuple(one, other) == one + second
    assert type(key + second) is NonEmptySafeStrTuple


@given(flat_keys)
def test_round_trips(parts):
    key = NonEmptySafeStrTuple(parts)
    again = pickle.loads(pickle.dumps(key))
    assert again == key
    assert type(again) is NonEmptySafeStrTuple
    assert copy.copy(key) is copy.deepcopy(key) is key
    assert NonEmptySafeStrTuple(key) is key
    assert eval(repr(key)) == key


def test_equality_with_what_is_no_key():
    key = NonEmptySafeStrTuple("a")
    assert key == "a"
    for other in ("b", "a/b", 5, None, [1], ["a", "b"], {"a": 1}):
        assert key != other
        assert not key == other  # noqa: SIM201  # both operators are defined


def test_prefixes_may_be_empty_and_keys_may_not():
    assert SafeStrTuple() == () == SafeStrTuple([], ((),))
    assert type(SafeStrTuple() + "a") is NonEmptySafeStrTuple
    assert type(SafeStrTuple() + ()) is SafeStrTuple  # noqa: RUF005  # the operator is tested
    for nothing in ((), ([],), (((), []),), (SafeStrTuple(),)):
        with pytest.raises(ValueError, match="at least one component"):
            NonEmptySafeStrTuple(*nothing)


@pytest.mark.parametrize(
    ("component", "rule"),
    [
        ("", "is empty"),
        (".", "directory"),
        ("..", "directory"),
        ("a" * 254, "254 characters; at most 253"),
        ("a/b", "has '/'"),
        ("a b\n", "' \\\\n'"),
        ("ä", "has 'ä'"),
        ("a\0", "x00"),
        ("٣", "allowed are ASCII"),
    ],
    ids=repr,
)
def test_bad_text_is_shown_with_the_rule_it_breaks(component, rule):
    with pytest.raises(ValueError, match=rule) as caught:
        NonEmptySafeStrTuple("good", component)
    assert repr(component)[:50] in str(caught.value)


@pytest.mark.parametrize("wrong", [None, 1, 1.5, b"a", {"a": 1}, {"a"}, object], ids=repr)
def test_wrong_types(wrong):
    for parts in (wrong, ["a", wrong], [["a", [wrong]]]):
        with pytest.raises(TypeError, match=type(wrong).__name__):
            SafeStrTuple(parts)


def test_keyword_arguments_and_endless_nesting():
    with pytest.raises(TypeError, match="keyword"):
        NonEmptySafeStrTuple("a", b="c")
    endless = []
    endless.append(endless)
    with pytest.raises(ValueError, match="deep"):
        NonEmptySafeStrTuple(endless)


def test_immutable():
    key = NonEmptySafeStrTuple("a")
    with pytest.raises(AttributeError):
        key.strings = ("b",)
    with pytest.raises(AttributeError):
        key.other = 1


def test_strings_of_subclasses_become_plain():
    class Text(str):
        def __str__(self):
            return "misleading"

    (component,) = NonEmptySafeStrTuple(Text("a"))
    assert type(component) is str
    assert component == "a"


def test_safe_characters():
    chars = get_safe_chars()
    chars.clear()
    assert len(get_safe_chars()) == 26 + 26 + 10 + len("()_-~.=")
    assert replace_unsafe_chars("a b/ä.", "") == "ab."
    assert replace_unsafe_chars("a/b", "--") == "a--b"


@given(any_text)
def test_any_text_can_be_encoded_and_comes_back(text):
    encoded = encode_key_component(text)
    assert decode_key_component(encoded) == text
    assert encoded
    assert encoded not in (".", "..")
    assert set(encoded) <= get_safe_chars()


@given(components.filter(lambda text: "=" not in text))
def test_safe_text_stays_readable(text):
    assert encode_key_component(text) == text


@given(any_text, any_text)
def test_different_texts_differ_encoded(one, other):
    assert (encode_key_component(one) == encode_key_component(other)) is (one == other)


@given(st.text(SAFE, max_size=6) | st.text("=abAB12E", max_size=8) | any_text)
def test_decoding_accepts_only_what_encoding_gives(component):
    try:
        text = decode_key_component(component)
    except ValueError as error:
        assert repr(component) in str(error)  # both ways are right
    else:
        assert encode_key_component(text) == component


@pytest.mark.parametrize("function", [encode_key_component, decode_key_component])
def test_only_text_is_encoded(function):
    with pytest.raises(TypeError, match="bytes"):
        function(b"a")
