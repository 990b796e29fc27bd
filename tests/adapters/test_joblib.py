import sys
from pathlib import Path

import pytest

joblib = pytest.importorskip("joblib")
import persidict.adapters.joblib  # noqa: E402, F401  # registers the backend
from persidict import LocalDict  # noqa: E402


@pytest.fixture
def memory(any_dict):
    return joblib.Memory(
        "store", backend="persidict", verbose=0, backend_options={"store": any_dict}
    )


@pytest.fixture
def counted(memory):
    calls = []

    def square(x):
        calls.append(x)
        return x * x

    return memory.cache(square), calls


def test_results_are_kept(counted):
    square, calls = counted
    assert [square(3), square(3), square(4)] == [9, 9, 16]
    assert calls == [3, 4]
    assert square.check_call_in_cache(3)


def test_arrays_are_kept(memory):
    numpy = pytest.importorskip("numpy")
    count = memory.cache(numpy.arange)
    count(5)
    assert count(5).tolist() == [0, 1, 2, 3, 4]


def test_results_can_be_cleared(memory, counted):
    square, calls = counted
    square(3)
    square.clear(warn=False)
    square(3)
    memory.clear(warn=False)
    square(3)
    assert calls == [3, 3, 3]


def test_the_store_can_be_bounded(memory, counted):
    square, _ = counted
    for x in range(5):
        square(x)
    memory.reduce_size(items_limit=2)
    assert sum(square.check_call_in_cache(x) for x in range(5)) == 2


def test_a_path_opens_a_store_in_files(tmp_path):
    pytest.importorskip("persidict.file")
    for _ in range(2):
        memory = joblib.Memory(str(tmp_path / "cache"), backend="persidict", verbose=0)
        assert memory.cache(len)("abc") == 3
    assert memory.cache(len).check_call_in_cache("abc")


@pytest.fixture
def shown(any_dict):
    """A function that caches results of many kinds, and shows arrays in what was read."""
    numpy = pytest.importorskip("numpy")
    memory = joblib.Memory(
        "store", backend="persidict", mmap_mode="r", verbose=0, backend_options={"store": any_dict}
    )

    def results(count):
        return {
            "plain": numpy.arange(count, dtype="float64"),
            "other order": numpy.asfortranarray(numpy.ones((3, 4), dtype="float32")),
            "objects": numpy.array([None, "text"], dtype=object),
            "empty": numpy.empty((0, 3)),
            "scalar": numpy.array(3),
        }

    return memory.cache(results), results


def test_arrays_are_shown_in_what_was_read(shown):
    numpy = pytest.importorskip("numpy")
    cached, results = shown
    for _ in range(2):
        found = cached(1000)
        for name, expected in results(1000).items():
            assert found[name].dtype == expected.dtype
            numpy.testing.assert_array_equal(found[name], expected)
        assert isinstance(found["plain"], numpy.memmap)
        assert not found["plain"].flags.writeable
        assert found["other order"].flags.f_contiguous


@pytest.fixture
def in_files(tmp_path):
    pytest.importorskip("persidict.file")
    numpy = pytest.importorskip("numpy")

    def cached(mode):
        memory = joblib.Memory(
            str(tmp_path / "cache"), backend="persidict", mmap_mode=mode, verbose=0
        )
        return memory.cache(numpy.arange)

    return cached


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_results_in_files_are_mapped(in_files):
    array = in_files("r")(100_000)
    assert array.shape == (100_000,)
    assert "output.pkl" in Path("/proc/self/maps").read_text()


def test_a_map_keeps_the_result_that_it_was_made_of(in_files):
    array = in_files("r")(1000)
    in_files("r").clear(warn=False)
    assert array.sum() == 499500


def test_copies_of_mapped_results_can_change(in_files):
    array = in_files("c")(10)
    array[0] = 5
    assert in_files("c")(10)[0] == 0


def test_workers_get_mapped_results(in_files):
    array = in_files("r")(1000)
    sums = joblib.Parallel(2)(joblib.delayed(sum)(array) for _ in range(2))
    assert sums == [499500, 499500]


@pytest.mark.parametrize("mode", ["r+", "w+"])
def test_maps_that_change_stored_results_are_refused(mode):
    with pytest.raises(ValueError, match="mmap_mode must be 'r' or 'c'"):
        joblib.Memory(
            "store",
            backend="persidict",
            mmap_mode=mode,
            verbose=0,
            backend_options={"store": LocalDict()},
        )
