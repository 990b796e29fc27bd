"""What other processes do with handles that they got as arguments."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Holder:
    """An object that has a dict, as applications do."""

    name: str
    store: Any


def write(store, key, value):
    """Write an item, and return its key and the items there."""
    store[key] = value
    return dict(store.items())


def write_pair(pair):
    """Do the same with what `Pool.map` hands over."""
    store, number = pair
    store[f"k{number}"] = number
    return number


def write_by_holder(holder, value):
    """Write to the dict that an object has."""
    holder.store[holder.name] = value
    return holder
