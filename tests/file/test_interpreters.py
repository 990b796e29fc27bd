"""Stores in isolated subinterpreters (PEP 684): each opens its own handle."""

import sys
import threading

import pytest

interpreters = pytest.importorskip("_interpreters")
pytest.importorskip("persidict.wrappers")

SCRIPT = """
import sys
sys.path[:] = {path!r}
from persidict import ITEM_NOT_AVAILABLE, FileDirDict, LocalDict, memoize

d = FileDirDict(base_dir={base!r}, durable=False, serialization_format={format!r})
for _ in range(50):
    d.transform_item(
        "n", transformer=lambda n: 1 if n is ITEM_NOT_AVAILABLE else n + 1, n_retries=None
    )
d["value", {me!r}] = {{"list": [1, 2.5, None, "x"]}}

@memoize(d, once=True, lease_store=LocalDict(), name="double")
def double(x):
    return 2 * x

assert double(4) == double(4) == 8
"""


@pytest.mark.parametrize("serialization_format", ["pkl", "json"])
def test_isolated_interpreters_share_a_store(tmp_path, serialization_format):
    from persidict import FileDirDict

    failures = []

    def run(me):
        interpreter = interpreters.create()
        try:
            code = SCRIPT.format(
                path=sys.path, base=str(tmp_path), format=serialization_format, me=me
            )
            failures.append(interpreters.exec(interpreter, code))
        finally:
            interpreters.destroy(interpreter)

    threads = [threading.Thread(target=run, args=(f"i{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [None] * 3
    d = FileDirDict(base_dir=tmp_path, serialization_format=serialization_format)
    assert d["n"] == 150
    assert d["value", "i2"] == {"list": [1, 2.5, None, "x"]}
