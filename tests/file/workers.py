"""Jobs that the concurrency tests run in several processes at once.

A process of its own, not a fork of pytest's: the same on every system. `meet` waits until all
workers of the test are there; the parent conducts it over stdin and stdout.
"""

import json
import os
import random
import sys

from persidict import (
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    NEVER_RETRIEVE,
    FileDirDict,
    MutationPolicyError,
)
from persidict.core.backend import ETagMismatch

ABSENT = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}


def meet():
    print("ready", flush=True)
    sys.stdin.readline()


class RacyDict(FileDirDict):
    """Checks, then acts: what the checks of the tests must notice.

    All workers meet once between the check and the act, so that it goes wrong for sure.
    """

    met = False

    def _put(self, key, data, expected):
        try:
            actual = self._stat(key).etag
        except KeyError:
            actual = ITEM_NOT_AVAILABLE
        if expected not in (actual, ANY_ETAG):
            raise ETagMismatch
        if not RacyDict.met:
            RacyDict.met = True
            meet()
        os.makedirs(os.path.dirname(self._where(key)), exist_ok=True)
        temporary = f"{self._where(key)}+{os.getpid()}"
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, self._where(key))
        return self._stat(key)

    def _erase(self, key, expected):
        actual = self._stat(key).etag
        if expected not in (actual, ANY_ETAG):
            raise ETagMismatch
        if not RacyDict.met:
            RacyDict.met = True
            meet()
        try:
            os.unlink(self._where(key))
        except FileNotFoundError:
            return


def increment(d, task):
    """Count up in one item, as often as the task says."""
    meet()
    for _ in range(task["times"]):
        d.transform_item("n", transformer=_successor, n_retries=None)


def _successor(count):
    return 1 if count is ITEM_NOT_AVAILABLE else count + 1


def cycle(d, task):
    """Count up in one item that is deleted, with its directory, instead of becoming 5."""

    def step(count):
        count = _successor(count)
        return DELETE_CURRENT if count == 5 else count

    meet()
    for _ in range(task["times"]):
        d.transform_item(("directory", "n"), transformer=step, n_retries=None)


def compare_and_swap(d, task):
    """Claim numbered turns by `set_item_if`, and report the turns won."""
    won = []
    for turn in range(task["times"]):
        meet()
        etag = d.etag("turn")
        meet()
        outcome = d.set_item_if(
            "turn",
            value=[turn, task["worker"]],
            condition=ETAG_IS_THE_SAME,
            expected_etag=etag,
            retrieve_value=NEVER_RETRIEVE,
        )
        if outcome.condition_was_satisfied:
            won.append(turn)
    return won


def insert_if(d, task):
    """Insert keys with `setdefault_if`, and report those won."""
    won = []
    for i in range(task["times"]):
        meet()
        outcome = d.setdefault_if(_key(i), default_value=task["worker"], **ABSENT)
        if outcome.value_was_mutated:
            won.append(i)
    return won


def insert(d, task):
    """Insert keys with `setdefault`, and report those that kept this worker's value."""
    won = []
    for i in range(task["times"]):
        meet()
        if d.setdefault(_key(i), task["worker"]) == task["worker"]:
            won.append(i)
    return won


def append(d, task):
    """Write keys of an append-only dict, and report the writes that were let through."""
    won = []
    for i in range(task["times"]):
        meet()
        try:
            d[_key(i)] = task["worker"]
        except MutationPolicyError:
            continue
        won.append(i)
    return won


def pop(d, task):
    """Pop keys, and report the values got."""
    got = []
    for i in range(task["times"]):
        meet()
        value = d.pop(_key(i), None)
        if value is not None:
            got.append(value)
    return got


def discard(d, task):
    """Delete keys, and report how many were there."""
    won = []
    for i in range(task["times"]):
        meet()
        if d.discard(_key(i)):
            won.append(i)
    return won


def popitem(d, task):
    """Take items until there are none, and report their values."""
    got = []
    meet()
    while True:
        try:
            got.append(d.popitem()[1])
        except KeyError:
            return got


def write_while_cleared(d, task):
    """Even workers write, odd ones clear, all at the same time."""
    for i in range(task["times"]):
        meet()
        if task["worker"] % 2:
            d.clear()
        else:
            d["a", "b", f"k{task['worker']}"] = i


def read_while_deleted(d, task):
    """Even workers write and delete, odd ones read in all ways; report what stayed visible."""
    generator = random.Random(task["worker"])
    seen = []
    meet()
    for i in range(task["times"]):
        if task["worker"] % 2:
            seen.append(_read_all(d))
            continue
        for _ in range(20):
            key = ("come", str(generator.randrange(5)), str(generator.randrange(5)))
            if generator.random() < 0.5:
                d[key] = i
            else:
                d.discard(key)
    return seen


def _read_all(d):
    """Look at the dict in all ways, and return the values that stay, by each of them."""
    ways = [
        [key[1] for key in list(d) if key[0] == "stay"],
        [value for key, value in d.items() if key[0] == "stay"],
        [value for value in d.values() if isinstance(value, str)],
        [key[1] for key in d.oldest_keys() if key[0] == "stay"],
        [value for value in d.newest_values() if isinstance(value, str)],
        [key[1] for key, _ in d.keys_and_timestamps() if key[0] == "stay"],
        [value for key, value, _ in d.items_and_timestamps() if key[0] == "stay"],
        [key[0] for key in d.get_subdict("stay")],
        [key[0] for key in d.subdicts()["stay"]],
    ]
    assert len(d) >= len(ways[0])
    assert d
    assert d.random_key() is not None
    assert d == d.get_subdict(())
    d.get_subdict("come").random_key()
    return [sorted(way) for way in ways]


def overwrite(d, task):
    """Write values that tell of themselves whether they are complete, and check what is read."""
    meet()
    for i in range(task["times"]):
        if task["worker"] % 2:
            value = d["x"]
            assert len(value[1]) == value[0]
            assert set(value[1]) == {value[0] % 10}
        else:
            size = 100 * i + task["worker"] + 1
            d["x"] = [size, [size % 10] * size]


def _key(i):
    # Some in one directory, some in directories of their own that come and go.
    return f"k{i}" if i % 2 else ("directory", f"k{i}")


def main():
    task = json.loads(sys.argv[1])
    store = RacyDict if task.get("racy") else FileDirDict
    d = store(
        base_dir=task["base_dir"],
        durable=task.get("durable", False),
        append_only=task.get("append_only", False),
        serialization_format=task.get("serialization_format", "pkl"),
    )
    print(json.dumps(globals()[task["job"]](d, task)), flush=True)


if __name__ == "__main__":
    main()
