"""Nothing of ours is found by an attribute's name: what one part asks of another is declared.

`getattr`, `hasattr` and their kin are for what a system, a Python version or a foreign object may
lack. Here they must not ask for a private name, nor for a name that one of our classes has, nor for
a name that is computed, except for the reasons that are listed.
"""

import ast

import pytest

from tests.support.source import modules

LOOKUPS = {"getattr", "hasattr", "delattr", "getattr_static", "attrgetter", "methodcaller"}

# Module -> what is asked for an attribute, and why that is no search in a part of ours.
ALLOWED = {
    "persidict.adapters": {
        "import_module(f'{__name__}.{ADAPTERS[name]}')": "names loaded when asked for",
    },
    "persidict.aio.testing": {
        "PersiDict": "the kit calls every public method of the class through async code",
        "opened(self)": "likewise",
        "opened(self._mapping)": "likewise",
    },
    "persidict.core._cli.stores": {
        "options": "the parsed command line has the names of its arguments",
    },
    "persidict.core._codecs.class_identity": {
        "one": "the fields of a data class or named tuple that a user stores",
        "other": "likewise",
    },
    "persidict.core": {
        "__import__(module, fromlist=[name])": "names whose modules are loaded when asked for",
    },
    "persidict.core._codecs.equality": {
        "one": "pandas' objects have `equals`, `name` and `names`; pandas is not imported",
        "dtypes": "those of a frame are a series, which has `items`",
    },
    "persidict.core._codecs.main_classes": {
        "found": "follows a qualified name through the user's script, as pickle does",
    },
    "persidict.core._codecs.pickling": {
        "base": "cloudpickle's pickler has `reducer_override`, but not on PyPy",
    },
    "persidict.core._facade": {
        "sys.modules[module]": "the facade's task: a part's public name",
    },
    "persidict.core.backend": {
        "self": "parameters are attributes of the same name: a documented rule",
    },
    "persidict.core.key_subclasses": {
        "_stand_ins[cls]": "attributes that a user's class has beside those of a key",
    },
    "persidict.core.local_items": {
        "sys": "Python 3.13 added _is_gil_enabled",
    },
    "persidict.core.mapping": {
        "source": "the protocol of dict.update: a mapping has `keys`, pairs do not",
        "items": "generators have `close`, other iterators do not",
    },
    "persidict.core.testing.machine": {
        "self": "hypothesis may end a run before the rule that sets it",
    },
    "persidict.wrappers._memoize.names": {
        "found": "follows a qualified name through the user's module, as pickle does",
    },
    "persidict.wrappers._memoize.objects": {
        "value": "the fields of a data class that is an argument",
        "kind": "special methods that an argument's class may have",
        "type(value)": "named tuples have `_fields`, as the Python documentation says",
    },
    "persidict.wrappers.overlapping": {
        "type(self)": "a format must not hide a method of the class",
    },
    "persidict.wrappers.write_once": {
        "self.wrapped_dict": "documented: other attributes reach the wrapped dict",
    },
}


@pytest.fixture(scope="module")
def sources():
    return modules()


@pytest.fixture(scope="module")
def own_attributes(sources):
    """The names of all attributes and methods of our classes."""
    names = set()
    for module in sources.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                names.update(map(name_of_definition, node.body))
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.update([node.attr] if ast.unparse(node.value) == "self" else [])
    return names


def name_of_definition(statement):
    """Return the name that a statement in a class defines, if it is a definition."""
    target = getattr(statement, "targets", [getattr(statement, "target", None)])[0]
    return target.id if isinstance(target, ast.Name) else getattr(statement, "name", None)


def lookups(sources):
    """Yield module and call for each lookup of an attribute by its name."""
    for name, module in sources.items():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                called = node.func
                word = called.attr if isinstance(called, ast.Attribute) else None
                word = called.id if isinstance(called, ast.Name) else word
                if word in LOOKUPS:
                    yield name, node


def needs_reason(call, own_attributes):
    """Tell whether a lookup asks for a name that may be ours, or for a computed one."""
    if isinstance(call.args[0], ast.Constant):
        return call.args[0].value in own_attributes
    if isinstance(call.args[0], ast.Name) and call.args[0].id == "os":
        return False
    name = call.args[1]
    if not isinstance(name, ast.Constant):
        return True
    if name.value.startswith("__") and name.value.endswith("__"):
        return False
    return name.value.startswith("_") or name.value in own_attributes


@pytest.mark.slow
def test_each_lookup_by_name_has_a_reason(sources, own_attributes):
    unexplained = [
        f"{module}:{call.lineno}: {ast.unparse(call)}"
        for module, call in lookups(sources)
        if needs_reason(call, own_attributes)
        and ast.unparse(call.args[0]) not in ALLOWED.get(module, {})
    ]
    assert unexplained == []


def test_each_reason_is_needed(sources, own_attributes):
    found = {
        (module, ast.unparse(call.args[0]))
        for module, call in lookups(sources)
        if needs_reason(call, own_attributes)
    }
    assert {(module, asked) for module, reasons in ALLOWED.items() for asked in reasons} == found


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("getattr(store, '_load_many', None)", True),
        ("hasattr(store, 'bucket_name')", True),
        ("getattr(store, name)", True),
        ("inspect.getattr_static(store, 'get_params')", True),
        ("getattr(os, 'O_BINARY', 0)", False),
        ("getattr(function, '__wrapped__', None)", False),
        ("getattr(frame, 'dtypes', None)", False),
    ],
)
def test_which_lookups_need_a_reason(own_attributes, code, expected):
    assert needs_reason(ast.parse(code).body[0].value, own_attributes) is expected
