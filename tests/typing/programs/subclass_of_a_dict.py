"""Add a method to a dict."""

from typing import Any

from persidict import FileDirDict


class Runs(FileDirDict[dict[str, Any]]):
    """Results by the number of a run."""

    def losses(self) -> list[float]:
        return [run["loss"] for run in self.values()]


class Plain(FileDirDict):
    """Any values."""

    def first(self) -> object:
        return next(iter(self.values()), None)


runs = Runs("runs")
runs["1"] = {"loss": 0.5}
print(min(runs.losses()), runs.get_subdict("a").losses(), Plain("x").first())
