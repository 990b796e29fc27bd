"""The rows of the benchmark: what is done, how often, and how much it may cost."""

from __future__ import annotations

from typing import Any, NamedTuple

SMALL: dict[str, Any] = {"name": "value", "numbers": [1, 2, 3]}
PREFIXES = 200
LARGE = 100_000  # items, for the listings of large stores
OPERATIONS = 40_000  # of all threads


class Row(NamedTuple):
    """One kind of work.

    Attributes:
        name: The method of the stores that does it.
        label: What a reader of the table sees.
        limit: How many times the minimum ours may cost; None: only shown.
        keys: On how many keys it is done in a round; 0: it is one call for the whole store.
        unit: How many things such a call is about.
        is_more: The limit is microseconds more than the minimum.
        beside: Other limits, each with the contestant that it is about; ``"best"`` stands for the
            better of the minimum and the published package.
        clock: ``"wall"`` or ``"cpu"`` if the row is about one of them, whatever the run is about.
    """

    name: str
    label: str
    limit: float | None
    keys: int = 0
    unit: int = 1
    is_more: bool = False
    beside: tuple[tuple[str, float], ...] = ()
    clock: str = ""


def rows(items: int) -> list[Row]:
    """Return the rows about single items and listings, for stores of that many items."""
    many = min(items, 2000)
    return [
        Row("get", "`d[k]`", 1.8, many),
        Row("get_json", "`d[k]`, JSON", 2.2, many),
        Row("contains", "`k in d`", 2.0, many),
        Row("etag", "`d.etag(k)`", 2.0, many),
        Row("timestamp", "`d.timestamp(k)`", 2.0, many),
        Row("get_1mib", "`d[k]`, 1 MiB of bytes", 1.3, 20),
        Row("get_10mb_array", "`d[k]`, an array of 10 MB", 1.3, 5),
        Row("set_durable", "`d[k] = v`, on the disk", 1.15, 100),
        Row("set_fast", "`d[k] = v`, `durable=False`", 1.5, min(items, 500)),
        Row("set_10mb", "`d[k] = v`, 10 MB of bytes, `durable=False`", 1.25, 3),
        Row("transform_durable", "`d.transform_item(k)`, on the disk", 1.2, 50),
        Row("list_keys", f"`keys()` of {items:,} items, each", 2.5, unit=items),
        Row("list_nested_keys", f"`keys()` below {PREFIXES} prefixes, each", 2.5, unit=items),
        Row("list_items", f"`items()` of {items // 4:,} items, each", 1.8, unit=items // 4),
        Row("len", f"`len(d)`, {items:,} items", 1.2),
        Row("random_key", f"`d.random_key()`, {items:,} items", 1.3),
        Row("oldest_10", f"`d.oldest_keys(10)`, {items:,} items", 2.0),
        Row("bool", f"`bool(d)`, {items:,} items", 1.5),
        Row("subdicts", f"`d.subdicts()`, {PREFIXES} prefixes", 2.0),
        Row("get_subdict", '`d.get_subdict("p")`', None, many),
        Row("clear", f"`d.clear()` of {items // 4:,} items, each", 1.2, unit=items // 4),
        Row("make_key", 'a key of `"abc"`', 1.5, many),
        Row("local_get", "`LocalDict`: `d[k]`", 2.0, many, is_more=True),
        Row("local_set", "`LocalDict`: `d[k] = v`", 2.0, many, is_more=True),
    ]


def bulk_rows(items: int) -> list[Row]:
    """Return the rows about many items.

    What the contestant ``reference`` is, differs by row: `bulk_stores.Reference` says it.
    """
    batch = (("reference", 1.6),)
    listed = (("reference", 1.1),)
    half = items // 2
    each = f"of {half:,} items, each"
    return [
        Row("update_durable", f"`d.update` {each}", 2.0, unit=half, beside=batch),
        Row("discard_durable", f"`d.discard_many` {each}", 2.0, unit=half, beside=batch),
        Row("clear_durable", f"`d.clear()` {each}", 2.0, unit=half, beside=batch),
        Row("list_all", f"`list(d)` of {items:,} items, each", None, unit=items, beside=listed),
        Row("list_pairs", f"`list(d.items())` {each}", None, unit=half, beside=listed),
        Row("setdefault", "`d.setdefault` of an existing item", 1.5, min(items, 2000)),
    ]


def value_rows() -> list[Row]:
    """Return the rows about large values and threads."""
    json = (("reference", 2.5), ("published", 1.0))
    best = (("best", 1.3),)
    in_threads = (("reference", 1 / 0.8),)
    rows = [
        Row("get_text", "JSON: read 1 MB of text", None, 5, beside=json),
        Row("set_text", "JSON: write 1 MB of text", None, 5, beside=json),
        Row("get_floats", "JSON: read 50,000 floats", None, 5, beside=json),
        Row("set_floats", "JSON: write 50,000 floats", None, 5, beside=json),
        Row("get_records", "JSON: read 20,000 records", None, 3, beside=json),
        Row("set_records", "JSON: write 20,000 records", None, 3, beside=json),
        Row("get_zeros", "read 10 MB of zeros", None, 5, beside=best),
        Row("set_zeros", "write 10 MB of zeros", None, 3, beside=best),
    ]
    threads = "`LocalDict`: 4 threads,"
    for name, label, clock in (("threads", "time", ""), ("threads_cpu", "processor time", "cpu")):
        row = Row(name, f"{threads} {label}", None, unit=OPERATIONS, beside=in_threads, clock=clock)
        rows.append(row)
    return rows
