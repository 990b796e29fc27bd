"""What other processes do in tests."""

from persidict.core import ETAG_IS_THE_SAME, ITEM_NOT_AVAILABLE, open_store
from persidict.s3 import BasicS3Dict


def increment(_me, params, times):
    d = BasicS3Dict(**params)
    for _ in range(times):
        d.transform_item(
            "n", transformer=lambda n: 1 if n is ITEM_NOT_AVAILABLE else n + 1, n_retries=None
        )


def insert(me, params, keys):
    d = BasicS3Dict(**params)
    absent = {"condition": ETAG_IS_THE_SAME, "expected_etag": ITEM_NOT_AVAILABLE}
    return [
        key for key in keys if d.setdefault_if(key, default_value=me, **absent).value_was_mutated
    ]


def increment_described(description, times):
    d = open_store(description)
    for _ in range(times):
        d.transform_item(
            "n", transformer=lambda n: 1 if n is ITEM_NOT_AVAILABLE else n + 1, n_retries=None
        )
