"""Keys from strangers: valid, or refused with a word on why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persidict.core import LocalDict, NonEmptySafeStrTuple, SafeStrTuple, get_safe_chars

TRAVERSALS = [
    "..", ".", "../x", "a/../b", "/etc/passwd", "\\\\server\\share", "C:\\x", "C:", "~/x", "a/",
    "a\\b", "..\\..\\x", "file:///x", "%2e%2e%2f", "a\0b", "\0", "..\0", "a/./b", "//x",
]  # fmt: skip
CONTROLS = ["a\nb", "\r", "\t", "a\x7f", "\x1b[31m", "a\x00", " ", "a ", " a", "\x85", "\u2028"]
LOOK_ALIKES = [
    "\uff0e\uff0e", "\u2024\u2024", "a\u2215b", "a\uff0fb", "a\u2044b", "\u0430", "\uff21",
    "\u0661",
    "\u200b", "a\u202eb", "e\u0301", "\u00e9", "\ufeffa", "\ud800", "\U0001f600", "\u212a",
    "\u017f",
]  # fmt: skip
FORBIDDEN = [":", "*", "?", '"', "<", ">", "|", "+", ",", ";", "@", "&", "#", "%", "'", "`", "$"]


@pytest.mark.parametrize("text", [*TRAVERSALS, *CONTROLS, *LOOK_ALIKES, *FORBIDDEN, ""], ids=ascii)
@pytest.mark.parametrize("nested", [False, True])
def test_texts_that_are_no_components(text, nested):
    d = LocalDict()
    key = ["a", [[text], "b"]] if nested else text
    for act in (
        lambda: d.__setitem__(key, 1),
        lambda: d[key],
        lambda: d.discard(key),
        lambda: d.get_subdict(key),
        lambda: d.setdefault(key, 1),
        lambda: SafeStrTuple(key),
    ):
        with pytest.raises(ValueError, match="key component"):
            act()
    assert not d


def test_overlong_components():
    assert NonEmptySafeStrTuple("x" * 253)
    for length in (254, 255, 256, 4096, 10**6):
        with pytest.raises(ValueError, match="253") as caught:
            NonEmptySafeStrTuple("x" * length)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "wrong", [1, None, b"a", 1.5, {"a": 1}, {"a"}, object(), bytearray(b"a"), iter(["a"]), int, ...]
)
def test_wrong_types(wrong):
    d = LocalDict()
    for key in (wrong, ("a", wrong), [[wrong]]):
        for act in (lambda key=key: d.__setitem__(key, 1), lambda key=key: d.discard(key)):
            with pytest.raises(TypeError, match="a key is made of strings"):
                act()


def test_deep_and_endless_nesting():
    deep = "a"
    for _ in range(10_000):
        deep = [deep]
    endless = []
    endless.append(endless)
    for key in (deep, endless, ["a", endless]):
        with pytest.raises(ValueError, match="nests"):
            NonEmptySafeStrTuple(key)


class Liar(str):
    """Text that shows a face to every question."""

    def __str__(self):
        return "harmless"

    __repr__ = __str__

    def __len__(self):
        return 1

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("harmless")

    def __iter__(self):
        return iter("harmless")

    def __contains__(self, item):
        return False

    def encode(self, *_):
        return b"harmless"

    def strip(self, *_):
        return self


@pytest.mark.parametrize("text", ["../x", "a/b", "", "x" * 300])
def test_text_that_lies(text):
    for key in (Liar(text), ("a", Liar(text)), [Liar(text)]):
        with pytest.raises(ValueError):
            NonEmptySafeStrTuple(key)


def test_text_of_a_subclass_becomes_plain_text():
    (component,) = NonEmptySafeStrTuple(Liar("fine"))
    assert type(component) is str
    assert component == "fine"


class Forged(NonEmptySafeStrTuple):
    """A key class whose components were never checked, or are others each time."""

    def __new__(cls, *parts):
        return tuple.__new__(cls, parts)


class Changing(NonEmptySafeStrTuple):
    """Valid where it is looked at, something else where it is used."""

    def __iter__(self):
        return iter(("..", "..", "etc"))

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return "../x"


@pytest.mark.parametrize(
    "key", [Forged("../../x"), Forged("a", ""), Forged(1), Changing("a"), ("a", Forged(".."))]
)
def test_keys_of_classes_that_anybody_can_derive(key):
    d = LocalDict()
    for act in (
        lambda: d.__setitem__(key, 1),
        lambda: d[key],
        lambda: d.get_subdict(key),
        lambda: NonEmptySafeStrTuple(key),
        lambda: SafeStrTuple("a") + key,
    ):
        with pytest.raises((TypeError, ValueError), match="key"):
            act()
    assert not d


def test_derived_classes_of_good_behaviour_are_keys():
    class Mine(NonEmptySafeStrTuple):
        pass

    d = LocalDict()
    d[Mine("a", "b")] = 1
    assert dict(d) == {("a", "b"): 1}
    assert {type(key) for key in d} == {NonEmptySafeStrTuple}


anything = st.recursive(
    st.text(max_size=5)
    | st.integers()
    | st.none()
    | st.binary(max_size=3)
    | st.sampled_from(TRAVERSALS),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


@given(anything)
def test_any_object_is_a_valid_key_or_refused(key):
    try:
        made = NonEmptySafeStrTuple(key)
    except (TypeError, ValueError) as error:
        assert str(error)
        return
    assert made
    for component in made:
        assert type(component) is str
        assert set(component) <= get_safe_chars()
        assert component not in (".", "..")
        assert 1 <= len(component) <= 253
