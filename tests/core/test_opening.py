"""Descriptions: they open the same store, keep secrets, and run nothing that they name."""

import json
import pickle
import sys
from pathlib import Path

import pytest

from persidict.core import EmptyDict, LocalBackend, LocalDict, SigningKeys, describe, open_store

SECRET = b"a secret of 26 characters."


class Configured(EmptyDict):
    """A store with parameters of all kinds."""

    _secret_params = frozenset({"password"})

    def __init__(self, *, option=None, password=None, url=None, **others):
        super().__init__(**others)
        self.option = option
        self.password = password
        self.url = url

    def get_params(self):
        own = {"option": self.option, "password": self.password, "url": self.url}
        return {**super().get_params(), **own}


def through_json(description):
    return json.loads(json.dumps(description, allow_nan=False))


@pytest.mark.parametrize(
    "option",
    [
        None,
        True,
        3,
        2.5,
        "text",
        [1, ["a", None]],
        (1, ("a",)),
        {"a": {"b": (1,)}, "store": 1, "class": 2, "needs": [3]},
        int,
        Configured,
        EmptyDict,
        pytest.param(EmptyDict(append_only=True), id="store"),
        pytest.param([EmptyDict(), {"x": EmptyDict()}], id="stores"),
    ],
)
def test_parameters_come_back(option):
    d = Configured(option=option, append_only=True)
    again = open_store(through_json(describe(d)))
    assert type(again) is Configured
    assert again.get_params() == d.get_params()
    assert type(again.option) is type(option)


def test_paths_become_absolute():
    description = describe(Configured(option=Path("here")))
    assert description["params"]["option"] == str(Path("here").absolute())


@pytest.mark.parametrize(
    "params",
    [
        {"password": "hunter2"},
        {"url": "https://user:hunter2@example.com/"},
        {"option": b"hunter2"},
        {"option": {"a": {"key": b"hunter2"}}},
        {"option": SigningKeys(b"hunter2 and some more")},
        {"option": [b"hunter2"]},
        {"option": Configured(password="hunter2")},
    ],
)
def test_secrets_stay_out_and_are_asked_for(params):
    d = Configured(**params)
    description = through_json(describe(d))
    assert "hunter2" not in json.dumps(description)
    with pytest.raises(ValueError, match="leaves out") as caught:
        open_store(description)
    assert "hunter2" not in str(caught.value)
    missing = str(caught.value).split("leaves out ")[1].split(" ")[0]
    for name in (missing, missing.rpartition(".")[2]):
        found = open_store(description, **{name: "given"})
        values = [found.get_params().values()]
        if isinstance(found.option, Configured):  # whose repr shows no password
            values.append(found.option.get_params().values())
        assert "given" in repr(values)


def test_a_dotted_name_is_for_one_of_several():
    d = Configured(password="p", option=Configured(password="q"))
    description = through_json(describe(d))
    again = open_store(description, **{"password": "outer", "option.password": "inner"})
    assert (again.password, again.option.password) == ("outer", "inner")
    both = open_store(description, password="same")
    assert (both.password, both.option.password) == ("same", "same")


def test_memory_is_opened_with_its_backend_only():
    backend = LocalBackend()
    d = LocalDict(backend=backend, serialization_format="json", append_only=True)
    d["a", "b"] = 1
    description = through_json(describe(d))
    assert description["needs"] == ["backend"]
    with pytest.raises(ValueError, match=r"leaves out backend.*backend="):
        open_store(description)
    assert open_store(description, backend=backend) == d


def test_a_subdict_keeps_its_place():
    backend = LocalBackend()
    d = LocalDict(backend=backend)
    d["a", "b", "c"] = 1
    for sub in (d.get_subdict("a"), d.get_subdict("a").get_subdict("b")):
        again = open_store(through_json(describe(sub)), backend=backend)
        assert again == sub
        assert len(again) == 1


def test_a_subdict_in_a_signed_store_keeps_its_place():
    keys = SigningKeys(SECRET)
    below = Configured(option=keys.at(EmptyDict().get_subdict(["a", "b"])._prefix))
    again = open_store(through_json(describe(below)), option=SECRET)
    assert again.option == below.option
    assert again.option != keys


def test_arguments_win():
    description = describe(EmptyDict())
    assert open_store(description, append_only=True).append_only
    assert not open_store(description).append_only


def test_a_class_of_values():
    assert open_store(describe(EmptyDict(base_class_for_values=str))).base_class_for_values is str

    class Local:
        pass

    description = describe(EmptyDict(base_class_for_values=Local))
    assert description["needs"] == ["base_class_for_values"]
    assert open_store(description, base_class_for_values=Local).base_class_for_values is Local


def test_what_can_not_be_described():
    class LocalStore(EmptyDict):
        pass

    with pytest.raises(ValueError, match=r"LocalStore.*top level"):
        describe(LocalStore())
    for other in ({}, 5, None, EmptyDict):
        with pytest.raises(TypeError, match="only stores"):
            describe(other)


def test_nothing_is_imported(tmp_path, monkeypatch):
    (tmp_path / "trap_module.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for description in (
        {"store": "trap_module:Store", "params": {}},
        {"store": "persidict:EmptyDict", "params": {"x": {"class": "trap_module:Value"}}},
        {"store": "persidict:EmptyDict", "params": {"x": {"tuple": [{"class": "trap_module:V"}]}}},
    ):
        with pytest.raises(ValueError, match="trap_module is not imported"):
            open_store(description)
    assert "trap_module" not in sys.modules


def test_a_module_is_not_asked_for_names(monkeypatch):
    class Lazy(type(sys)):
        def __getattr__(self, name):
            raise AssertionError("asked for a name, it would import something")

    monkeypatch.setitem(sys.modules, "lazy_module", Lazy("lazy_module"))
    with pytest.raises(ValueError, match="no such class"):
        open_store({"store": "lazy_module:Store", "params": {}})


@pytest.mark.parametrize(
    "name", ["subprocess:Popen", "builtins:dict", "builtins:eval", "persidict:describe"]
)
def test_nothing_but_stores_is_constructed(name):
    with pytest.raises(ValueError, match=r"no store|no such class"):
        open_store({"store": name, "params": {"args": ["true"]}})


EMPTY = {"store": "persidict:EmptyDict"}


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"class": "builtins:str"},
        {"tuple": []},
        EMPTY,
        {**EMPTY, "params": []},
        {**EMPTY, "params": {}, "more": 1},
        {**EMPTY, "params": {}, "needs": "abc"},
        {**EMPTY, "params": {}, "needs": [1]},
        {**EMPTY, "params": {"x": {}}},
        {**EMPTY, "params": {"x": {"tuple": 5}}},
        {**EMPTY, "params": {"x": {"class": 5}}},
        {**EMPTY, "params": {"x": {"dict": {}, "class": "builtins:str"}}},
        {**EMPTY, "params": {"x": [{"unknown": 1}]}},
        {**EMPTY, "params": {"x": {"below": ["a"]}}},
        {**EMPTY, "params": {"x": [{"below": ["a"]}]}},
        {**EMPTY, "params": {"x": {"tuple": [{"below": ["a"]}]}}},
        {**EMPTY, "params": {"x": 1}, "needs": ["x"]},
        {**EMPTY, "params": {"x": {"tuple": [1]}}, "needs": ["x"]},
        {"store": 5, "params": {}},
        {"store": "EmptyDict", "params": {}},
        {"store": ":", "params": {}},
        {"store": "persidict:NoSuchDict", "params": {}},
        {"store": "persidict.core.empty:EmptyDict.__init__", "params": {}},
    ],
)
def test_malformed_descriptions(description):
    with pytest.raises(ValueError):
        open_store(description)
    if "x" in description.get("needs", ()):
        with pytest.raises(ValueError, match="not what describe"):
            open_store(description, x=1)


def test_an_unknown_argument_is_refused():
    with pytest.raises(TypeError, match=r"no parameter 'append'.*append_only"):
        open_store(describe(EmptyDict()), append=True)


def test_a_missing_part_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "persidict.s3", None)
    with pytest.raises(ModuleNotFoundError, match="pip install persidict-s3"):
        open_store({"store": "persidict:BasicS3Dict", "params": {}})
    with pytest.raises(ModuleNotFoundError, match="pip install persidict-s3"):
        open_store("s3://bucket/prefix")


def test_pickling_says_what_to_do_instead():
    with pytest.raises(TypeError, match=r"LocalDict can't be pickled.*FileDirDict"):
        pickle.dumps(LocalDict())
