import copy
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persidict.core import LocalBackend, LocalDict


def test_values_are_isolated():
    d = LocalDict()
    value = {"a": [1]}
    d["k"] = value
    value["a"].append(2)
    assert d["k"] == {"a": [1]}
    for read in (
        d.__getitem__,
        d.get,
        lambda k: dict(d.items())[k,],
        lambda k: next(d.get_many([k]))[1],
    ):
        read("k")["a"].append(3)
    d.setdefault("k", None)["a"].append(4)
    d.get_with_etag("k").new_value["a"].append(5)
    assert d["k"] == {"a": [1]}
    default = [1]
    d.setdefault("new", default)
    default.append(2)
    assert d["new"] == [1]


def test_instances_of_local_classes_are_isolated():
    class Box:
        def __init__(self):
            self.content = []

    d = LocalDict()
    box = Box()
    d["box"] = box
    box.content.append(1)
    assert d["box"].content == []
    assert type(d["box"]) is Box
    assert d["box"] is not d["box"]


def test_handles_share_a_backend():
    backend = LocalBackend()
    one, other = LocalDict(backend=backend), LocalDict(backend=backend)
    one["a"] = 1
    assert other["a"] == 1
    assert one == other
    assert one.backend == other.backend
    assert LocalDict() == LocalDict()
    assert "a" not in LocalDict()


def test_formats_are_apart():
    backend = LocalBackend()
    pkl, json = LocalDict(backend=backend), LocalDict(backend=backend, serialization_format="json")
    pkl["a"] = 1
    assert "a" not in json
    json["a"] = 2
    assert (pkl["a"], json["a"]) == (1, 2)


def test_etags_are_decimals_that_grow_over_all_handles():
    backend = LocalBackend()
    handles = [
        LocalDict(backend=backend),
        LocalDict(backend=backend, serialization_format="json"),
        LocalDict(backend=backend).get_subdict("sub"),
    ]
    etags = []
    for number in range(12):
        d = handles[number % 3]
        d["a"] = number
        etags.append(d.etag("a"))
        if number % 5 == 4:
            del d["a"]
    assert all(etag.isdecimal() for etag in etags)
    assert [int(etag) for etag in etags] == sorted({int(etag) for etag in etags})


def test_a_prefix_view_is_opened_again_from_its_params():
    d = LocalDict()
    d["a", "b", "c"] = 1
    view = d.get_subdict(["a", "b"])
    again = LocalDict(**view.get_params())
    again["new"] = 2
    assert d["a", "b", "new"] == 2
    assert again == view
    assert view.backend != d.backend


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"backend": {}}, TypeError),
        ({"serialization_format": "txt"}, ValueError),
        ({"serialization_format": "a/b"}, ValueError),
        ({"serialization_format": ""}, ValueError),
        ({"serialization_format": None}, TypeError),
        ({"base_class_for_values": "str"}, TypeError),
        ({"nonsense": 1}, TypeError),
    ],
    ids=str,
)
def test_wrong_parameters(params, error):
    with pytest.raises(error):
        LocalDict(**params)


def test_iteration_while_threads_write():
    d = LocalDict()
    d["always"] = 0
    done = threading.Event()

    def churn():
        for number in range(2000):
            d[f"key{number % 50}"] = number
            d.discard(f"key{(number + 25) % 50}")
        done.set()

    writer = threading.Thread(target=churn)
    writer.start()
    while not done.is_set():
        assert dict(d.items())["always",] == 0
        assert len(d) >= 1
    writer.join()


def test_what_cannot_be_copied_is_refused_and_stores_nothing():
    d = LocalDict()
    d["a"] = 1
    with pytest.raises(TypeError):
        d["a"] = threading.Lock()
    assert d == {"a": 1}


@pytest.mark.parametrize(
    "remove",
    [lambda d: d.__setitem__("a", 1), lambda d: d.discard("a")],
    ids=["replaced", "deleted"],
)
def test_what_goes_may_use_the_dict(remove):
    d = LocalDict()

    class Parting:
        def __deepcopy__(self, memo):
            return Parting()

        def __del__(self):
            d["last-words"] = 1

    d["a"] = Parting()
    d.discard("last-words")
    thread = threading.Thread(target=remove, args=[d], daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert d["last-words"] == 1


@pytest.mark.parametrize("value", [[1, "a"], {"a": 1}, {"a": []}, [{}], {("a",): 1}])
def test_values_are_isolated_flat_or_nested(value):
    d = LocalDict()
    d["k"] = value
    before = copy.deepcopy(value)
    for touched in (value, d["k"]):
        touched.clear()
    assert d["k"] == before


class Box:
    def __init__(self, content):
        self.content = content


def test_what_a_value_has_twice_comes_back_once():
    shared = [1, {"deep": []}]
    d = LocalDict()
    d["k"] = {"one": shared, "two": shared, "box": Box(shared), "pair": (shared, 2), "flat": [3]}
    shared.append("later")
    value = d["k"]
    assert value["one"] == [1, {"deep": []}]
    assert value["two"] is value["one"]
    assert value["box"].content is value["one"]
    assert value["pair"][0] is value["one"]
    assert d["k"]["one"] is not value["one"]
    assert d["k"]["flat"] is not value["flat"]


def test_a_value_that_contains_itself():
    value = {"list": []}
    value["list"].append(value)
    d = LocalDict()
    d["k"] = value
    found = d["k"]
    assert found["list"][0] is found
    assert found is not value
    assert d["k"] is not found


def test_a_part_that_looks_at_the_whole_while_it_is_copied():
    class Plugin:
        def __init__(self, owner):
            self.owner = owner

        def __setstate__(self, state):
            self.owner = state["owner"]
            self.config = self.owner.get("config")
            self.owner["order"] = 1

    value = {"plugin": None, "config": [1]}
    value["plugin"] = Plugin(value)
    d = LocalDict()
    d["k"] = value
    found = d["k"]
    assert found["plugin"].owner is found
    for seen in (found["config"], found["plugin"].config or []):
        seen.append("mine")
    assert d["k"]["config"] == [1]


_PLAIN = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.builds(complex, st.integers(0, 9)),
    lambda part: (
        st.lists(part, max_size=4)
        | st.dictionaries(st.text(max_size=2) | st.tuples(st.integers()), part, max_size=4)
        | st.tuples(part, part)
        | st.sets(st.integers(), max_size=3)
    ),
    max_leaves=12,
)


@given(_PLAIN)
def test_plain_values_are_copied_as_deepcopy_does(value):
    d = LocalDict()
    d["k"] = value
    found = d["k"]
    assert found == value
    mutable = [list, dict, set]
    pending = [(value, found)]
    while pending:
        original, twin = pending.pop()
        assert type(twin) is type(original)
        assert (type(twin) in mutable) <= (twin is not original)
        if isinstance(original, dict):
            pending += zip(original.values(), twin.values(), strict=True)
        elif isinstance(original, (list, tuple)):
            pending += zip(original, twin, strict=True)


def test_one_sub_dict_is_made_of_each_prefix(monkeypatch):
    d = LocalDict()
    d.update(((f"p{number % 3}", f"k{number}"), number) for number in range(60))
    made = []
    at = LocalDict._at
    monkeypatch.setattr(
        LocalDict, "_at", lambda self, prefix: made.append(prefix) or at(self, prefix)
    )
    assert set(d.subdicts()) == {"p0", "p1", "p2"}
    assert sorted(made) == [("p0",), ("p1",), ("p2",)]


@pytest.mark.parametrize(("given", "told"), [(0, None), (None, None), (10, 10)])
def test_the_prune_interval_is_told_as_given(given, told):
    assert LocalDict(prune_interval=given).get_params()["prune_interval"] == told


def test_handles_name_one_backend():
    d = LocalDict()
    below = d.get_subdict("a")
    for one in (d, below):
        assert copy.copy(one).get_params()["backend"] is one.get_params()["backend"]
    assert below.backend != d.backend
    assert LocalDict(backend=below.backend).get_params()["backend"] is below.backend
