"""The checker of histories, and what it must and must not catch."""

import random

import pytest

pytest.importorskip("persidict.file")

from tests.torture import drawn_contests
from tests.torture.contests import Contest
from tests.torture.linearizability import (
    ABSENT,
    ANYTHING,
    PRESENT,
    Operation,
    Same,
    exactly,
    find_violation,
)

A = ["a"]


def wrote(called, returned, version):
    return Operation(called, returned, ANYTHING, version, f"wrote {version}")


def read(called, returned, version):
    return Operation(called, returned, exactly(version), Same, f"read {version}")


def deleted(called, returned):
    return Operation(called, returned, PRESENT, ABSENT, "deleted")


def swapped(called, returned, before, after):
    return Operation(called, returned, exactly(before), after, f"swapped {before} for {after}")


@pytest.mark.parametrize(
    "history",
    [
        [],
        [read(0, 1, ABSENT)],
        [wrote(0, 1, "x"), read(2, 3, "x")],
        [wrote(0, 10, "x"), read(2, 3, ABSENT), read(4, 5, "x")],
        [wrote(0, 10, "x"), wrote(0, 10, "y"), read(11, 12, "x")],
        [wrote(0, 10, "x"), wrote(0, 10, "y"), read(11, 12, "y")],
        [wrote(0, 5, "x"), read(5, 6, ABSENT)],  # they touch
        [wrote(0, None, "x"), read(100, 101, "x")],  # killed, and done
        [wrote(0, None, "x"), read(100, 101, ABSENT)],  # killed before it was done
        [wrote(0, None, "x"), read(100, 101, ABSENT), read(102, 103, "x")],  # done later
        [swapped(0, 9, ABSENT, "x"), swapped(0, 9, "x", "y"), deleted(1, 8), read(10, 11, ABSENT)],
    ],
)
def test_histories_that_can_be_explained(history):
    assert find_violation(history) is None


@pytest.mark.parametrize(
    "history",
    [
        [read(0, 1, "x")],
        [wrote(0, 1, "x"), read(2, 3, ABSENT)],
        [wrote(0, 1, "x"), wrote(2, 3, "y"), read(4, 5, "x")],
        # Two readers disagree about the order of two writes.
        [wrote(0, 9, "x"), wrote(0, 9, "y"), read(10, 11, "x"), read(12, 13, "y")],
        [wrote(0, 9, "x"), read(1, 2, "x"), read(3, 4, ABSENT)],
        [swapped(0, 9, ABSENT, "x"), swapped(0, 9, ABSENT, "y")],  # two winners
        [wrote(0, 1, "x"), deleted(2, 9), deleted(2, 9)],
        [wrote(0, None, "x"), read(1, 2, "x"), read(3, 4, ABSENT)],  # undone after it was seen
        [wrote(5, None, "x"), read(1, 2, "x")],  # seen before it was called
    ],
)
def test_histories_that_cant_be_explained(history):
    assert find_violation(history) is not None


def contended(seed, *, operations=400, clients=8):
    """Draw what clients of a true register see of it if a third of the answers gets lost."""
    dice = random.Random(seed)
    now, state, history = 0, ABSENT, []
    free = [0] * clients
    for n in range(operations):
        client = dice.randrange(clients)
        called = max(free[client], now - dice.randrange(1, 40))
        now = max(called, now) + 1
        free[client] = returned = now + dice.randrange(1, 60)
        version = f"v{n}"
        made = dice.choice(
            [
                wrote(called, returned, version),
                read(called, returned, state),
                read(called, returned, ABSENT) if state is ABSENT else deleted(called, returned),
                swapped(called, returned, state, version),
            ]
        )
        is_lost = made.becomes is not Same and dice.random() < 0.3
        if not is_lost or dice.random() < 0.5:
            state = made.applied_to(state)
        history.append(made._replace(returned=None) if is_lost else made)
    return history


@pytest.mark.parametrize("seed", range(5))
def test_a_contended_history_with_lost_answers_takes_no_exponential_search(seed):
    history = contended(seed)
    assert find_violation(history) is None
    last = max(n for n, one in enumerate(history) if one.becomes is Same)
    history[last] = history[last]._replace(requires=exactly("a version that nobody wrote"))
    assert find_violation(history) is not None


def test_against_all_orders():
    """The search agrees with trying all permutations, on histories of any kind."""
    from itertools import permutations

    def brute(history):
        certain = [one for one in history if one.returned is not None]
        maybe = [one for one in history if one.returned is None]
        chosen = [
            certain + [one for n, one in enumerate(maybe) if bits >> n & 1]
            for bits in range(1 << len(maybe))
        ]
        for operations in chosen:
            for order in permutations(operations):
                state, latest = ABSENT, 0
                for operation in order:
                    latest = max(latest, operation.called)
                    if operation.returned is not None and operation.returned < latest:
                        break
                    if not operation.requires.holds(state):
                        break
                    state = operation.applied_to(state)
                else:
                    return True
        return False

    dice = random.Random(3)
    verdicts = []
    for _ in range(1500):
        history = []
        for n in range(dice.randrange(1, 6)):
            called = dice.randrange(8)
            returned = None if dice.random() < 0.2 else called + dice.randrange(5)
            make = dice.choice([wrote, read, deleted, swapped])
            versions = [dice.choice([ABSENT, "v0", "v1", "v2"]), f"v{n}"]
            arguments = {wrote: versions[1:], read: versions[:1], swapped: versions}
            history.append(make(called, returned, *arguments.get(make, [])))
        verdicts.append(brute(history))
        assert (find_violation(history) is None) is verdicts[-1], history
    assert 100 < sum(verdicts) < 1400


@pytest.fixture
def contest(tmp_path):
    def run(plans, store, deaths=(), **params):
        notes = tmp_path / "notes"
        notes.mkdir()
        descriptions = [
            {
                "store": store,
                "params": {
                    name: value(n) if callable(value) else value for name, value in params.items()
                },
            }
            for n in range(len(plans))
        ]
        return Contest(notes, descriptions, plans, dict(deaths), random.Random(0)).run()

    return run


def test_a_racy_store_is_caught(contest, tmp_path):
    plan = [{"do": "transform_item", "key": A, "becomes": "value"}]
    verdict = contest(
        [plan] * 6, "tests.torture.broken_stores.RacyDict", base_dir=str(tmp_path / "store")
    )
    assert "no order explains it" in "".join(verdict.problems)


def test_two_winners_are_caught(contest, tmp_path):
    plan = [{"do": "setdefault_if", "key": A}]
    verdict = contest(
        [plan] * 2, "tests.torture.broken_stores.RacyDict", base_dir=str(tmp_path / "store")
    )
    assert "no order explains it" in "".join(verdict.problems)


def test_half_a_value_is_caught(contest, tmp_path):
    write = [{"do": "set", "key": A, "size": 50}]
    read = [{"do": "meet"}, {"do": "get", "key": A}, {"do": "meet"}]
    verdict = contest(
        [write, read], "tests.torture.broken_stores.TearingDict", base_dir=str(tmp_path / "store")
    )
    assert "an error without a fault" in "".join(verdict.problems)


def test_a_stale_cache_is_caught(contest, tmp_path):
    reader = [{"do": "get", "key": A}, {"do": "meet"}, {"do": "meet"}, {"do": "get", "key": A}]
    writer = [{"do": "meet"}, {"do": "set", "key": A}, {"do": "meet"}]
    first = [{"do": "set", "key": A}, *reader]
    verdict = contest(
        [first, writer],
        "tests.torture.broken_stores.open_stale_cache",
        base_dir=str(tmp_path / "store"),
        cache_dir=lambda n: str(tmp_path / f"cache{n}"),
    )
    assert "no order explains it" in "".join(verdict.problems)


def test_a_shared_etag_is_caught(contest):
    from tests.torture.histories import find_violations

    times = {"called": 1, "returned": 2}
    seen = [
        {"id": name, "do": "get_with_etag", "key": A, "etag": "e", "value_read": name, **times}
        for name in ("x", "y")
    ]
    assert "one ETag" in "".join(find_violations(seen))


@pytest.mark.parametrize("seed", range(2))
def test_files(seed, tmp_path):
    drawn = drawn_contests.on_files(seed, tmp_path)
    verdict = drawn.run()
    assert verdict.problems == [], drawn
    assert verdict.operations >= 6 * drawn_contests.OPERATIONS
    assert verdict.errors == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("store", "faulty", "hot"),
    [
        ("BasicS3Dict", True, False),
        ("S3Dict", False, False),
        ("BasicS3Dict", False, True),
        ("S3Dict", True, True),
    ],
)
def test_s3(store, faulty, hot, tmp_path):
    pytest.importorskip("persidict.s3")
    pytest.importorskip("moto")
    from tests.support import servers

    moto = servers.Moto()
    try:
        drawn = drawn_contests.on_s3(
            1, tmp_path, moto, store, faulty=faulty, hot=hot, operations=10
        )
        verdict = drawn.run()
    finally:
        moto.stop()
    assert verdict.problems == [], drawn
    assert verdict.operations >= 6 * 10
