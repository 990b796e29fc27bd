"""Open stores from configuration."""

import os

from persidict import PersiDict, describe, open_store


def configured() -> PersiDict:
    return open_store(os.environ["STORE"], serialization_format="json")


store = configured()
store["a"] = [1, 2]
again = open_store(describe(store))
print(again["a"][0])
