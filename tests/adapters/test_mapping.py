import subprocess
import sys

import pytest

from persidict import LocalDict
from persidict.adapters.mapping import AnyKeyMapping

KEYS = [
    ("sum-1f2e", 0, 3),
    ("nested", ("tuple", b"x", None)),
    1,
    "1",
    -1.5,
    "-1.5",
    True,
    "True",
    None,
    "a b/c",
    "é",
    "",
    " 1",
    "('a',)",
    b"bytes",
]


@pytest.mark.slow
def test_a_zict_mapping(any_dict):
    utils_test = pytest.importorskip("zict.tests.utils_test")
    utils_test.check_mapping(AnyKeyMapping(any_dict))


def test_keys_come_back_with_their_types():
    d = AnyKeyMapping(LocalDict())
    for number, key in enumerate(KEYS):
        d[key] = number
    assert {repr(key): value for key, value in d.items()} == {
        repr(key): number for number, key in enumerate(KEYS)
    }


def test_long_keys_are_found():
    d = AnyKeyMapping(LocalDict())
    d["x" * 1000, 1] = "value"
    assert d["x" * 1000, 1] == "value"
    assert ("x" * 1000, 2) not in d


@pytest.mark.parametrize("key", [object(), ["a"], float("nan"), (1, {})])
def test_other_keys_are_refused_when_written_and_absent_when_read(key):
    d = AnyKeyMapping(LocalDict())
    with pytest.raises(TypeError, match="a key"):
        d[key] = 1
    assert key not in d
    with pytest.raises(KeyError):
        d[key]


def test_a_dask_array_that_spills(tmp_path):
    pytest.importorskip("dask")
    array = pytest.importorskip("dask.array")
    file = pytest.importorskip("persidict.file")
    zict = pytest.importorskip("zict")
    store = AnyKeyMapping(file.FileDirDict(base_dir=str(tmp_path), durable=False))
    fast = {}
    buffer = zict.Buffer(fast, store, n=2)
    numbers = array.arange(1000, chunks=100)
    for block in range(10):
        buffer["block", block] = numbers.blocks[block].compute()
    assert len(fast) == 2
    assert len(store) == 8
    assert sum(int(buffer["block", block].sum()) for block in range(10)) == 499500


LARGER_THAN_MEMORY = """
import re, resource
import dask, dask.array, numpy, zict
from persidict import AnyKeyMapping, FileDirDict

COUNT = 16 * 2**20
numbers = dask.array.arange(COUNT, chunks=2**20, dtype="float64")  # 128 MB in blocks of 8 MB
blocks = zict.Buffer({}, AnyKeyMapping(FileDirDict("spilled", durable=False)), n=2)
dask.config.set(scheduler="synchronous")
blocks["warm up"] = numbers.blocks[0][:10].compute()

used = int(re.search(r"VmData:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + 80 * 2**20, resource.RLIM_INFINITY))
try:
    numpy.ones(COUNT)
except MemoryError:
    print("the array does not fit")
for block in range(16):
    blocks["block", block] = numpy.array(numbers.blocks[block].compute())
print(sum(float(blocks["block", block].sum()) for block in range(16)) == COUNT * (COUNT - 1) / 2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="bounds memory as on Linux")
def test_a_dask_array_larger_than_memory(tmp_path):
    for package in ("dask", "numpy", "zict", "persidict.file"):
        pytest.importorskip(package)
    done = subprocess.run(
        [sys.executable, "-c", LARGER_THAN_MEMORY],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.stdout.split("\n") == ["the array does not fit", "True", ""], done.stderr
