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


def test_memory_maps_are_refused():
    with pytest.raises(ValueError, match="no mmap_mode"):
        joblib.Memory(
            "store",
            backend="persidict",
            mmap_mode="r",
            verbose=0,
            backend_options={"store": LocalDict()},
        )
