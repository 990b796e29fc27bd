"""Names, signatures and behaviour of the public interface, one by one.

Users of the published persidict 0.309.0 rely on them, so that they can switch by changing their
requirement. The conformance kit tests the operations of every store in depth; this module tests
what is promised of the interface as a whole. Read it from top to bottom.
"""

import collections.abc
import copy
import enum
import inspect
import pickle

import pytest

import persidict
from persidict import (
    ALWAYS_RETRIEVE,
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_HAS_CHANGED,
    ETAG_IS_THE_SAME,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
    VALUE_NOT_RETRIEVED,
    AppendOnlyDictCached,
    BackendError,
    ConcurrencyConflictError,
    ConditionalOperationResult,
    EmptyDict,
    ExpiringDict,
    FileDirDict,
    LocalBackend,
    LocalDict,
    MutableDictCached,
    MutationPolicyError,
    NonEmptySafeStrTuple,
    OperationResult,
    OverlappingMultiDict,
    PersiDict,
    SafeStrTuple,
    TransformingFunction,
    WriteOnceDict,
    get_safe_chars,
    replace_unsafe_chars,
)

# Names importable from persidict

NAMES = [
    "PersiDict",
    "PersiDictKey",
    "NonEmptyPersiDictKey",
    "SafeStrTuple",
    "NonEmptySafeStrTuple",
    "get_safe_chars",
    "replace_unsafe_chars",
    "FileDirDict",
    "BasicS3Dict",
    "S3Dict",
    "S3Dict_FileDirCached",
    "LocalDict",
    "EmptyDict",
    "MutableDictCached",
    "AppendOnlyDictCached",
    "WriteOnceDict",
    "OverlappingMultiDict",
    "Joker",
    "KeepCurrentFlag",
    "DeleteCurrentFlag",
    "KEEP_CURRENT",
    "DELETE_CURRENT",
    "ETagValue",
    "ETagIfExists",
    "ETagConditionFlag",
    "AnyETagFlag",
    "ETagIsTheSameFlag",
    "ETagHasChangedFlag",
    "ANY_ETAG",
    "ETAG_IS_THE_SAME",
    "ETAG_HAS_CHANGED",
    "RetrieveValueFlag",
    "AlwaysRetrieveFlag",
    "NeverRetrieveFlag",
    "IfETagChangedRetrieveFlag",
    "ALWAYS_RETRIEVE",
    "NEVER_RETRIEVE",
    "IF_ETAG_CHANGED",
    "ItemNotAvailableFlag",
    "ValueNotRetrievedFlag",
    "ITEM_NOT_AVAILABLE",
    "VALUE_NOT_RETRIEVED",
    "OperationResult",
    "ConditionalOperationResult",
    "ValueType",
    "TransformingFunction",
    "MutationPolicyError",
    "ConcurrencyConflictError",
    "BackendError",
    "__version__",
]


@pytest.mark.parametrize("name", NAMES)
def test_name(name):
    assert getattr(persidict, name) is not None
    assert name in dir(persidict)
    assert name in persidict.__all__


def test_version():
    assert persidict.__version__.split(".")[0].isdigit()
    assert len(persidict.__version__.split(".")) == 3


FLAGS = {
    KEEP_CURRENT: ("KeepCurrentFlag", "Joker"),
    DELETE_CURRENT: ("DeleteCurrentFlag", "Joker"),
    ANY_ETAG: ("AnyETagFlag", "ETagConditionFlag"),
    ETAG_IS_THE_SAME: ("ETagIsTheSameFlag", "ETagConditionFlag"),
    ETAG_HAS_CHANGED: ("ETagHasChangedFlag", "ETagConditionFlag"),
    ALWAYS_RETRIEVE: ("AlwaysRetrieveFlag", "RetrieveValueFlag"),
    NEVER_RETRIEVE: ("NeverRetrieveFlag", "RetrieveValueFlag"),
    IF_ETAG_CHANGED: ("IfETagChangedRetrieveFlag", "RetrieveValueFlag"),
    ITEM_NOT_AVAILABLE: ("ItemNotAvailableFlag", "ItemNotAvailableFlag"),
    VALUE_NOT_RETRIEVED: ("ValueNotRetrievedFlag", "ValueNotRetrievedFlag"),
}


@pytest.mark.parametrize(("flag", "classes"), FLAGS.items(), ids=map(repr, FLAGS))
def test_flags_are_singletons(flag, classes):
    cls, base = (getattr(persidict, name) for name in classes)
    assert isinstance(flag, enum.Enum)
    assert isinstance(flag, cls)
    assert issubclass(cls, base)
    assert cls() is flag
    assert copy.copy(flag) is copy.deepcopy(flag) is pickle.loads(pickle.dumps(flag)) is flag
    assert getattr(persidict, repr(flag)) is flag


# Keys


def test_a_key_is_a_flat_tuple_of_safe_strings():
    key = NonEmptySafeStrTuple("a", ["b", ("c",)], NonEmptySafeStrTuple("d"))
    assert key == NonEmptySafeStrTuple("a", "b", "c", "d") == ("a", "b", "c", "d")
    assert key == ["a", "b", "c", "d"]
    assert key.strings == ("a", "b", "c", "d")
    assert hash(key) == hash(("a", "b", "c", "d"))
    assert copy.copy(key) is copy.deepcopy(key) is key
    assert pickle.loads(pickle.dumps(key)) == key
    assert SafeStrTuple() == ()
    assert NonEmptySafeStrTuple("a") + "b" == ("a", "b")
    assert isinstance(reversed(key), SafeStrTuple)
    assert get_safe_chars() >= set("()_-~.=aZ9")
    assert replace_unsafe_chars("a b", "_") == "a_b"


@pytest.mark.parametrize("wrong", ["", "a/b", "a b", ".", "..", "x" * 254, "ä"])
def test_bad_text_in_a_key(wrong):
    with pytest.raises(ValueError, match="component"):
        NonEmptySafeStrTuple(wrong)
    assert NonEmptySafeStrTuple("x" * 253)


def test_wrong_types_in_a_key():
    for wrong in (1, None, {"a": 1}, b"a"):
        with pytest.raises(TypeError):
            NonEmptySafeStrTuple(wrong)
    with pytest.raises(TypeError):
        NonEmptySafeStrTuple("a", b="c")
    with pytest.raises(ValueError, match="at least one"):
        NonEmptySafeStrTuple()


def test_keys_can_be_subclassed():
    class Address(SafeStrTuple):
        def __init__(self, kind, name, *, note=None):
            SafeStrTuple.__init__(self, kind, name)
            self.note = note

        def __eq__(self, other):
            return type(other) is Address and self.strings == other.strings

        def __hash__(self):
            return hash((Address, self.strings))

    address = Address("a", "b", note="n")
    d = LocalDict()
    d[address] = 1
    assert (address.note, d["a", "b"], d[address]) == ("n", 1, 1)
    assert address != ("a", "b")
    assert NonEmptySafeStrTuple("a", "b") != address


# Every dict


@pytest.fixture(name="d", params=["memory", "files", "json files", "wrapper"])
def dict_fixture(request, tmp_path):
    if request.param == "memory":
        return LocalDict()
    if request.param == "wrapper":
        return ExpiringDict(FileDirDict(tmp_path), max_age=1000)
    params = {"serialization_format": "json"} if request.param.startswith("json") else {}
    return FileDirDict(tmp_path, **params)


def test_a_missing_item(d):
    with pytest.raises(KeyError) as caught:
        d["a", "b"]
    assert caught.value.args == (NonEmptySafeStrTuple("a", "b"),)
    assert type(caught.value.args[0]) is NonEmptySafeStrTuple
    assert caught.value.__cause__ is not None


def test_it_is_a_mutable_mapping(d):
    assert isinstance(d, collections.abc.MutableMapping)
    assert not d
    d["a"] = 1
    d.update({"b": 2}, c=3)
    d |= {("d", "e"): 4}
    assert d
    assert (len(d), d["a"], d.get("no"), d.get("no", 7)) == (4, 1, None, 7)
    assert ("d", "e") in d
    assert "no" not in d
    assert d == {"a": 1, "b": 2, "c": 3, ("d", "e"): 4}
    assert set(d.keys()) == {("a",), ("b",), ("c",), ("d", "e")}
    assert d.keys() & {("a",)} == {("a",)}
    assert len(d.values()) == len(d.items()) == 4
    assert d.setdefault("a", 9) == 1
    assert d.setdefault("f", 5) == 5
    assert d.pop("f") == 5
    assert d.pop("f", None) is None
    key, value = d.popitem()
    assert key not in d
    assert d.discard("no") is d.delete_if_exists("no") is False
    d[key] = value
    assert d.discard(key) is True
    d.clear()
    assert len(d) == 0


def test_jokers(d):
    d["a"] = 1
    d["a"] = KEEP_CURRENT
    assert d["a"] == 1
    d["a"] = DELETE_CURRENT
    d["a"] = DELETE_CURRENT
    assert "a" not in d
    for use in (
        lambda: d.setdefault("a", KEEP_CURRENT),
        lambda: d.setdefault_if(
            "a",
            default_value=DELETE_CURRENT,
            condition=ANY_ETAG,
            expected_etag=ITEM_NOT_AVAILABLE,
        ),
        lambda: d.__setitem__("a", LocalDict()),
    ):
        with pytest.raises(TypeError):
            use()


def test_times_and_samples(d):
    assert d.random_key() is None
    for name in "abc":
        d[name] = name
    assert d.timestamp("a") <= d.timestamp("c")
    assert d.random_key() in d
    assert [len(d.oldest_keys(n)) for n in (None, 2, 0, -1)] == [3, 2, 0, 0]
    assert [len(d.newest_values(n)) for n in (None, 2, 0, -1)] == [3, 2, 0, 0]
    assert dict(d.keys_and_timestamps()) == {key: time for key, _, time in d.items_and_timestamps()}
    assert sorted(value for value, _ in d.values_and_timestamps()) == ["a", "b", "c"]


def test_sub_dicts(d):
    d["a", "b"] = 1
    sub = d.get_subdict("a")
    assert sub == {"b": 1}
    sub["c"] = 2
    assert d["a", "c"] == 2
    assert d.get_subdict(()) == d
    assert d.get_subdict("unused") == {}
    assert list(d.subdicts()) == ["a"]
    assert d.subdicts()["a"] == sub


def test_parameters_open_the_same_store(d):
    params = d.get_params()
    assert list(params) == sorted(params)
    again = type(d)(**params)
    d["a"] = 1
    assert again["a"] == 1
    assert again == d == copy.copy(d) == copy.deepcopy(d)
    assert all(f"{name}=" in repr(d) for name in params)


CONSTRUCTORS = {
    "FileDirDict": {
        "base_dir": "__file_dir_dict__",
        "serialization_format": "pkl",
        "append_only": False,
        "digest_len": 4,
        "base_class_for_values": None,
    },
    "BasicS3Dict": {
        "bucket_name": "my_bucket",
        "region": None,
        "root_prefix": "",
        "serialization_format": "pkl",
        "append_only": False,
        "base_class_for_values": None,
        "endpoint_url": None,
        "client": None,
    },
    "S3Dict": {
        "bucket_name": "my_bucket",
        "region": None,
        "root_prefix": "",
        "base_dir": "__s3_dict__",
        "serialization_format": "pkl",
        "digest_len": 8,
        "append_only": False,
        "base_class_for_values": None,
    },
    "LocalDict": {
        "backend": None,
        "serialization_format": "pkl",
        "append_only": False,
        "base_class_for_values": None,
        "prune_interval": 64,
    },
    "EmptyDict": {
        "append_only": False,
        "base_class_for_values": None,
        "serialization_format": "pkl",
    },
    "WriteOnceDict": {"wrapped_dict": None, "p_consistency_checks": None},
    "MutableDictCached": {
        "main_dict": inspect.Parameter.empty,
        "data_cache": inspect.Parameter.empty,
        "etag_cache": inspect.Parameter.empty,
    },
    "AppendOnlyDictCached": {
        "main_dict": inspect.Parameter.empty,
        "data_cache": inspect.Parameter.empty,
    },
}
PLACES = {"base_dir", "bucket_name", "wrapped_dict", "main_dict"}


@pytest.mark.parametrize(("name", "defaults"), CONSTRUCTORS.items(), ids=CONSTRUCTORS)
def test_constructors(name, defaults):
    parameters = inspect.signature(getattr(persidict, name)).parameters
    assert {one: parameters[one].default for one in defaults} == defaults
    first, *others = parameters.values()
    if first.name in PLACES:
        assert first.kind is first.POSITIONAL_OR_KEYWORD
    else:
        others.append(first)
    assert {one.kind for one in others} <= {inspect.Parameter.KEYWORD_ONLY}


def test_places_by_position(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    d = FileDirDict("~/data")
    d["a"] = 1
    assert FileDirDict(tmp_path / "data") == d
    assert ExpiringDict(d, max_age=60)["a"] == 1
    assert persidict.open_store("~/data")["a"] == 1


def test_append_only(tmp_path):
    d = FileDirDict(tmp_path, append_only=True)
    d["a"] = 1
    d["a"] = KEEP_CURRENT
    any_etag = {"condition": ANY_ETAG, "expected_etag": ITEM_NOT_AVAILABLE}
    for change in (
        lambda: d.__setitem__("a", 2),
        lambda: d.__delitem__("a"),
        lambda: d.discard("absent"),
        lambda: d.set_item_if("a", value=2, **any_etag),
        lambda: d.discard_if("a", **any_etag),
        lambda: d.transform_item("a", transformer=lambda _: 2),
        lambda: d.pop("a"),
        d.clear,
    ):
        with pytest.raises(MutationPolicyError) as caught:
            change()
        assert caught.value.policy == "append-only"
    assert d == {"a": 1}


def test_formats_and_classes_of_values(tmp_path):
    with pytest.raises(ValueError, match="plain text"):
        FileDirDict(tmp_path, serialization_format="txt")
    for unsafe in ("", "a/b"):
        with pytest.raises(ValueError):
            FileDirDict(tmp_path, serialization_format=unsafe, base_class_for_values=str)
    d = FileDirDict(tmp_path, base_class_for_values=int)
    with pytest.raises(TypeError):
        d["a"] = "text"
    FileDirDict(tmp_path)["a"] = "text"
    with pytest.raises(TypeError):
        d["a"]


# Conditional operations


def test_every_condition(d):
    d["a"] = 1
    same, other = d.etag("a"), d.etag("a") + "x"
    for condition, holds in ((ANY_ETAG, True), (ETAG_IS_THE_SAME, True), (ETAG_HAS_CHANGED, False)):
        found = d.get_item_if("a", condition=condition, expected_etag=same)
        assert found == ConditionalOperationResult(holds, same, same, VALUE_NOT_RETRIEVED)
    for condition, holds in ((ANY_ETAG, True), (ETAG_IS_THE_SAME, False), (ETAG_HAS_CHANGED, True)):
        found = d.get_item_if("a", condition=condition, expected_etag=other)
        assert found == ConditionalOperationResult(holds, same, same, 1)
        assert not found.value_was_mutated
    absent = d.get_item_if("no", condition=ETAG_IS_THE_SAME, expected_etag=ITEM_NOT_AVAILABLE)
    assert absent == (True, ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)
    with pytest.raises(ValueError):
        d.get_item_if("a", condition="same", expected_etag=same)
    with pytest.raises(TypeError, match="retrieve_value must be"):
        d.get_item_if("a", condition=ANY_ETAG, expected_etag=same, retrieve_value=True)


def test_conditional_changes(d):
    d["a"] = 1
    first = d.etag("a")
    written = d.set_item_if("a", value=2, condition=ETAG_IS_THE_SAME, expected_etag=first)
    assert written == (True, first, d.etag("a"), 2)
    assert written.value_was_mutated
    failed = d.set_item_if("a", value=3, condition=ETAG_IS_THE_SAME, expected_etag=first)
    assert failed == (False, written.resulting_etag, written.resulting_etag, 2)
    kept = d.setdefault_if(
        "a", default_value=9, condition=ANY_ETAG, expected_etag=first, retrieve_value=NEVER_RETRIEVE
    )
    assert kept == (True, d.etag("a"), d.etag("a"), VALUE_NOT_RETRIEVED)
    refused = d.discard_if("a", condition=ETAG_IS_THE_SAME, expected_etag=first)
    assert refused == (False, d.etag("a"), d.etag("a"), VALUE_NOT_RETRIEVED)
    deleted = d.discard_if("a", condition=ETAG_HAS_CHANGED, expected_etag=first)
    assert deleted[0::2] == (True, ITEM_NOT_AVAILABLE)
    nothing = d.discard_if("a", condition=ETAG_HAS_CHANGED, expected_etag=first)
    assert nothing.condition_was_satisfied
    assert not nothing.value_was_mutated


def test_transforming(d):
    assert d.transform_item("n", transformer=lambda v: 1).new_value == 1
    kept = d.transform_item("n", transformer=lambda v: KEEP_CURRENT)
    assert kept == OperationResult(d.etag("n"), 1)
    gone = d.transform_item("n", transformer=lambda v: DELETE_CURRENT)
    assert gone == OperationResult(ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)
    for wrong, error in (("3", TypeError), (True, TypeError), (-1, ValueError)):
        with pytest.raises(error):
            d.transform_item("n", transformer=lambda v: 1, n_retries=wrong)

    def lose(value):
        d["n"] = "somebody else's"
        return 1

    with pytest.raises(ConcurrencyConflictError) as caught:
        d.transform_item("n", transformer=lose, n_retries=0)
    assert (caught.value.key, caught.value.attempts) == (("n",), 1)


def test_functions_that_transform():
    assert isinstance(lambda value: value, TransformingFunction)
    assert not isinstance(5, TransformingFunction)


def test_etags_are_never_repeated(d):
    seen = []
    for _ in range(20):
        d["a"] = 1
        seen.append(d.etag("a"))
        del d["a"]
    assert len(set(seen)) == len(seen)
    assert all(isinstance(etag, str) for etag in seen)


# The stores and wrappers apart


def test_empty_dict():
    d = EmptyDict()
    d["a"] = 1
    assert (len(d), d.get("a"), "a" in d) == (0, None, False)
    written = d.set_item_if(
        "a", value=1, condition=ETAG_IS_THE_SAME, expected_etag=ITEM_NOT_AVAILABLE
    )
    assert written == (True, ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE)
    d.transform_item("a", transformer=lambda _: pytest.fail("must not be called"))


def test_local_dicts_share_a_backend():
    backend = LocalBackend()
    d = LocalDict(backend=backend)
    d["a"] = value = [1]
    value.append(2)
    assert LocalDict(backend=backend)["a"] == [1]
    assert LocalDict(backend=backend, serialization_format="json") == {}
    assert d.etag("a").isdecimal()


def test_write_once(tmp_path, monkeypatch):
    d = WriteOnceDict(LocalDict(append_only=True), p_consistency_checks=1)
    d["a"] = 1
    d["a"] = 1
    with pytest.raises(MutationPolicyError) as caught:
        d["a"] = 2
    assert caught.value.policy == "write-once"
    counts = (d.consistency_checks_attempted, d.consistency_checks_passed)
    assert (*counts, d.consistency_checks_failed) == (2, 1, 1)
    for change in (
        lambda: d.__delitem__("a"),
        lambda: d.set_item_if(
            "a", value=KEEP_CURRENT, condition=ANY_ETAG, expected_etag=ITEM_NOT_AVAILABLE
        ),
    ):
        with pytest.raises(MutationPolicyError):
            change()
    d.p_consistency_checks = KEEP_CURRENT
    assert d.p_consistency_checks == 1
    monkeypatch.chdir(tmp_path)
    assert isinstance(WriteOnceDict().wrapped_dict, FileDirDict)


def test_caches():
    main = LocalDict()
    d = MutableDictCached(main, data_cache=LocalDict(), etag_cache=LocalDict())
    d["a"] = 1
    main["a"] = 2
    assert d["a"] == 2
    cached = AppendOnlyDictCached(
        LocalDict(append_only=True), data_cache=LocalDict(append_only=True)
    )
    cached["a"] = 1
    for change in (
        lambda: cached.discard_if("a", condition=ANY_ETAG, expected_etag=ITEM_NOT_AVAILABLE),
        lambda: cached.transform_item("a", transformer=lambda _: KEEP_CURRENT),
        lambda: cached.__delitem__("a"),
    ):
        with pytest.raises(MutationPolicyError) as caught:
            change()
        assert caught.value.policy == "append-only"


def test_several_formats_in_one_place(tmp_path):
    multi = OverlappingMultiDict(
        dict_type=FileDirDict, shared_subdicts_params={"base_dir": tmp_path}, json={}, pkl={}
    )
    multi.json["a"] = {"b": 1}
    assert "a" not in multi.pkl
    for use in (lambda: multi["a"], lambda: pickle.dumps(multi)):
        with pytest.raises(TypeError):
            use()


def test_names_of_files(tmp_path):
    d = FileDirDict(tmp_path, serialization_format="json")
    d["a", "b"] = 1
    (directory,) = tmp_path.glob("a_????")
    assert [path.name for path in directory.iterdir() if path.suffix == ".json"] == [
        "b_" + next(iter(directory.glob("*.json"))).stem.rpartition("_")[2] + ".json"
    ]
    plain = FileDirDict(tmp_path / "plain", serialization_format="json", digest_len=0)
    plain["a", "b"] = 1
    assert (tmp_path / "plain" / "a" / "b.json").is_file()


def test_errors_of_the_outside_world():
    assert issubclass(MutationPolicyError, TypeError)
    assert issubclass(ConcurrencyConflictError, RuntimeError)
    assert issubclass(BackendError, RuntimeError)
    assert issubclass(LocalDict, PersiDict)
