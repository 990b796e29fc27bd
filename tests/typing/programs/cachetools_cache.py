"""Let cachetools keep its results in a dict of ours."""

import cachetools

from persidict import LocalDict, stable_digest


@cachetools.cached(cache=LocalDict(), key=stable_digest)
def power(x: float, y: float) -> float:
    return x * y


print(power(2, 3) + 1)
