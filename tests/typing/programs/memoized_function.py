"""Memoize functions and methods."""

from dataclasses import dataclass

from persidict import FileDirDict, memoize


@memoize(FileDirDict("results"), max_age=3600)
def squares(n: int) -> list[int]:
    return [i * i for i in range(n)]


@dataclass(frozen=True)
class Model:
    size: int

    @memoize(FileDirDict("models"))
    def weights(self, seed: int = 0) -> list[float]:
        return [float(seed)] * self.size


print(sum(squares(10)), Model(3).weights(seed=1)[0])
squares.invalidate(10)
