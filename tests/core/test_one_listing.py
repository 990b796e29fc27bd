"""`list(d)` asks for an iterator and for the length; both come from one listing of the store."""

import copy
import gc
import pickle
import threading
import weakref

import pytest

from persidict.core import BackendError
from tests.core.blob_stores import MemoryBlobs


class Counted(MemoryBlobs):
    """Notes of each of its listings how many items it went through, and what was loaded."""

    listings = ()
    loaded = ()

    def _scan(self, prefix):
        self.listings.append(0)
        place = len(self.listings) - 1
        for item in super()._scan(prefix):
            self.listings[place] += 1
            yield item

    def _get(self, key, known):
        self.loaded.append(key)
        return super()._get(key, known)


@pytest.fixture
def d():
    d = Counted()
    d.update({("a", f"k{number}"): number for number in range(20)})
    d.listings, d.loaded = [], []
    return d


@pytest.mark.parametrize("place", [(), ("a",)], ids=["whole", "sub-dict"])
@pytest.mark.parametrize(
    "gather",
    [list, tuple, sorted, set, lambda d: [*d], lambda d: (*d,)],
    ids=["list", "tuple", "sorted", "set", "[*d]", "(*d,)"],
)
@pytest.mark.parametrize(
    "view", [lambda d: d, Counted.keys, Counted.items], ids=["dict", "keys", "items"]
)
def test_gathering_lists_the_store_once(d, place, gather, view):
    found = gather(view(d.get_subdict(place)))
    assert d.listings == [20]
    assert len(set(found)) == len(found) == 20
    assert len(d.loaded) in (0, 20)


def test_gathering_values_lists_the_store_once(d):
    assert sorted(list(d.values())) == list(range(20))  # noqa: C414  # both are meant
    assert d.listings == [20]


@pytest.mark.parametrize(
    "gather", [list, sorted, lambda d: [*d.items()]], ids=["list", "sorted", "items"]
)
def test_gathering_nothing_lists_the_store_once(d, gather):
    assert gather(d.get_subdict("b")) == []
    assert d.listings == [0]


def test_lengths_between_iterations_are_those_of_the_moment(d):
    lengths = []
    for number in range(3):
        lengths.append(len(d))
        d[f"new{number}"] = number
        lengths.append(len(d.keys()))
        del d["a", f"k{number}"]
        lengths.append(len(d.items()))
    assert lengths == [20, 21, 20] * 3
    assert len(d.listings) == 9


def test_the_length_within_a_loop_counts_anew(d):
    lengths = []
    for key in d:
        lengths.append(len(d))
        if len(lengths) == 2:
            break
        d[("b", *key)] = 1
    assert lengths == [20, 21]


def test_an_iterator_goes_through_what_the_length_has_counted(d):
    iterator = iter(d)
    d["late"] = 1
    assert len(d) == 21
    assert len(set(iterator)) == 21
    assert len(d.listings) == 1


def test_the_second_length_counts_anew(d):
    iterator = iter(d.items())
    assert len(d) == 20
    d["late"] = 1
    del d["a", "k0"]
    del d["a", "k1"]
    assert len(d) == 19
    assert 18 <= len(dict(iterator)) <= 19


def test_a_length_loads_no_value(d):
    iterator = iter(d.values())
    assert len(d) == 20
    assert d.loaded == []
    next(iterator)
    assert len(d.loaded) == 1


def test_a_view_and_its_dict_are_asked_in_any_order(d):
    keys, items = iter(d.keys()), iter(d.items())
    assert len(d) == 20
    assert len(d.items()) == 20
    assert set(keys) == {key for key, _ in items}
    assert d.keys() == set(d)
    assert d.items() >= set(d.get_subdict(()).items())


def test_other_handles_count_for_themselves(d):
    iterator = iter(d)
    for other in (copy.copy(d), d.get_subdict(()), d.get_subdict("a")):
        assert len(other) == 20
    assert len(d.listings) == 3
    assert len(list(iterator)) == 20


def test_an_iterator_that_has_begun_is_left_alone(d):
    iterator = iter(d)
    first = next(iterator)
    assert len(d) == 20
    rest = list(iterator)
    assert {first, *rest} == set(d)
    assert len(rest) == 19


def test_a_thread_that_begins_the_iteration_meanwhile(d):
    """The length and the iterator each have a complete listing then."""
    iterator = iter(d)
    started, go_on = threading.Event(), threading.Event()
    scan = d._scan
    main = threading.current_thread()

    def waiting(prefix):
        for number, item in enumerate(scan(prefix)):
            if number == 5 and threading.current_thread() is main:
                started.set()
                assert go_on.wait(60)
            yield item

    d._scan = waiting
    found = []

    def iterate():
        assert started.wait(60)
        found.append(next(iterator))
        go_on.set()
        found.extend(iterator)

    thread = threading.Thread(target=iterate)
    thread.start()
    assert len(d) == 20
    thread.join()
    assert len(found) == len(set(found)) == 20


def test_threads_do_not_get_each_others_iterators(d):
    iterator = iter(d)
    found = []
    thread = threading.Thread(target=lambda: found.extend([len(d), list(d)]))
    thread.start()
    thread.join()
    assert found[0] == len(found[1]) == 20
    assert d.listings == [20, 20]
    assert len(list(iterator)) == 20
    assert d.listings == [20, 20, 20]


def test_threads_that_gather_while_others_write(d):
    stop = threading.Event()

    def change():
        number = 0
        while not stop.is_set():
            d[f"new{number % 5}"] = number
            d.discard(f"new{(number + 2) % 5}")
            number += 1

    def gather():
        try:
            for _ in range(100):
                found = list(d)
                assert len(found) == len(set(found)) in range(20, 26)
        except BaseException as error:  # noqa: BLE001  # raised by the test
            errors.append(error)

    errors = []
    writer = threading.Thread(target=change)
    readers = [threading.Thread(target=gather) for _ in range(3)]
    for thread in (writer, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    writer.join()
    assert errors == []


def test_an_abandoned_iterator_leaves_nothing(d):
    gc.disable()
    try:
        iterator = iter(d)
        handle = copy.copy(d)
        gone = [weakref.ref(iterator), weakref.ref(handle)]
        assert len(list(iter(handle))) == 20
        del iterator, handle
        assert [one() for one in gone] == [None, None]
    finally:
        gc.enable()
    assert len(d) == 20


def test_what_is_abandoned_midway_closes_its_listing(d):
    closed = []
    scan = d._scan

    def noting(prefix):
        try:
            yield from scan(prefix)
        finally:
            closed.append(prefix)

    d._scan = noting
    for _ in d.items():
        break
    assert len(closed) == 1
    iterator = iter(d)
    next(iterator)
    iterator.close()
    assert len(closed) == 2
    assert list(iterator) == []


@pytest.mark.parametrize("ask", [lambda d: None, len], ids=["new", "counted"])
@pytest.mark.parametrize("begin", [lambda iterator: None, next], ids=["not begun", "begun"])
@pytest.mark.parametrize("view", [lambda d: d, lambda d: d.items()], ids=["keys", "items"])
def test_a_closed_iterator_is_over(d, view, ask, begin):
    iterator = iter(view(d))
    ask(d)
    begin(iterator)
    iterator.close()
    assert list(iterator) == []
    assert len(d) == 20


def test_a_listing_that_fails_fails_once(d):
    scan = d._scan

    def failing(prefix):
        yield next(scan(prefix))
        raise BackendError("the disk is gone", backend="Counted", operation="list")

    d._scan = failing
    for gather in (list, sorted, lambda d: list(d.items())):
        with pytest.raises(BackendError):
            gather(d)
    d._scan = scan
    assert len(list(d)) == len(d) == 20


def test_a_subclass_that_chooses_what_it_iterates_over(d):
    class Even(Counted):
        def __iter__(self):
            return (key for key in super().__iter__() if self[key] % 2 == 0)

        def __len__(self):
            return super().__len__() // 2

    even = Even(stored=d.stored)
    even.listings, even.loaded = [], []
    assert len(list(even)) == len(even) == len(list(even.keys())) == 10
    assert len(list(even.items())) == 20


def test_handles_hold_nothing_of_an_iteration(d):
    iterator = iter(d)
    twin = pickle.loads(pickle.dumps(MemoryBlobs(stored=d.stored)))
    assert vars(d).keys() == vars(copy.copy(d)).keys()
    assert len(twin) == len(list(iterator)) == 20
