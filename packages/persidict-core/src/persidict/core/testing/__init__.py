"""The conformance kit: what every store must do, for the tests of any store. Needs pytest.

A store's test file is its fixture::

    class TestMyDict(PersiDictConformance):
        @pytest.fixture
        def make_dict(self, tmp_path):
            return functools.partial(MyDict, path=tmp_path)

`persidict.core.testing.machine.stateful_machine`, also importable from here, compares random
sequences of all operations with a plain dict.
"""

from persidict.core.testing.base import PersiDictConformance, ReadingConformance
from persidict.core.testing.changing import ChangingConformance
from persidict.core.testing.conditional import (
    AppendOnlyConformance,
    ConditionalConformance,
    MakeDict,
)
from persidict.core.testing.machine import stateful_machine

__all__ = [
    "AppendOnlyConformance",
    "ChangingConformance",
    "ConditionalConformance",
    "MakeDict",
    "PersiDictConformance",
    "ReadingConformance",
    "stateful_machine",
]
