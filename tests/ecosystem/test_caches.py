"""As the store behind other packages' caches."""

from functools import partial

import pytest

pytest.importorskip("persidict.file")
pytest.importorskip("persidict.wrappers")

from persidict import FileDirDict, LocalDict, memoize, stable_digest


@pytest.fixture
def store(tmp_path):
    return FileDirDict(base_dir=tmp_path, durable=False)


@pytest.mark.parametrize("with_lock", [False, True])
def test_cachetools(store, with_lock):
    import threading

    cachetools = pytest.importorskip("cachetools")
    calls = []

    @cachetools.cached(cache=store, key=stable_digest, lock=threading.Lock() if with_lock else None)
    def area(width, height=1):
        calls.append(width)
        return width * height

    assert [area(3), area(3), area(3, height=2)] == [3, 3, 6]
    assert calls == [3, 3]
    assert set(store) == {(stable_digest(3),), (stable_digest(3, height=2),)}


def test_cachetools_methods(store):
    cachetools = pytest.importorskip("cachetools")

    class Model:
        calls = 0

        @cachetools.cachedmethod(
            cache=lambda self: store, key=lambda self, x: ("Model", stable_digest(x))
        )
        def predict(self, x):
            self.calls += 1
            return x + 1

    model = Model()
    assert model.predict(1) == model.predict(1) == 2
    assert model.calls == 1
    assert [key[0] for key in store] == ["Model"]


def test_zict_buffer(store):
    zict = pytest.importorskip("zict")
    fast = {}
    buffer = zict.Buffer(fast, store, n=2)
    for name in "abcd":
        buffer[name] = name * 3
    assert len(fast) == len(store) == 2
    assert {name: buffer[name] for name in "abcd"} == {name: name * 3 for name in "abcd"}
    assert len(fast) == len(store) == 2
    assert len(buffer) == 4
    del buffer["a"]
    assert "a" not in buffer
    assert {str(key if isinstance(key, str) else key[0]) for key in buffer} == set("bcd")
    buffer["b"] = "new"
    assert buffer["b"] == "new"
    assert not set(fast) & {key[0] for key in store}


def test_zict_func(store):
    zict = pytest.importorskip("zict")
    squares = zict.Func(str, int, store)
    squares["a"] = 5
    assert store["a"] == "5"
    assert squares["a"] == 5


def test_numpy_arguments_and_results(store):
    np = pytest.importorskip("numpy")
    calls = []

    def smooth(signal, width=3):
        calls.append(width)
        return np.convolve(signal, np.ones(width) / width, "same")

    f = memoize(store, name="smooth")(smooth)
    signal = np.arange(100.0)
    first = f(signal)
    assert np.array_equal(f(signal.copy(), width=3), first)
    assert np.array_equal(f(np.arange(200.0)[::2] / 2), first)
    assert calls == [3]
    assert not np.array_equal(f(signal + 1), first)
    assert not np.array_equal(f(signal.astype("f4")), first + 1)
    assert len(calls) == 3


def different_arrays(np):
    return [
        np.arange(6),
        np.arange(6).reshape(2, 3),
        np.arange(6).reshape(3, 2),
        np.arange(6, dtype="i4"),
        np.arange(6, dtype=">i8"),
        np.arange(6.0),
        np.array([0, 1, 2, 3, 4, 6]),
        np.array(["a", "b"]),
        np.array([b"a", b"b"]),
        np.array(["a", "b"], dtype=object),
        np.array([], dtype="f8"),
        np.array([], dtype="U"),
        np.array([[]], dtype="f8"),
        np.array("2024-01-01", dtype="M8[D]"),
        np.array("2024-01-01", dtype="M8[s]"),
        np.array([(1, 2)], dtype="i4,i4"),
        np.array([(1, 2)], dtype="i4,i8"),
        np.float64(1),
        np.float32(1),
        np.int64(1),
        np.bool_(True),
        np.array(1.0),
        1.0,
        np.dtype("f4"),
        np.float32,
    ]


def test_arrays_that_differ():
    np = pytest.importorskip("numpy")
    samples = different_arrays(np)
    assert len({stable_digest(sample) for sample in samples}) == len(samples)


def test_arrays_that_are_alike():
    np = pytest.importorskip("numpy")
    block = np.arange(24).reshape(4, 6)
    for one, other in [
        (block[:, ::2], block[:, ::2].copy()),
        (block[::2], block[::2].copy()),
        (block.T, np.asfortranarray(block.T)),
    ]:
        assert stable_digest(one) == stable_digest(other)
    padded = np.zeros((2, 1), dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))
    padded[1].view("u1")[:] = 255  # what is between the fields means nothing
    padded["a"], padded["b"] = 1, 2.0
    assert stable_digest(padded[0]) == stable_digest(padded[1])


def test_arrays_that_functions_can_tell_apart():
    np = pytest.importorskip("numpy")
    block = np.arange(24).reshape(4, 6)
    by_columns = np.asfortranarray(block)
    assert block.ravel("K").tolist() != by_columns.ravel("K").tolist()
    assert stable_digest(block) != stable_digest(by_columns)
    packed = np.zeros(1, dtype=[("a", "i1"), ("b", "f8")])
    padded = np.zeros(1, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))
    assert packed.nbytes != padded.nbytes
    assert stable_digest(packed) != stable_digest(padded)


def test_numpy_refusals():
    np = pytest.importorskip("numpy")
    for value in (
        np.random.default_rng(),
        np.array([object()]),
        np.longdouble(1),
        np.array([b"x"], dtype="V1"),
        np.ma.masked_array([1], [True]),
        np.dtype("i4,i4"),
    ):
        with pytest.raises(TypeError, match="no stable form"):
            stable_digest(value)


def test_memory_maps_are_arrays(tmp_path):
    np = pytest.importorskip("numpy")
    np.save(tmp_path / "a.npy", np.arange(5))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert stable_digest(mapped) == stable_digest(np.arange(5))


def test_pandas_arguments_and_results(store):
    pd = pytest.importorskip("pandas")
    calls = []

    def totals(frame, by):
        calls.append(by)
        return frame.groupby(by).sum()

    f = memoize(store, name="totals")(totals)
    frame = pd.DataFrame({"city": ["Ulm", "Bonn", "Ulm"], "n": [1, 2, 3]})
    first = f(frame, "city")
    assert f(frame.copy(), by="city").equals(first)
    assert calls == ["city"]
    frame.loc[0, "n"] = 5
    assert f(frame, "city").loc["Ulm", "n"] == 8
    assert len(calls) == 2


def test_pandas_that_differ():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    samples = [
        frame,
        frame.set_index("a"),
        frame.rename(columns={"a": "A"}),
        frame[["b", "a"]],
        frame.iloc[::-1],
        frame.astype({"a": "float64"}),
        frame.astype({"a": "Int64"}),
        frame.astype({"b": "category"}),
        frame.astype({"b": pd.CategoricalDtype(["y", "x"])}),
        frame.astype({"b": pd.CategoricalDtype(["x", "y"], ordered=True)}),
        frame["a"],
        frame["a"].rename("other"),
        frame["a"].rename(None),
        frame["a"].to_numpy(),
        pd.Index([1, 2]),
        pd.Index([1, 2], name="a"),
        pd.MultiIndex.from_tuples([(1, 2)]),
        pd.date_range("2024", periods=2),
        pd.date_range("2024", periods=2, tz="UTC"),
        pd.Timestamp("2024"),
        pd.Timestamp("2024", tz="UTC"),
        pd.Timedelta("1s"),
        pd.NA,
        pd.NaT,
        None,
    ]
    assert len({stable_digest(sample) for sample in samples}) == len(samples)
    for refused in (pd.Period("2024"), pd.Interval(0, 1)):
        with pytest.raises(TypeError, match="no stable form"):
            stable_digest(refused)


def test_polars(store):
    pl = pytest.importorskip("polars")
    calls = []

    def totals(frame):
        calls.append(frame.height)
        return frame.group_by("city").agg(pl.col("n").sum()).sort("city")

    f = memoize(store, name="totals")(totals)
    frame = pl.DataFrame({"city": ["Ulm", None, "Ulm"], "n": [1, 2, 3]})
    first = f(frame)
    assert f(frame.clone()).equals(first)
    assert calls == [3]
    samples = [
        frame,
        frame.reverse(),
        frame.rename({"n": "m"}),
        frame.with_columns(pl.col("n").cast(pl.Int32)),
        frame.with_columns(pl.col("n").cast(pl.Float64)),
        frame["n"],
        frame["city"],
        pl.Series("n", [1, None, 3]),
        pl.Series("n", [[1], [2, 3]]),
        pl.Series("n", [{"a": 1}]),
        pl.Int64,
        pl.Int64(),
    ]
    digests = {stable_digest(sample) for sample in samples[:-1]}
    assert len(digests) == len(samples) - 1
    with pytest.raises(TypeError, match="no stable form"):
        stable_digest(frame.lazy())


def test_joblib_feels_the_same(tmp_path, store):
    joblib = pytest.importorskip("joblib")
    calls = []

    def square(x):
        calls.append(x)
        return x * x

    theirs = joblib.Memory(tmp_path / "joblib", verbose=0).cache(square)
    ours = memoize(store, name="square")(square)
    assert [theirs(3), theirs(3), ours(3), ours(3), ours(x=3)] == [9] * 5
    assert calls == [3, 3]


def test_functools_feels_the_same():
    import functools

    calls = []

    def square(x):
        calls.append(x)
        return x * x

    theirs, ours = functools.cache(square), memoize(LocalDict(), name="square")(square)
    for f in (theirs, ours):
        assert f(3) == f(3) == 9
        assert (f.cache_info().hits, f.cache_info().misses, f.cache_info().currsize) == (1, 1, 1)
        f.cache_clear()
        assert f.cache_info().currsize == 0
        assert f.__wrapped__ is square
    assert calls == [3, 3]


def test_memoised_partials(store):
    f = memoize(store, name="power")(partial(pow, 2))
    assert f(5) == f(5) == 32
    assert f.cache_info() == (1, 1, 1)
