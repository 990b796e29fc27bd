import pytest
from hypothesis import given
from hypothesis import strategies as st

from persidict import LocalDict, encode_key_component
from persidict.core.text_keys import key_from_text, text_from_key

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


@given(ANY_TEXT)
def test_short_texts_come_back(text):
    assert text_from_key(key_from_text(text)) == text


@given(st.lists(ANY_TEXT.filter(lambda text: "/" not in text), min_size=1, max_size=5))
def test_paths_come_back(parts):
    text = "/".join(parts)
    key = key_from_text(text, separator="/")
    assert len(key) == len(parts)
    assert text_from_key(key, separator="/") == text


@given(st.lists(ANY_TEXT, min_size=2, max_size=2, unique=True), st.integers(0, 300))
def test_different_texts_have_different_keys(texts, padding):
    one, other = (key_from_text("é" * padding + text) for text in texts)
    assert one != other


@pytest.mark.parametrize("text", ["x" * 254, "é" * 43, "a" * 159 + "é" * 50, "a" * 158 + "é" * 50])
def test_long_texts_get_a_readable_start_and_a_digest(text):
    key = key_from_text(text)
    assert len(key[0]) <= 253
    assert key[0].startswith(encode_key_component(text[:20]))
    d = LocalDict()
    d[key] = 1
    assert d[key_from_text(text)] == 1
    with pytest.raises(ValueError, match="was shortened"):
        text_from_key(key)


def test_the_longest_text_that_fits_comes_back():
    assert text_from_key(key_from_text("x" * 253)) == "x" * 253


def test_what_is_no_text():
    with pytest.raises(TypeError, match="must be a string, got int"):
        key_from_text(1)
    with pytest.raises(ValueError, match="empty separator"):
        key_from_text("a", separator="")


def test_what_is_no_key_of_a_text():
    with pytest.raises(ValueError, match="several components"):
        text_from_key(("a", "b"))
    with pytest.raises(ValueError, match="not the encoded form"):
        text_from_key("a=zz")
