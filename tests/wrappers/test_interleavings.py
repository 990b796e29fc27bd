"""Writers and readers that share two caches, in every order that their steps can take."""

import threading
from itertools import combinations_with_replacement

import pytest

from persidict.core import LocalDict
from persidict.wrappers import MutableDictCached
from persidict.wrappers.paired_entries import PairedEntries
from persidict.wrappers.write_through import MISSING


class Killed(BaseException):
    """The process that did this ends here."""


class Turns:
    """Lets actors go on one at a time, step by step, in the order of a list of choices."""

    def __init__(self, choices, kill=None):
        self.choices = choices
        self.kill = kill  # the actor that dies, and after how many steps
        self.branches = []  # (chosen, number of actors it was chosen from)
        self.local = threading.local()

    def step(self):
        """Wait for one's turn; called before each access to a store."""
        me = getattr(self.local, "me", None)
        if me is None:
            return  # whoever looks from outside
        self.taken[me] += 1
        if self.kill == (me, self.taken[me] - 1):
            raise Killed
        self.back.release()
        self.go[me].acquire()

    def run(self, actors):
        self.taken = [0] * len(actors)
        self.go = [threading.Semaphore(0) for _ in actors]
        self.back = threading.Semaphore(0)
        self.ended = [False] * len(actors)
        self.errors = []
        threads = [threading.Thread(target=self._act, args=pair) for pair in enumerate(actors)]
        for thread in threads:
            thread.start()
            self.back.acquire()
        while not all(self.ended):
            waiting = [me for me, ended in enumerate(self.ended) if not ended]
            depth = len(self.branches)
            chosen = self.choices[depth] if depth < len(self.choices) else 0
            self.branches.append((chosen, len(waiting)))
            self.go[waiting[chosen]].release()
            self.back.acquire()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def _act(self, me, actor):
        self.local.me = me
        try:
            actor()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001  # raised again where the run was started
            self.errors.append(error)
        finally:
            self.ended[me] = True
            self.back.release()


class Stepwise(LocalDict):
    """A dict whose every access is a step."""

    turns = None

    def _stat(self, key):
        self.turns.step()
        return super()._stat(key)

    def _load(self, key, known):
        self.turns.step()
        return super()._load(key, known)

    def _store(self, key, value, expected):
        self.turns.step()
        return super()._store(key, value, expected)

    def _erase(self, key, expected):
        self.turns.step()
        super()._erase(key, expected)

    def _scan(self, prefix):
        self.turns.step()
        return super()._scan(prefix)


class Main(Stepwise):
    """Also remembers all that it ever held under the one key that is used."""

    def __init__(self):
        super().__init__()
        self.history = [None]

    def _store(self, key, value, expected):
        stat = super()._store(key, value, expected)
        self.history.append(value)
        return stat

    def _erase(self, key, expected):
        super()._erase(key, expected)
        self.history.append(None)


class World:
    """One main dict with its caches, two versions of the item in the past."""

    def __init__(self, turns, wrapper, *, warm):
        self.main, self.data, self.etags = Main(), Stepwise(), Stepwise()
        for store in (self.main, self.data, self.etags):
            store.turns = turns
        self.wrapper = wrapper
        self.wrong = []
        (self.handle() if warm else self.main)["a"] = "old"

    def handle(self):
        """Another process opens the dict."""
        return self.wrapper(main_dict=self.main, data_cache=self.data, etag_cache=self.etags)

    def check(self, read):
        self.main.turns.step()  # a read may begin at any time
        first = len(self.main.history) - 1
        found = read(self.handle())
        if found not in self.main.history[first:]:
            self.wrong.append((found, self.main.history[first:]))

    def actor(self, name):
        d = self.handle()
        return {
            "write": lambda: d.__setitem__("a", f"by {name}{id(d)}"),
            "delete": lambda: d.discard("a"),
            "rewrite": lambda: (d.discard("a"), d.__setitem__("a", f"again {id(d)}")),
            "read": lambda: self.check(lambda d: d.get("a")),
            "list": lambda: self.check(lambda d: next(iter(d.values()), None)),
        }[name]


def first_wrong(names, wrapper=MutableDictCached, *, warm=True, kill=None):
    """Run the actors in all orders of their steps; return what was read wrong, if anything."""
    choices, runs = [], 0
    while True:
        turns = Turns(choices, kill)
        world = World(turns, wrapper, warm=warm)
        turns.run([world.actor(name) for name in names])
        world.check(lambda d: next(iter(d.values()), None))
        world.check(lambda d: d.get("a"))
        world.check(lambda d: dict(d.get_many(["a"])).get(("a",)))
        runs += 1
        if world.wrong:
            return world.wrong[0]
        branches = turns.branches
        while branches and branches[-1][0] + 1 == branches[-1][1]:
            branches.pop()
        if not branches:
            assert runs > 1
            return None
        choices = [chosen for chosen, _ in branches[:-1]] + [branches[-1][0] + 1]


PAIRS = list(combinations_with_replacement(["write", "delete", "rewrite", "read", "list"], 2))


@pytest.mark.slow
@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize("names", PAIRS, ids="+".join)
def test_no_order_of_steps_serves_a_stale_value(names, warm):
    assert first_wrong(names, warm=warm) is None


@pytest.mark.slow
@pytest.mark.parametrize("names", [("write", "write", "write")], ids="+".join)
def test_three_writers(names):
    assert first_wrong(names) is None


@pytest.mark.parametrize("steps", range(1, 5))
@pytest.mark.parametrize("names", [("write", "write"), ("write", "read"), ("rewrite", "read")])
def test_a_process_dies_between_two_steps(names, steps):
    assert first_wrong(names, kill=(0, steps)) is None


class WithEntries(MutableDictCached):
    """A cache whose entries are handled by `entries_type`."""

    entries_type = PairedEntries

    def __init__(self, *, main_dict, data_cache, etag_cache):
        super().__init__(main_dict=main_dict, data_cache=data_cache, etag_cache=etag_cache)
        self._entries = self.entries_type(main_dict, data_cache, etag_cache)


class UnboundEntries(PairedEntries):
    """The mistake that the binding prevents: any cached value counts as the validated one."""

    def value(self, key, validator):
        found = self.data.load(key)
        return MISSING if found is None else found[0]


class Unbound(WithEntries):
    entries_type = UnboundEntries


class Unasked(WithEntries):
    """Another mistake: a cached value counts as current."""

    def _load(self, key, known):
        found = self._entries.find(key, None)
        if found is None:
            return super()._load(key, known)
        return found[1], self._main._stat(key)


@pytest.mark.parametrize("wrapper", [Unbound, Unasked])
def test_the_search_finds_wrong_caches(wrapper):
    assert any(first_wrong(("write", "read"), wrapper, warm=warm) for warm in (True, False))


def test_the_search_finds_unordered_writes():
    assert first_wrong(("write", "write"), Unbound) is not None


def test_the_search_finds_what_a_death_leaves_behind():
    class MainLast(UnboundEntries):
        def write(self, key, value, expected):
            self.data.store(key, value)
            return super().write(key, value, expected)

    class CacheFirst(WithEntries):
        entries_type = MainLast

    assert first_wrong(("write", "read"), CacheFirst, kill=(0, 1)) is not None
