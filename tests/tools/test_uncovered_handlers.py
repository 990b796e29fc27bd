"""The tool that finds handlers without a test."""

import importlib.util
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "tools" / "uncovered_handlers.py"
spec = importlib.util.spec_from_file_location("uncovered_handlers", SOURCE)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

MODULE = """
try:
    import a
except ImportError:
    a = None

class C:
    def f(self):
        try:
            g()
        except (KeyError, OSError) as error:
            raise ValueError from error
        except:
            pass
"""


def test_handlers_are_named_by_what_they_are_in():
    found = [(str(one), line) for one, line in tool.handlers(MODULE, "m.py")]
    assert found == [
        ("m.py: module: except ImportError", 5),
        ("m.py: C.f: except (KeyError, OSError)", 12),
        ("m.py: C.f: except BaseException", 14),
    ]


def test_judgement():
    run, other, gone = (tool.Handler("m.py", "f", name) for name in ("A", "B", "C"))
    assert tool.judge({run: {True}, other: {True}}, {}) == []
    assert tool.judge({run: {True}, other: {True, False}}, {}) == [f"no test runs {other}"]
    assert tool.judge({run: {True}, other: {False}}, {other: "reason"}) == []
    assert len(tool.judge({run: {True}}, {run: "reason", gone: "reason"})) == 2


def test_excuses_are_about_handlers_that_exist():
    root = SOURCE.parents[1] / "packages"
    found = set()
    for path in root.glob("*/src/persidict/*/**/*.py"):
        module = path.relative_to(path.parents[2]).as_posix()
        found |= {one for one, _ in tool.handlers(path.read_text(encoding="utf-8"), module)}
    assert set(tool.NOT_HERE) <= found
    assert all(tool.NOT_HERE.values())
