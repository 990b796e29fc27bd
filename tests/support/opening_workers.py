"""What other processes do with descriptions; importable there, unlike test modules."""

from persidict import ITEM_NOT_AVAILABLE, open_store


def read(description, key, given):
    """Open a store and return an item and the store's parameters, shown."""
    d = open_store(description, **given)
    return d[key], repr(d)


def read_over_a_pipe(description, key, connection):
    """Do the same, and send what was found."""
    with connection:
        connection.send(read(description, key, {}))


def copy(source, target):
    """Copy one store to another and return the counts."""
    return tuple(open_store(source).copy_to(open_store(target)))


def increment(description, keys, times):
    """Count up items as others do at the same time."""
    d = open_store(description)
    for number in range(times):
        d.transform_item(keys[number % len(keys)], transformer=_plus_one, n_retries=None)


def _plus_one(value):
    return 1000 if value is ITEM_NOT_AVAILABLE else value + 1
