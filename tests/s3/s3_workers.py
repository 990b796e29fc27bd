"""What other processes do in tests."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from persidict.core import ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE, BackendError, open_store
from persidict.s3 import BasicS3Dict


def increment(_me, params, times):
    """Return how many increments may have been done or not, because an answer got lost."""
    d = BasicS3Dict(**params)
    unsure = 0
    for _ in range(times):
        try:
            d.transform_item("n", transformer=lambda n: n + 1, n_retries=None, default=0)
        except BackendError as error:
            assert "the answer got lost" in str(error)
            unsure += 1
    return unsure


def increment_by_threads(_me, params, times, threads):
    """Return the sorted values that the threads of this process made."""
    d = BasicS3Dict(**params)

    def work(_):
        return [
            d.transform_item("n", transformer=lambda n: n + 1, n_retries=None, default=0).new_value
            for _ in range(times)
        ]

    with ThreadPoolExecutor(threads) as pool:
        return sorted(chain.from_iterable(pool.map(work, range(threads))))


def insert(me, params, keys):
    d = BasicS3Dict(**params)
    absent = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}
    won = []
    for key in keys:
        try:
            outcome = d.setdefault_if(key, default_value=me, **absent)
        except BackendError as error:
            # Of an insertion that was refused, and whose refusal got lost: others may have deleted
            # the item, so persidict can't tell. Here nobody does.
            assert "the answer got lost" in str(error)
        else:
            if outcome.value_was_mutated:
                won.append(key)
    return won


def increment_described(description, times):
    d = open_store(description)
    for _ in range(times):
        d.transform_item(
            "n", transformer=lambda n: 1 if n is ITEM_NOT_AVAILABLE else n + 1, n_retries=None
        )
