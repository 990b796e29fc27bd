"""The rows of the benchmark: what is done, how often, and how much it may cost."""

from __future__ import annotations

from typing import Any, NamedTuple

SMALL: dict[str, Any] = {"name": "value", "numbers": [1, 2, 3]}
PREFIXES = 200


class Row(NamedTuple):
    """One kind of work.

    Attributes:
        name: The method of the stores that does it.
        limit: How many times the minimum ours may cost; None: only shown.
        keys: On how many keys it is done in a round; 0: it is one call for the whole store.
        unit: How many things such a call is about.
        is_more: The limit is microseconds more than the minimum.
    """

    name: str
    limit: float | None
    keys: int = 0
    unit: int = 1
    is_more: bool = False


def rows(items: int) -> list[Row]:
    """Return all rows, for stores of that many items."""
    many = min(items, 2000)
    return [
        Row("get", 1.8, many),
        Row("get_json", 2.2, many),
        Row("contains", 2.0, many),
        Row("etag", 2.0, many),
        Row("timestamp", 2.0, many),
        Row("get_1mib", 1.3, 20),
        Row("get_10mb_array", 1.3, 5),
        Row("set_durable", 1.15, 100),
        Row("set_fast", 1.5, min(items, 500)),
        Row("set_10mb", 1.25, 3),
        Row("transform_durable", 1.2, 50),
        Row("list_keys", 2.5, unit=items),
        Row("list_nested_keys", 2.5, unit=items),
        Row("list_items", 1.8, unit=items // 4),
        Row("len", 1.2),
        Row("random_key", 1.3),
        Row("oldest_10", 2.0),
        Row("bool", 1.5),
        Row("subdicts", 2.0),
        Row("get_subdict", None, many),
        Row("clear", 1.2, unit=items // 4),
        Row("make_key", 1.5, many),
        Row("local_get", 2.0, many, is_more=True),
        Row("local_set", 2.0, many, is_more=True),
    ]
