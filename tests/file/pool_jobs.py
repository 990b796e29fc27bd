"""What worker processes do: they open the store by its description."""

from persidict import ITEM_NOT_AVAILABLE, open_store


def count_up(description, times):
    d = open_store(description)
    for _ in range(times):
        d.transform_item(
            "n", transformer=lambda n: 1 if n is ITEM_NOT_AVAILABLE else n + 1, n_retries=None
        )
    return type(d).__name__
