"""Threads of one process that change one item are combined, and each sees what it would alone."""

import contextvars
import os
import random
import signal
import threading
import traceback

import pytest

from persidict.core import (
    DELETE_CURRENT,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    BackendError,
    ConcurrencyConflictError,
    EncodingError,
    MutationPolicyError,
)
from persidict.file import FileDirDict
from persidict.s3 import BasicS3Dict, S3Dict
from tests.support.hot_keys import Caller, held_write, queue_up, wait_until, waits

pytestmark = [
    pytest.mark.usefixtures("transport"),
    pytest.mark.parametrize("transport", ["boto3", "obstore"], indirect=True),
]


def increment(number):
    return number + 1


def change(d, transformer, **options):
    return lambda: d.transform_item("n", transformer=transformer, **options)


@pytest.fixture(params=["basic", "cached"])
def d(request, basic, moto_place, tmp_path):
    return basic if request.param == "basic" else S3Dict(base_dir=tmp_path, **moto_place)


def test_all_who_wait_take_one_request(d, moto):
    d["n"] = 0
    with moto.counting() as seen:
        callers = queue_up(moto, change(d, increment), [change(d, increment)] * 30)
        results = [caller.outcome() for caller in callers]
    assert [result.new_value for result in results] == list(range(2, 32))
    assert len({result.resulting_etag for result in results}) == 30
    assert results[-1].resulting_etag == d.etag("n")
    assert seen == {"GET": 1, "PUT": 2}
    assert d["n"] == 31


def test_requests_per_increment(d, moto):
    """64 threads take a tenth of a request each, at most, and lose nothing."""
    d["n"] = 0
    moto.latency = 0.02
    start = threading.Barrier(64)

    def work():
        start.wait(60)
        for _ in range(8):
            d.transform_item("n", transformer=increment, n_retries=None)

    with moto.counting() as seen:
        for caller in [Caller(work) for _ in range(64)]:
            caller.outcome()
    assert d["n"] == 64 * 8
    assert seen["PUT"] + seen["GET"] <= 0.1 * 64 * 8


def appended(name):
    def append(values):
        values.append(name)
        return values

    return append


def broken(values):
    values.append("never")
    raise LookupError


def kept(values):
    return KEEP_CURRENT


def spoilt_and_kept(values):
    if values is not ITEM_NOT_AVAILABLE:
        values.append("never")
    return KEEP_CURRENT


def outcome_of(act):
    try:
        result = act()
    except Exception as error:  # noqa: BLE001  # compared
        return type(error), None
    return result.resulting_etag, result.new_value


def renamed(outcomes):
    """Give ETags numbers, in the order in which they come up."""
    numbers = {ITEM_NOT_AVAILABLE: -1}
    return [
        (etag if isinstance(etag, type) else numbers.setdefault(etag, len(numbers)), value)
        for etag, value in outcomes
    ]


@pytest.mark.parametrize("draw", range(6))
def test_as_if_each_ran_alone(d, moto, tmp_path, draw):
    dice = random.Random(draw)
    kinds = [
        lambda: (appended(dice.random()), {"default": ["new"]}),
        lambda: (broken, {"default": []}),
        lambda: (kept, {}),
        lambda: (kept, {"default": []}),
        lambda: (lambda _: DELETE_CURRENT, {}),
        lambda: (lambda _: threading.Lock(), {}),  # can't be stored
        lambda: (lambda _: ITEM_NOT_AVAILABLE, {}),  # nor this
        lambda: (lambda values: [*values, 1], {"n_retries": 0}),  # fails on an absent item
    ]
    plan = [dice.choice(kinds)() for _ in range(15)]
    model = FileDirDict(tmp_path / "model")
    model["n"] = d["n"] = []
    first = appended("first")
    assert change(model, first)().new_value == ["first"]
    expected = [outcome_of(change(model, act, **options)) for act, options in plan]
    acts = [change(d, act, **options) for act, options in plan]
    callers = queue_up(moto, change(d, first), acts)
    found = [outcome_of(caller.outcome) for caller in callers]
    assert renamed(found) == renamed(expected)
    assert d.get("n") == model.get("n")


def test_no_version_is_seen_by_two(d, moto):
    """A transformer that changes its value in place changes nobody else's result."""
    d["n"] = []
    acts = [change(d, appended(name)) for name in "abc"]
    callers = queue_up(moto, change(d, lambda _: []), [change(d, spoilt_and_kept), *acts])
    values = [caller.outcome().new_value for caller in callers]
    assert values == [["never"], ["a"], ["a", "b"], ["a", "b", "c"]]


def test_an_error_fails_its_caller_alone(d, moto):
    def fail_for_me(number):
        raise ZeroDivisionError(number)

    d["n"] = 0
    callers = queue_up(
        moto,
        change(d, increment),
        [change(d, increment), change(d, fail_for_me), change(d, increment)],
    )
    with pytest.raises(ZeroDivisionError) as caught:
        callers[1].outcome()
    assert caught.value.args == (2,)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] == "fail_for_me"
    assert "transform_item" in names
    assert [callers[n].outcome().new_value for n in (0, 2)] == [2, 3]


def test_an_interrupt_from_a_transformer_is_its_callers(basic, moto):
    def interrupt(number):
        raise KeyboardInterrupt

    basic["n"] = 0
    callers = queue_up(
        moto,
        change(basic, increment),
        [change(basic, increment), change(basic, interrupt), change(basic, increment)],
    )
    with pytest.raises(KeyboardInterrupt):
        callers[1].outcome()
    assert [callers[n].outcome().new_value for n in (0, 2)] == [2, 3]


def test_errors_name_the_key_that_the_caller_knows(basic, moto):
    sub = basic.get_subdict("a")
    sub["n"] = 0

    def lock(number):
        return threading.Lock()

    callers = queue_up(
        moto,
        change(sub, increment),
        [
            lambda: basic.transform_item(("a", "n"), transformer=lock),
            change(sub, lock),
            change(sub, increment),
        ],
    )
    for caller, key in zip(callers[:2], [("a", "n"), ("n",)], strict=True):
        with pytest.raises(EncodingError) as caught:
            caller.outcome()
        assert caught.value.key == key
    assert callers[2].outcome().new_value == 2


def test_the_main_thread_follows(basic, moto):
    basic["n"] = 0
    main = threading.current_thread()
    with held_write(moto, unless=lambda: waits(main)) as arrived:
        leader = Caller(change(basic, increment))
        assert arrived.wait(60)
        assert change(basic, increment)().new_value == 2
    assert leader.outcome().new_value == 1


def test_append_only(moto_place, moto):
    d = BasicS3Dict(**moto_place, append_only=True)
    with held_write(moto) as arrived:
        leader = Caller(change(d, lambda _: 1))
        assert arrived.wait(60)
        callers = [Caller(change(d, lambda _: 2)), Caller(change(d, lambda _: KEEP_CURRENT))]
        wait_until(lambda: all(map(waits, callers)))
    assert leader.outcome().new_value == 1
    with pytest.raises(MutationPolicyError):
        callers[0].outcome()
    assert callers[1].outcome().new_value == 1


def test_conflicts_count_for_each(basic, moto, moto_place):
    """The first attempt begins with the version just written, and counts for nobody."""
    other = BasicS3Dict(**moto_place)
    basic["n"] = 0
    meddled = []

    def meddle(number):
        if not meddled:
            meddled.append(True)
            other["n"] = 100
        return number + 1

    callers = queue_up(
        moto,
        change(basic, lambda _: 0),
        [
            change(basic, increment, n_retries=0),
            change(basic, meddle),
            change(basic.get_subdict(()), increment, n_retries=3),
        ],
    )
    assert [caller.outcome().new_value for caller in callers] == [101, 102, 103]


def test_who_may_not_retry_is_told(basic, moto, moto_place):
    other = BasicS3Dict(**moto_place)
    basic["n"] = 0

    def meddle(number):
        other["n"] = 100
        return number + 1

    callers = queue_up(
        moto,
        change(basic, lambda _: 0),
        [
            change(basic, meddle, n_retries=1),
            change(basic, increment, n_retries=0),
            change(basic, increment, n_retries=9),
        ],
    )
    for caller, attempts in zip(callers[:2], (2, 1), strict=True):
        with pytest.raises(ConcurrencyConflictError) as caught:
            caller.outcome()
        assert (caught.value.key, caught.value.attempts) == (("n",), attempts)
    assert callers[2].outcome().new_value == 101


def test_a_failing_server_fails_all_who_wait(basic, moto):
    basic["n"] = 0
    callers = []

    def refuse(environ):
        if environ["REQUEST_METHOD"] == "PUT":
            return "403 Forbidden", "AccessDenied"
        return None

    with held_write(moto) as arrived:
        leader = Caller(change(basic, increment))
        assert arrived.wait(60)
        callers += [Caller(change(basic, increment)) for _ in range(3)]
        wait_until(lambda: all(map(waits, callers)))
        moto.faults = refuse
    errors = []
    for caller in [leader, *callers]:
        with pytest.raises(BackendError, match="AccessDenied") as caught:
            caller.outcome()
        errors.append(caught.value)
    assert len(set(map(id, errors))) == 4
    assert all(error.__cause__ is not None for error in errors)


class Interrupted(BasicS3Dict):
    """Its next write is interrupted, before or after it is sent."""

    when = None

    def _put(self, key, data, expected):
        when, type(self).when = type(self).when, None
        if when == "before":
            raise KeyboardInterrupt
        stat = super()._put(key, data, expected)
        if when == "after":
            raise KeyboardInterrupt
        return stat


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_leader_strands_nobody(moto_place, moto, when):
    d = Interrupted(**moto_place)
    d["n"] = 0
    callers = []
    with held_write(moto) as arrived:
        first = Caller(change(d, increment))
        assert arrived.wait(60)
        for _ in range(4):
            callers.append(Caller(change(d, increment)))
            wait_until(lambda: waits(callers[-1]))
        Interrupted.when = when
    assert first.outcome().new_value == 1
    with pytest.raises(KeyboardInterrupt):
        callers[0].outcome()
    if when == "before":
        assert [caller.outcome().new_value for caller in callers[1:]] == [2, 3, 4]
        assert d["n"] == 4
    else:
        # Their changes were made together with that of the interrupted thread.
        for caller in callers[1:]:
            with pytest.raises(BackendError, match="nothing shows whether"):
                caller.outcome()
        assert d["n"] == 5
    assert change(d, increment)().new_value == d["n"]


def test_an_interrupted_follower_changes_nothing(basic, moto):
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals interrupt the main thread only")
    basic["n"] = 0
    with held_write(moto) as arrived:
        leader = Caller(change(basic, increment))
        assert arrived.wait(60)
        main = threading.main_thread()

        def interrupt():
            wait_until(lambda: waits(main))
            signal.pthread_kill(main.ident, signal.SIGINT)

        interrupter = Caller(interrupt)
        with pytest.raises(KeyboardInterrupt):
            change(basic, increment)()
        interrupter.outcome()
    assert leader.outcome().new_value == 1
    assert Caller(change(basic, increment)).outcome().new_value == 2


def test_a_transformer_may_change_its_own_item(basic, moto):
    """It fails as it does alone, and the others do not suffer."""
    basic["n"] = 0

    def nested(number):
        basic.transform_item("n", transformer=increment, n_retries=None)
        return number + 1

    callers = queue_up(
        moto,
        change(basic, increment),
        [change(basic, nested, n_retries=2), *[change(basic, increment)] * 3],
    )
    for caller in callers[1:]:
        caller.outcome()
    with pytest.raises(ConcurrencyConflictError):
        callers[0].outcome()
    assert basic["n"] >= 4 + 3


def test_transformers_may_change_each_others_items(basic):
    both = threading.Barrier(2)
    met = threading.local()

    def crossing(other):
        def cross(number):
            if not getattr(met, "once", False):
                met.once = True
                both.wait(60)
            basic.transform_item(other, transformer=increment, default=0, n_retries=None)
            return number + 1

        return cross

    callers = [
        Caller(
            lambda one=one, other=other: basic.transform_item(
                one, transformer=crossing(other), default=0, n_retries=None
            )
        )
        for one, other in [("a", "b"), ("b", "a")]
    ]
    for caller in callers:
        caller.outcome()
    assert basic["a"] >= 1
    assert basic["b"] >= 1


def test_transformers_may_wait_for_each_other(basic, moto):
    """Both must be called at the same time, which one leader alone can't do."""
    both = threading.Barrier(2)
    basic["n"] = 0

    def meet(number):
        if not both.broken and both.n_waiting < 2 and not done.is_set():
            both.wait(60)
            done.set()
        return number + 1

    done = threading.Event()
    callers = queue_up(
        moto,
        change(basic, increment),
        [change(basic, meet, n_retries=None), change(basic, meet, n_retries=None)],
    )
    for caller in callers:
        caller.outcome()
    assert basic["n"] == 3


def test_context_variables_are_those_of_the_caller(basic, moto):
    who = contextvars.ContextVar("who")

    def act(name):
        who.set(name)
        return basic.transform_item("n", transformer=lambda names: [*names, who.get()])

    basic["n"] = []
    acts = [lambda name=name: act(name) for name in "bcd"]
    for caller in queue_up(moto, lambda: act("a"), acts):
        caller.outcome()
    assert basic["n"] == ["a", "b", "c", "d"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_waits_for_none_of_its_parents_threads(basic, moto):
    basic["n"] = 0
    with held_write(moto) as arrived:
        leader = Caller(change(basic, increment))
        assert arrived.wait(60)
        child = os.fork()
        if not child:
            try:
                Caller(lambda: basic.transform_item("m", transformer=lambda _: 1)).outcome()
                Caller(lambda: basic.transform_item("n", transformer=lambda _: 7)).outcome()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert leader.outcome().new_value in (1, 8)


def test_tasks(basic, moto):
    import asyncio

    from persidict.aio import AsyncPersiDict

    moto.latency = 0.02

    async def count():
        d = AsyncPersiDict(basic)
        calls = [
            d.transform_item("n", transformer=increment, default=0, n_retries=None)
            for _ in range(100)
        ]
        return [result.new_value for result in await asyncio.gather(*calls)]

    with moto.counting() as seen:
        assert sorted(asyncio.run(count())) == list(range(1, 101))
    assert seen["PUT"] <= 50
