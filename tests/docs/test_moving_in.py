"""Each line of the tables in the guides "from ...": both calls run, and both give the same."""

import ast
import re
from pathlib import Path

import pytest

from persidict import SafeStrTuple
from tests.docs.page_namespaces import page_namespace

for needed in ("persidict.file", "persidict.wrappers", "orjson", "lz4", "cloudpickle"):
    pytest.importorskip(needed)

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"from-diskcache": "diskcache", "from-joblib-memory": "joblib", "from-shelve": "shelve"}
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^\| `(.+?)` \| (?:`(.+?)`|([^`]+)) \|$", re.MULTILINE)
# They close what the lines after them need, or show only how a block begins.
NOT_RUN = re.compile(r"\.close\(\)|transact|writeback")
# They return numbers of their own.
OTHER_RESULTS = {'cache.push("job", prefix="jobs")', 'cache.set("c", 1, tag="group")'}


def lines_of(page):
    return LINE.findall((DOCS / f"{page}.md").read_text(encoding="utf-8"))


def outcome(code, namespace):
    """Run a statement and return None, or return the value of an expression."""
    (statement,) = ast.parse(code).body
    if isinstance(statement, ast.Expr):
        return plain(eval(code, namespace))
    exec(code, namespace)
    return None


def plain(value):
    """Return keys as the texts that they are elsewhere."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return "/".join(value) if isinstance(value, SafeStrTuple) else value


@pytest.mark.parametrize("page", PAGES)
def test_both_sides_of_each_line_give_the_same(page, tmp_path, monkeypatch):
    pytest.importorskip(PAGES[page])
    monkeypatch.chdir(tmp_path)
    setup, *_ = BLOCK.findall((DOCS / f"{page}.md").read_text(encoding="utf-8"))
    with page_namespace() as namespace:
        exec(compile(setup, page, "exec"), namespace)
        compare_lines(page, namespace)


def compare_lines(page, namespace):
    for theirs, ours, _ in lines_of(page):
        if not ours:
            assert NOT_RUN.search(theirs) or outcome(theirs, namespace) is None
            continue
        expected, found = outcome(theirs, namespace), outcome(ours, namespace)
        if None not in (expected, found) and theirs not in OTHER_RESULTS:
            assert found == expected, f"{theirs} | {ours}"
    for theirs, _, _ in lines_of(page):
        if theirs.endswith(".close()"):  # a shelf left open writes its index later, elsewhere
            outcome(theirs, namespace)


def test_the_tables_are_found():
    assert {page: len(lines_of(page)) > 10 for page in PAGES} == dict.fromkeys(PAGES, True)
