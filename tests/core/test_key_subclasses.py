"""Keys can be subclassed like ordinary classes, and instances are accepted as keys."""

import abc
import copy
import pickle
from dataclasses import dataclass, field
from functools import cached_property, singledispatch
from typing import Generic, TypeVar

import pytest

from persidict.core import LocalDict, NonEmptySafeStrTuple, PersiDict, SafeStrTuple

Kind = TypeVar("Kind")


class Address(NonEmptySafeStrTuple):
    """Has parameters of its own, and calls its base by name."""

    def __init__(self, a, b, *, option=None):
        NonEmptySafeStrTuple.__init__(self, a, b[:1], b[1:])
        self.option = option

    @cached_property
    def joined(self):
        return "-".join(self)

    @property
    def first(self):
        return self.strings[0]


class BySuper(SafeStrTuple):
    def __init__(self, *parts, note="none"):
        super().__init__("root", *parts)
        self.note = note


class Slotted:
    __slots__ = ("weight",)


class WithSlots(SafeStrTuple, Slotted):
    def __init__(self, part, weight):
        SafeStrTuple.__init__(self, part)
        self.weight = weight


class OwnSlots(SafeStrTuple):
    __slots__ = ("weight",)

    def __init__(self, part, weight):
        super().__init__(part)
        self.weight = weight


class Describing(abc.ABC):
    @abc.abstractmethod
    def describe(self): ...


class WithAbc(Describing, NonEmptySafeStrTuple, Generic[Kind]):
    def __init__(self, part, weight=1):
        super().__init__(part)
        self.weight = weight

    def describe(self):
        return f"{self.weight} of {self[0]}"


@dataclass(frozen=True, eq=False)
class Frozen(NonEmptySafeStrTuple):
    part: str
    weight: int = field(default=1)

    def __post_init__(self):
        SafeStrTuple.__init__(self, self.part)


class Grandchild(Address):
    def __init__(self, b):
        super().__init__("grand", b, option="child")


class Stateful(SafeStrTuple):
    """Decides itself what of it is pickled."""

    def __init__(self, part):
        super().__init__(part)
        self.connection = object()

    def __getstate__(self):
        return {"strings": self.strings}

    def __setstate__(self, state):
        self.strings = state["strings"]
        self.connection = "again"


MADE = [
    (Address("a", "bcd", option=3), ("a", "b", "cd"), {"option": 3}),
    (BySuper("x", note="y"), ("root", "x"), {"note": "y"}),
    (WithSlots("a", 2), ("a",), {"weight": 2}),
    (OwnSlots("a", 2), ("a",), {"weight": 2}),
    (WithAbc("a", weight=4), ("a",), {"weight": 4}),
    (Frozen("a", 5), ("a",), {"weight": 5}),
    (Grandchild("bc"), ("grand", "b", "c"), {"option": "child"}),
    (Stateful("a"), ("a",), {}),
]
every = pytest.mark.parametrize(
    ("key", "strings", "attributes"), MADE, ids=[type(made[0]).__name__ for made in MADE]
)


@every
def test_it_behaves_like_a_key(key, strings, attributes):
    plain = NonEmptySafeStrTuple(strings)
    assert isinstance(key, SafeStrTuple)
    assert issubclass(type(key), SafeStrTuple)
    assert isinstance(key, NonEmptySafeStrTuple) is issubclass(type(key), NonEmptySafeStrTuple)
    assert key.strings == tuple(key) == strings
    assert {name: getattr(key, name) for name in attributes} == attributes
    for other in (plain, strings, list(strings), SafeStrTuple(strings)):
        assert key == other
        assert other == key
        assert not key != other  # noqa: SIM202  # both operators are defined
        assert not other != key  # noqa: SIM202
    for other in (plain + "z", (*strings, "z"), 5, None, "never/a/key"):
        assert key != other
        assert other != key
    assert hash(key) == hash(strings)
    assert {plain: 1, (1,): 2}[key] == {strings: 1}[key] == {key: 1}[plain] == 1
    assert len(key) == len(strings)
    assert (key[0], key[-1], key[:1]) == (strings[0], strings[-1], strings[:1])
    assert strings[0] in key
    assert "never" not in key
    assert key.index(strings[-1]) == len(strings) - 1
    assert key.count(strings[0]) == 1
    assert type(key + "z") is type("z" + key) is type(key + key) is NonEmptySafeStrTuple
    assert (key + "z", "z" + key) == ((*strings, "z"), ("z", *strings))
    assert isinstance(reversed(key), SafeStrTuple)
    assert reversed(key) == strings[::-1]
    assert key < plain + "z" > key
    assert key <= plain <= key
    assert key >= strings >= key
    assert not key > plain
    assert sorted([plain + "z", key]) == [key, plain + "z"]


@every
@pytest.mark.parametrize(
    "again",
    [
        copy.copy,
        copy.deepcopy,
        *[lambda key, p=p: pickle.loads(pickle.dumps(key, p)) for p in range(2, 6)],
    ],
    ids=["copy", "deepcopy", *[f"pickle {p}" for p in range(2, 6)]],
)
def test_copies_keep_class_and_attributes(key, strings, attributes, again):
    twin = again(key)
    assert type(twin) is type(key)
    assert twin.strings == strings
    assert {name: getattr(twin, name) for name in attributes} == attributes


@every
def test_it_is_accepted_wherever_a_key_is(key, strings, attributes):
    d = LocalDict()
    d[key] = 1
    assert (d[strings], d[key], key in d, d.get(key)) == (1, 1, True, 1)
    assert {type(found) for found in d} == {NonEmptySafeStrTuple}
    assert d.etag(key) == d.etag(strings)
    d["above", key, "below"] = 2
    assert d.get_subdict("above").get_subdict(key)["below"] == 2
    assert SafeStrTuple(key, "x") == (*strings, "x")
    assert dict(d.get_many([key])) == {strings: 1}
    assert dict(d)[key] == 1
    assert d.pop(key) == 1
    with pytest.raises(KeyError) as caught:
        d[key]
    assert type(caught.value.args[0]) is NonEmptySafeStrTuple


class Typed(SafeStrTuple):
    """Equal to its own class only."""

    def __init__(self, part, *, case=True):
        super().__init__(part)
        self.case = case

    def __eq__(self, other):
        return type(other) is Typed and self.strings == other.strings

    def __hash__(self):
        return hash((Typed, self.strings))


class Caseless(NonEmptySafeStrTuple):
    def __eq__(self, other):
        return [part.lower() for part in self] == [part.lower() for part in other]

    __hash__ = NonEmptySafeStrTuple.__hash__


def test_its_own_equality_decides_on_either_side():
    plain = NonEmptySafeStrTuple("a")
    typed = Typed("a")
    for other in (plain, ("a",), BySuper(), SafeStrTuple("a")):
        assert typed != other
        assert other != typed
        assert not other == typed  # noqa: SIM201
    assert typed == Typed("a", case=False)
    assert hash(typed) != hash(plain)
    shouting = Caseless("A")
    for other in (plain, ("a",), ["a"], SafeStrTuple("a")):
        assert shouting == other
        assert other == shouting
        assert not other != shouting  # noqa: SIM202
    assert hash(shouting) == hash(("A",))


def test_methods_may_be_called_through_the_public_class():
    key = Address("a", "bc")
    plain = NonEmptySafeStrTuple("a", "b", "c")
    for one in (key, plain):
        assert SafeStrTuple.__len__(one) == 3
        assert list(SafeStrTuple.__iter__(one)) == ["a", "b", "c"]
        assert SafeStrTuple.__hash__(one) == hash(("a", "b", "c"))
        assert SafeStrTuple.__eq__(one, ("a", "b", "c"))
        assert SafeStrTuple.__getitem__(one, 1) == "b"
        assert SafeStrTuple.__contains__(one, "b")
        assert NonEmptySafeStrTuple.__add__(one, "d") == ("a", "b", "c", "d")
        assert SafeStrTuple.__repr__(one) == f"{type(one).__name__}(('a', 'b', 'c'))"


def test_components_are_validated():
    for wrong in ("a/b", "", "..", 5, None):
        with pytest.raises((TypeError, ValueError), match="key"):
            BySuper(wrong)
    with pytest.raises(ValueError, match="at least one component"):
        type("Nothing", (NonEmptySafeStrTuple,), {})()
    with pytest.raises(TypeError, match="keyword"):
        type("Nothing", (SafeStrTuple,), {})("a", b="c")
    with pytest.raises(TypeError, match="abstract"):
        type("StillAbstract", (Describing, SafeStrTuple), {})("a")


def test_a_subclass_may_create_its_instances_itself():
    class Interned(SafeStrTuple):
        known: dict = {}  # noqa: RUF012  # a test's

        def __new__(cls, part):
            return cls.known.setdefault(part, SafeStrTuple.__new__(cls))

        def __init__(self, part):
            super().__init__(part)

    assert Interned("a") is Interned("a") == ("a",)

    class Tuple(NonEmptySafeStrTuple):
        def __new__(cls, part):
            return super().__new__(cls, "first", part)

    assert Tuple("a") == ("first", "a")
    assert isinstance(Tuple("a"), tuple)
    assert LocalDict().get(Tuple("a")) is None


def test_dispatch_by_class():
    @singledispatch
    def kind(_):
        return "other"

    @kind.register
    def _(_: SafeStrTuple):
        return "key"

    assert [kind(one) for one in (Address("a", "bc"), NonEmptySafeStrTuple("a"), ("a",))] == [
        "key",
        "key",
        "other",
    ]


def test_dicts_of_classes_of_their_own_get_their_arguments():
    class Named(LocalDict):
        def __init__(self, name, *, backend=None, **named):
            super().__init__(backend=backend, **named)
            self.name = name

    d = Named("mine", append_only=True)
    d["a"] = 1
    assert (d.name, d.append_only, isinstance(d, PersiDict)) == ("mine", True, True)
    assert d.get_subdict("x").name == "mine"
