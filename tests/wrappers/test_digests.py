"""Digests of arguments: the same everywhere for the same, and different for what differs."""

import copy
import enum
import importlib.resources
import importlib.util
import io
import json
import math
import os
import pickle
import re
import subprocess
import sys
from collections import OrderedDict, deque
from dataclasses import dataclass, make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, localcontext
from functools import cached_property, partial, wraps
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persidict.wrappers import stable_digest


def load_samples():
    """Load them under the name that they have as a script: it is part of the digests of classes."""
    path = Path(__file__).with_name("digest_samples.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


digest_samples = load_samples()
GROUPS = ["plain"]
if importlib.util.find_spec("numpy") and importlib.util.find_spec("pandas"):
    GROUPS.append("arrays")
try:
    digest_samples.zones()
except Exception:  # noqa: BLE001  # no time zones on this machine
    print("no time zones here")
else:
    GROUPS.append("zones")

# A busy machine is no reason to fail.
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAIVE = datetime.fromisoformat("2024-01-01")

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.uuids(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.timedeltas(),
    st.complex_numbers(allow_nan=False),
)
HASHABLE = st.recursive(
    ATOMS, lambda inner: st.lists(inner).map(tuple) | st.frozensets(inner), max_leaves=5
)
ANYTHING = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(HASHABLE, inner)
        | st.sets(HASHABLE)
    ),
    max_leaves=12,
)


def in_another_process(seed, *command):
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    script = Path(__file__).with_name("digest_samples.py")
    done = subprocess.run(
        [sys.executable, *command, str(script), *GROUPS],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("command", [["1"], ["2", "-O"]], ids=" ".join)
def test_processes_agree(command):
    here = digest_samples.digests(*GROUPS)
    assert len(set(here.values())) == len(here)
    assert in_another_process(*command) == here


def test_other_versions_of_python_agree():
    """The figures of one version are those of all; a change to them makes all stores forget."""
    figures = json.loads(Path(__file__).with_name("digests.json").read_text())
    here = digest_samples.digests("plain")
    if os.name == "nt":  # a path of Windows is another value than one of POSIX
        assert here.pop("identifiers") != figures.pop("identifiers")
    assert here == figures


@pytest.mark.slow
@SETTINGS
@given(ANYTHING)
def test_copies_agree(value):
    expected = stable_digest(value)
    assert stable_digest(copy.deepcopy(value)) == expected
    assert stable_digest(pickle.loads(pickle.dumps(value))) == expected


def normal(value):
    """What two values must share to be one argument: types and texts, all the way down."""
    kind = type(value).__name__
    if isinstance(value, (set, frozenset)):
        return kind, frozenset(map(normal, value))
    if isinstance(value, dict):
        return kind, frozenset((normal(k), normal(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return kind, tuple(map(normal, value))
    if isinstance(value, Decimal):
        return kind, value.as_tuple()
    if isinstance(value, complex):
        return kind, repr(value.real), repr(value.imag)
    return kind, repr(value)


@pytest.mark.slow
@SETTINGS
@given(ANYTHING, ANYTHING)
def test_only_what_is_alike_agrees(one, other):
    assert (stable_digest(one) == stable_digest(other)) is (normal(one) == normal(other))


@SETTINGS
@given(st.lists(st.tuples(HASHABLE, st.integers())), st.randoms(use_true_random=False))
def test_order_of_dicts_and_sets_does_not_matter(pairs, random):
    pairs = list(dict(pairs).items())
    shuffled = random.sample(pairs, len(pairs))
    assert stable_digest(dict(pairs)) == stable_digest(dict(shuffled))
    assert stable_digest({key for key, _ in pairs}) == stable_digest({key for key, _ in shuffled})


@pytest.mark.parametrize(
    "different",
    [
        [1, True, 1.0, "1", b"1", 1 + 0j, Decimal(1), [1], (1,), {1}, frozenset({1}), {1: None}],
        [0.0, -0.0, float("nan")],
        [["a", "bc"], ["ab", "c"], ["abc"], [["a", "bc"]], ["a", ["bc"]]],
        [[1, 2], [12], [1, [2]], [[1], 2], [1, 2, None]],
        [[], [[]], (), {}, set(), "", b"", None],
        [Decimal("1.0"), Decimal("1.00")],
        [{"a": 1, "b": 2}, {"a": 2, "b": 1}, OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)],
        [date(2024, 1, 1), NAIVE, NAIVE.replace(fold=1), NAIVE.replace(tzinfo=UTC)],
        [time(0), time(0, fold=1), time(0, tzinfo=UTC), timedelta(0), UTC],
        [timezone(timedelta(hours=1)), timezone(timedelta(hours=1), "CET")],
        [digest_samples.Number.ONE, 1, digest_samples.Colour.RED, digest_samples.Number],
        [digest_samples.Point(1, set()), digest_samples.Point(2, set()), {"x": 1, "tags": set()}],
        [digest_samples.Pair(1, 2), (1, 2)],
        [bytearray(b"x"), b"x"],
        [int, "int", len],
    ],
    ids=repr,
)
def test_what_differs_has_another_digest(different):
    assert len({stable_digest(value) for value in different}) == len(different)


def test_the_context_of_decimals_does_not_matter():
    value = Decimal("1E+30")
    expected = stable_digest(value)
    with localcontext(capitals=0, prec=3):
        assert stable_digest(value) == expected


def test_equal_nans_and_big_numbers():
    assert stable_digest(float("nan")) == stable_digest(math.nan) == stable_digest(-math.nan)
    assert stable_digest(10**5000) != stable_digest(10**5000 + 1)
    assert stable_digest([10**5000, 1]) != stable_digest([10**5000, 2])


def test_positional_and_named_arguments():
    assert stable_digest(1, a=2, b=3) == stable_digest(1, b=3, a=2)
    assert stable_digest(1, 2) != stable_digest(2, 1)
    assert len(stable_digest()) == 40


Unhashed = make_dataclass("Unhashed", ["content"])


@pytest.mark.parametrize(
    "value",
    [
        object(),
        lambda: 1,
        (i for i in "a"),
        partial(int, "1"),
        test_equal_nans_and_big_numbers.__get__(1),
        [1, [object()]],
        {"a": object()},
        memoryview(b"a"),
        type("Text", (str,), {})("a"),
        Unhashed(object()),
        make_dataclass("List", ["content"], bases=(list,))(1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_stable_form_is_refused(value):
    with pytest.raises(TypeError, match="the argument 'model' has no stable form"):
        stable_digest(model=value)


def test_what_contains_itself_is_refused():
    for cycle in ([], {}):
        if isinstance(cycle, list):
            cycle.append(cycle)
        else:
            cycle["a"] = cycle
        with pytest.raises(TypeError, match="contains itself"):
            stable_digest(cycle)


def test_names_that_lead_elsewhere_are_refused():
    def local():
        """Not found by its name."""

    shadowed = type("int", (), {"__module__": "builtins"})
    for value in (local, shadowed):
        with pytest.raises(TypeError, match="no stable form"):
            stable_digest(value)


def test_a_class_of_a_script_that_no_name_leads_to_is_refused():
    other = enum.Enum("Level", {"A": 1}, module="__main__")
    with pytest.raises(TypeError, match=r"__main__\.Level"):
        stable_digest(other.A)


def test_nanoseconds_of_polars():
    pl = pytest.importorskip("polars")
    numbers = pl.Series([1, 2, 1001, None])
    for kind in (pl.Datetime("ns"), pl.Datetime("ns", "UTC"), pl.Duration("ns"), pl.Time):
        moments = [numbers[i : i + 1].cast(kind) for i in range(len(numbers))]
        lists = [pl.Series([one]) for one in moments]
        structs = [one.to_frame().to_struct() for one in moments]
        everything = [*moments, *lists, *structs, numbers]
        assert len(set(map(stable_digest, everything))) == len(everything), kind
        assert stable_digest(moments[0]) == stable_digest(numbers[:1].cast(kind))
        odd = pl.DataFrame({"c": pl.Series(["x"], dtype=pl.Categorical), "t": moments[0]})
        assert stable_digest(odd)
        with pytest.raises(TypeError, match="no stable form"):
            stable_digest(odd.to_struct())


def test_other_columns_of_polars():
    pl = pytest.importorskip("polars")
    different = [
        pl.Series(["x"], dtype=pl.Categorical),
        pl.Series(["x"], dtype=pl.Enum(["x", "y"])),
        pl.Series(["x"], dtype=pl.Enum(["y", "x"])),
        pl.Series(["y"], dtype=pl.Enum(["y", "x"])),
        pl.Series([1], dtype=pl.Int128),
        pl.Series([Decimal("1.0")]),
        pl.Series([Decimal("1.00")]),
        pl.Series([date(2024, 1, 1)]),
        pl.Series([date(2024, 1, 2)]),
        pl.Series([None]),
    ]
    assert len(set(map(stable_digest, different))) == len(different)


def test_attributes_of_pandas():
    pd = pytest.importorskip("pandas")
    for plain in (pd.Series([1]), pd.DataFrame({"a": [1]})):
        marked = plain.copy()
        marked.attrs["unit"] = "m"
        assert stable_digest(marked) != stable_digest(plain)


def test_nanoseconds_of_arrow():
    pd = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")

    def column(kind):
        return pd.Series([1, 2], dtype="int64[pyarrow]").astype(pd.ArrowDtype(kind))

    for kind in (pa.timestamp("ns"), pa.duration("ns")):
        assert stable_digest(column(kind)[:1]) != stable_digest(column(kind)[1:])
    with pytest.raises(TypeError, match="no stable form"):
        stable_digest(column(pa.time64("ns")))


class Permission(enum.IntFlag):
    READ = 4
    WRITE = 2


class Open(enum.Flag, boundary=enum.KEEP):
    ONE = 1


class Planet(enum.Enum):
    EARTH = 1


@dataclass
class Named:
    name: str

    @cached_property
    def upper(self):
        return self.name.upper()


@dataclass(frozen=True)
class Frozen:
    name: str

    @cached_property
    def upper(self):
        return self.name.upper()


class Child(Named):
    pass


@dataclass(slots=True)
class Slotted:
    name: str


class SlotChild(Slotted):
    __slots__ = ("state",)


class Columns(NamedTuple):
    name: str


class Row(Columns):
    """It has a dict."""


def with_state(thing, state):
    thing.state = state
    return thing


@pytest.mark.parametrize(
    "make",
    [
        lambda state: with_state(Named("a"), state),
        lambda state: with_state(Child("a"), state),
        lambda state: with_state(SlotChild("a"), state),
        lambda state: with_state(Row("a"), state),
        lambda state: with_state(copy.copy(Planet.EARTH), state),
    ],
    ids=["data class", "its child", "slot", "named tuple", "enum member"],
)
def test_attributes_that_are_no_fields_count(make):
    first = stable_digest(make(1))
    assert stable_digest(make(2)) != first
    assert stable_digest(make(1)) == first
    with pytest.raises(TypeError, match="no stable form"):
        stable_digest(make(object()))


def test_cached_properties_of_frozen_classes_do_not_count():
    read, unread = Frozen("a"), Frozen("a")
    assert read.upper == "A"
    assert stable_digest(read) == stable_digest(unread)


def test_cached_properties_that_do_not_follow_from_the_fields_count():
    assigned, stale, fresh = Named("a"), Named("b"), Named("a")
    assigned.upper = "another"
    assert stale.upper == "B"
    stale.name = "a"
    assert fresh.upper == "A"
    assert len({stable_digest(one) for one in (assigned, stale, fresh)}) == 3


@pytest.mark.parametrize(
    "different",
    [
        [Permission(8), Permission(16), Permission(0), Permission.READ | 8, Permission.READ],
        [Open(8), Open(16), Open.ONE],
        [re.RegexFlag(0), re.RegexFlag(1 << 20), re.IGNORECASE],
        [PurePosixPath("a/b"), PureWindowsPath("a/b"), PureWindowsPath("A/b")],
        [PurePosixPath("c:/x"), PureWindowsPath("c:/x")],
        [UUID(int=5), UUID(int=5, is_safe=SafeUUID.safe)],
        [Decimal("NaN"), Decimal("-NaN"), Decimal("NaN123"), Decimal("sNaN"), Decimal("-0")],
    ],
    ids=repr,
)
def test_kinds_of_one_name_have_digests_of_their_own(different):
    assert len(set(map(stable_digest, different))) == len(different)


def made_in_a_function():
    class Local(enum.Enum):
        A = 1

    return Local.A


class PathWithState(PurePosixPath):
    pass


class ErrorData(Exception):  # noqa: N818  # only data here
    pass


@pytest.mark.parametrize(
    "value",
    [
        made_in_a_function(),
        type("Elsewhere", (Columns,), {})("a"),
        PathWithState("a"),
        dataclass(ErrorData)(),
        dataclass(type("Queue", (deque,), {"__annotations__": {}, "__module__": __name__}))(),
        with_state(OrderedDict(a=1), 1),
        [1].append,
        Named("a").__str__,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_could_be_taken_for_something_else_is_refused(value):
    with pytest.raises(TypeError, match="no stable form"):
        stable_digest(value)


def test_zones_read_from_files_are_refused():
    key = "Europe/Berlin"
    try:
        packed = importlib.resources.files("tzdata.zoneinfo").joinpath(key).read_bytes()
    except ModuleNotFoundError:
        pytest.skip("no time zones here")
    stranger = ZoneInfo.from_file(io.BytesIO(packed), key=key)
    assert stable_digest(ZoneInfo(key))
    with pytest.raises(TypeError, match="no stable form"):
        stable_digest(stranger)


def test_a_keyword_argument_is_no_position():
    named = [stable_digest(**{name: 1}) for name in ("0", "=0", "==0")]
    assert len({stable_digest(1), *named}) == 4


def test_a_function_and_the_one_inside_it_differ():
    assert stable_digest(wrapped) != stable_digest(wrapped.__wrapped__)


def test_attributes_of_functions_count():
    def digest_with(factor):
        scaled.factor = factor
        return stable_digest(scaled)

    assert digest_with(2) != digest_with(3)
    assert digest_with(2) == digest_with(2)
    assert digest_with(print) == digest_with(len), "decorators add functions, which are code"
    with pytest.raises(TypeError, match="no stable form"):
        digest_with(object())


def scaled(x):
    return x


def around(function):
    return wraps(function)(lambda x: function(x) + 1)


@around
def wrapped(x):
    return x


def test_functions_of_numpy_go_by_their_names():
    np = pytest.importorskip("numpy", minversion="2")
    functions = [np.sum, np.mean, np.add, np.exp, np.linalg.norm, np.concatenate]
    assert len({stable_digest(one) for one in functions}) == len(functions)
    assert stable_digest(np.mean) == stable_digest(pickle.loads(pickle.dumps(np.mean)))
    for one in (np.frompyfunc(len, 1, 1), np.vectorize(len), np.add.reduce):
        with pytest.raises(TypeError, match="no stable form"):
            stable_digest(one)


def test_arrays_that_differ_in_more_than_values():
    np = pytest.importorskip("numpy")
    numbers = np.arange(6).reshape(2, 3)
    packed = [("a", "i1"), ("b", "i4")]
    groups = [
        [numbers, np.asfortranarray(numbers), numbers.astype(">i8"), numbers.reshape(3, 2)],
        [np.zeros(2, packed), np.zeros(2, np.dtype(packed, align=True))],
        [np.zeros(2, packed), np.zeros(2, [(("title", "a"), "i1"), ("b", "i4")])],
    ]
    if hasattr(np.dtypes, "StringDType"):
        kinds = [np.dtypes.StringDType(), np.dtypes.StringDType(na_object=None), object]
        groups.append([np.array(["a"], dtype=kind) for kind in kinds])
    for different in groups:
        assert len(set(map(stable_digest, different))) == len(different)
    marked = np.dtype("f8", metadata={"unit": "m"})
    for refused in (marked, np.zeros(1, marked), np.ma.masked_array([1], [0])):
        with pytest.raises(TypeError, match="no stable form"):
            stable_digest(refused)


def test_frames_and_indexes_that_differ_in_more_than_values():
    pd = pytest.importorskip("pandas")
    days = pd.date_range("2020-01-01", periods=3)
    pairs = pd.MultiIndex.from_tuples([(1, "a"), (2, "b")])
    frame = pd.DataFrame({"a": [1]})
    stamp = pd.Timestamp("2024-01-01")
    groups = [
        [days, pd.DatetimeIndex(list(days)), pd.DatetimeIndex(list(days), freq="B")],
        [pd.RangeIndex(3), pd.Index([0, 1, 2]), pd.RangeIndex(3, name="n")],
        [pairs[:1], pairs[:1].remove_unused_levels()],
        [frame, frame.set_flags(allows_duplicate_labels=False), with_state(frame.copy(), 1)],
        [stamp.as_unit("s"), stamp.as_unit("ns")],
        [pd.Series([1]), pd.Series([1], dtype="Int64")],
        [pd.Series(["a"], dtype=kind) for kind in ("string", "object", "category")],
    ]
    for different in groups:
        assert len(set(map(stable_digest, different))) == len(different), different
    holidays = pd.offsets.CustomBusinessDay(holidays=["2025-01-01"])
    with pytest.raises(TypeError, match="no stable form"):
        stable_digest(pd.date_range("2020-01-01", periods=3, freq=holidays))
