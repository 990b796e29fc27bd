"""Classes of a script: the same script and its workers get their own, other programs get copies."""

import importlib
import subprocess
import sys

import pytest

from tests.core.blob_stores import MemoryBlobs

pytest.importorskip("cloudpickle")

CLASSES = """
import enum, pathlib, sys
from dataclasses import dataclass
from typing import NamedTuple
from persidict.core._codecs.registry import codec_for

@dataclass(frozen=True)
class Point:
    x: int

    def doubled(self):
        return Point(2 * self.x)

class Base:
    shared = []

class Derived(Base):
    def __init__(self):
        self.shared.append(1)

class Colour(enum.Enum):
    RED = 1

class Row(NamedTuple):
    a: int

def outer():
    class Local:
        pass
    return Local

codec = codec_for(FORMAT, None)
path = pathlib.Path(sys.argv[1])
"""
VALUE = "[Point(1), Colour.RED, Row(1), {Point(2): Derived()}]"
WRITE = f"path.write_bytes(b''.join(codec.encode({VALUE}, b'')))\n"
READ = "point, colour, row, nested = codec.decode(path.read_bytes())\n"
CHECK = """
assert type(point) is Point and point == Point(1), type(point)
assert colour is Colour.RED
assert type(row) is Row
assert nested[Point(2)].__class__ is Derived
assert Base.shared == [], "the stored attributes have not replaced those of the class"
print("own")
"""


def run(path, *arguments):
    done = subprocess.run(
        [sys.executable, path, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def script(path, *parts, serialization_format="pkl"):
    path.write_text("".join(parts).replace("FORMAT", repr(serialization_format)))
    return str(path)


@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
def test_the_second_run_gets_its_own_classes(tmp_path, serialization_format):
    if serialization_format == "json":
        pytest.importorskip("jsonpickle")
    store = str(tmp_path / "value")
    both = script(
        tmp_path / "job.py",
        CLASSES,
        f"if path.exists():\n    {READ}    pass\nelse:\n    {WRITE}    raise SystemExit\n",
        CHECK,
        serialization_format=serialization_format,
    )
    assert run(both, store) == ""
    assert run(both, store) == "own"


def test_the_script_may_have_changed(tmp_path):
    store, path = str(tmp_path / "value"), tmp_path / "job.py"
    run(script(path, CLASSES, WRITE), store)
    changed = CLASSES.replace("2 * self.x", "3 * self.x")
    assert run(script(path, changed, READ, "print(point.doubled().x)"), store) == "3"


NESTED = """
class Error(Exception):
    code = "top"

class Http:
    class Error(Exception):
        code = "http"

    class Colour(enum.Enum):
        RED = 2

def local():
    class Error(Exception):
        code = "local"
    return Error

Renamed = NamedTuple("Point", [("x", int)])
Other = enum.Enum("Colour", {"RED": 3})
"""


@pytest.mark.parametrize("last", ["None", "lambda: 0"])
@pytest.mark.parametrize("reads_in", ["the same run", "the second run"])
def test_classes_of_one_name_are_told_apart(tmp_path, reads_in, last):
    value = f"Http.Error('a'), local()('b'), Renamed(1), Http.Colour.RED, Other.RED, {last}"
    write = f"path.write_bytes(b''.join(codec.encode([{value}], b'')))\n"
    check = """
error, other, row, colour, third, _ = codec.decode(path.read_bytes())
assert type(error) is Http.Error and error.args == ("a",), type(error)
assert colour is Http.Colour.RED
assert other.code == "local" and type(other) is not Error and other.args == ("b",)
assert tuple(row) == (1,) and type(row) is not Point
assert third.value == 3 and type(third) is not Colour
print("apart")
"""
    condition = {"the same run": "", "the second run": "if not path.exists():\n    "}[reads_in]
    job = script(tmp_path / "job.py", CLASSES, NESTED, condition, write, check)
    for _ in range(2):
        assert run(job, str(tmp_path / "value")) == "apart"


def test_another_script_gets_the_stored_classes(tmp_path):
    store = str(tmp_path / "value")
    run(script(tmp_path / "one.py", CLASSES, WRITE), store)
    mine = CLASSES.replace("2 * self.x", "9 * self.x")
    again = "print(type(point) is Point, point.doubled().x, colour.value, row)"
    said = run(script(tmp_path / "other.py", mine, READ, again), store)
    assert said == "False 2 1 Row(a=1)"


def test_a_nested_class_is_not_taken_for_another_in_the_same_run(tmp_path):
    write = "path.write_bytes(b''.join(codec.encode(Http.Error('a'), b'')))\n"
    check = "error = codec.decode(path.read_bytes())\nprint(type(error) is Http.Error, error.code)"
    job = script(tmp_path / "job.py", CLASSES, NESTED, write, check)
    assert run(job, str(tmp_path / "value")) == "True http"


CACHED = """
import functools

@functools.cache
def factorial(n):
    return n * factorial(n - 1) if n else 1

class Table:
    @functools.lru_cache(maxsize=7)
    def row(self, n):
        return [n] * factorial(n)
"""


def test_functions_with_a_cache_are_stored_with_their_definition(tmp_path):
    store = str(tmp_path / "value")
    value = "[factorial, Table()]"
    write = f"path.write_bytes(b''.join(codec.encode({value}, b'')))\n"
    read = """
function, table = codec.decode(path.read_bytes())
assert function(5) == 120 and table.row(3) == [3] * 6
assert table.row.cache_info().maxsize == 7
print(table.__class__ is globals().get("Table"))
"""
    assert run(script(tmp_path / "job.py", CLASSES, CACHED, write, read), store) == "True"
    assert run(script(tmp_path / "other.py", CLASSES, read), store) == "False"
    for _ in range(2):
        assert run(script(tmp_path / "job.py", CLASSES, CACHED, read), store) == "True"


def test_a_class_that_the_script_has_no_more(tmp_path):
    store, path = str(tmp_path / "value"), tmp_path / "job.py"
    run(script(path, CLASSES, WRITE), store)
    without = CLASSES.replace("class Row", "class Line")
    assert run(script(path, without, READ, "print(row.a)"), store) == "1"


@pytest.mark.slow
@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_write_what_the_script_and_others_read(tmp_path, method, serialization_format):
    import multiprocessing

    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    if serialization_format == "json":
        pytest.importorskip("jsonpickle")
    store = str(tmp_path / "value")
    main = f"""
def work():
    {WRITE}
if __name__ == "__main__":
    import multiprocessing
    process = multiprocessing.get_context({method!r}).Process(target=work)
    process.start()
    process.join()
    {READ}{CHECK.replace(chr(10), chr(10) + "    ")}
"""
    path = script(tmp_path / "job.py", CLASSES, main, serialization_format=serialization_format)
    assert run(path, store) == "own"
    assert "__mp_main__" not in (tmp_path / "value").read_text(errors="replace") or (
        serialization_format == "pkl"
    )
    if serialization_format == "pkl":
        show = "print(point.x, type(point) is Point)"
        other = script(tmp_path / "other.py", CLASSES, READ, show)
        assert run(other, store) == "1 False"


MODULE = """
import enum
from dataclasses import dataclass, field
from typing import NamedTuple

class Plain:
    jobs = 1

    def total(self):
        return [self.jobs for _ in range(2)]

@dataclass
class Data(Plain):
    x: int = 1
    y: list = field(default_factory=list)

class Row(NamedTuple):
    a: int = 1

class Colour(enum.Enum):
    RED = 1

class Slots:
    __slots__ = ("a",)

    @property
    def b(self):
        return 1

    @staticmethod
    def c(n=1):
        return n
"""
CHANGES = {
    "Plain": ("return [self.jobs", "return [-self.jobs"),
    "Data": ("x: int = 1", "x: int = 2"),
    "Row": ("a: int = 1", "a: int = 2"),
    "Colour": ("RED = 1", "RED = 2"),
    "Slots": ("def c(n=1)", "def c(n=2)"),
}


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path = tmp_path / "reloaded_by_a_test.py"
    path.write_text(MODULE)
    module = importlib.import_module(path.stem)
    yield module, path
    del sys.modules[path.stem]


def instance(module, name):
    kind = getattr(module, name)
    return kind.RED if name == "Colour" else kind()


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
def test_a_class_that_is_loaded_again_unchanged_is_the_same(module, name, serialization_format):
    if serialization_format == "json":
        pytest.importorskip("jsonpickle")
        if name == "Slots":
            pytest.skip("jsonpickle restores no slots beside properties")
    module, _ = module
    d = MemoryBlobs(
        base_class_for_values=getattr(module, name), serialization_format=serialization_format
    )
    d["a"] = instance(module, name)
    importlib.reload(module)
    assert type(d["a"]) is getattr(module, name)
    d["b"] = instance(module, name)


@pytest.mark.parametrize("name", CHANGES)
def test_a_class_that_has_changed_is_another_one(module, name):
    module, path = module
    d = MemoryBlobs(base_class_for_values=getattr(module, name))
    d["a"] = instance(module, name)
    path.write_text(MODULE.replace(*CHANGES[name]))
    importlib.reload(module)
    for use in (lambda: d["a"], lambda: d.update(b=instance(module, name))):
        with pytest.raises((TypeError, ValueError), match=r"another definition|can't"):
            use()
