"""A state machine that compares random sequences of operations with the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from persidict.core.base import PersiDict
from persidict.core.errors import MutationPolicyError
from persidict.core.flags import DELETE_CURRENT, ITEM_NOT_AVAILABLE, KEEP_CURRENT
from persidict.core.testing.model import (
    CONDITIONS,
    KEYS,
    OPERATIONS,
    RETRIEVALS,
    Item,
    assert_outcome,
    call,
    predict,
)


def stateful_machine(
    make_dict: Callable[[], PersiDict[Any]],
    *,
    values: st.SearchStrategy[Any] | None = None,
    keys: Sequence[Sequence[str]] = KEYS,
    etags_are_unique: bool = True,
) -> type[RuleBasedStateMachine]:
    """Return a state machine that compares every public operation with a plain dict.

    Args:
        make_dict: Called without arguments at the start of each run; returns an empty dict,
            mutable or append-only.
        values: The values to store; by default short texts, which every format can represent.
        keys: The keys to use. Each of their prefixes is used as a sub-dict.
        etags_are_unique: False where equal values may share an ETag (plain text on S3).

    Returns:
        A class for `hypothesis.stateful.run_state_machine_as_test`, or for pytest to collect
        through its ``TestCase``.

    Example:
        >>> from hypothesis import settings
        >>> from hypothesis.stateful import run_state_machine_as_test
        >>> from persidict.core import LocalDict
        >>> few = settings(max_examples=2, database=None)
        >>> run_state_machine_as_test(stateful_machine(LocalDict), settings=few)
    """
    return type(
        "Machine",
        (_Machine,),
        {
            "make_dict": staticmethod(make_dict),
            "values": st.text(st.characters(codec="utf-8"), max_size=4)
            if values is None
            else values,
            "keys": [tuple(key) for key in keys],
            "etags_are_unique": etags_are_unique,
        },
    )


# These strategies depend on the machine that runs: its keys and values are class attributes.
_MACHINE = st.runner()
_KEY = _MACHINE.flatmap(lambda machine: st.sampled_from(machine.keys))
_VALUE = _MACHINE.flatmap(lambda machine: machine.values)
_SOME_KEYS = st.lists(_KEY, max_size=3)
# The number of components that become the prefix of the sub-dict.
_DEPTH = _MACHINE.flatmap(lambda machine: st.integers(0, max(map(len, machine.keys)) - 1))
_PREFIX = _MACHINE.flatmap(
    lambda machine: st.sampled_from(sorted({(), *(key[:-1] for key in machine.keys)}))
)


class _Machine(RuleBasedStateMachine):
    """Runs each operation on a dict and on the model, and compares."""

    make_dict: ClassVar[Callable[[], PersiDict[Any]]]
    values: ClassVar[st.SearchStrategy[Any]]
    keys: ClassVar[Sequence[tuple[str, ...]]]
    etags_are_unique: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[tuple[str, ...], Item] = {}
        self.etags: dict[tuple[str, ...], list[str]] = {}

    @initialize()
    def begin(self) -> None:
        self.d = type(self).make_dict()
        assert dict(self.d) == {}

    def at(self, key: tuple[str, ...], depth: int) -> tuple[PersiDict[Any], tuple[str, ...]]:
        """Return a sub-dict and the rest of the key."""
        depth = min(depth, len(key) - 1)
        return self.d.get_subdict(key[:depth]), key[depth:]

    def written(self, key: tuple[str, ...], value: object) -> None:
        """Record a write that the dict has acknowledged."""
        etag = self.d.etag(key)
        known = self.etags.setdefault(key, [])
        if self.etags_are_unique:
            assert etag not in known, f"{key} had the ETag {etag} before"
        known.append(etag)
        self.model[key] = Item(value, etag)

    def etag_of(self, key: tuple[str, ...], which: str) -> Any:
        """Return the item's current, first or last ETag, or that of an absent item."""
        item = self.model.get(key)
        known = self.etags.get(key, ["never seen"])
        return {
            "current": item.etag if item else ITEM_NOT_AVAILABLE,
            "absent": ITEM_NOT_AVAILABLE,
            "first": known[0],
            "last": known[-1],
        }[which]

    def refused(self, action: Callable[[], object]) -> None:
        with pytest.raises(MutationPolicyError) as caught:
            action()
        assert caught.value.policy == "append-only"

    def below(self, prefix: tuple[str, ...]) -> dict[tuple[str, ...], Any]:
        depth = len(prefix)
        return {
            key[depth:]: item.value
            for key, item in self.model.items()
            if key[:depth] == prefix and len(key) > depth
        }

    @rule(key=_KEY, depth=_DEPTH, value=st.one_of(_VALUE, st.sampled_from([KEEP_CURRENT])))
    def set_item(self, key: tuple[str, ...], depth: int, value: Any) -> None:
        d, name = self.at(key, depth)
        if value is not KEEP_CURRENT and self.d.append_only and key in self.model:
            self.refused(lambda: d.__setitem__(name, value))
            return
        d[name] = value
        if value is not KEEP_CURRENT:
            self.written(key, value)

    @rule(key=_KEY, depth=_DEPTH)
    def read(self, key: tuple[str, ...], depth: int) -> None:
        d, name = self.at(key, depth)
        item = self.model.get(key)
        assert (name in d) is (item is not None)
        assert d.get(name, None) == (item and item.value)
        found = d.get_with_etag(name)
        if item is not None:
            assert (d[name], d.etag(name)) == item
            assert (found.new_value, found.actual_etag) == item
            listed = {tuple(k): time for k, time in d.keys_and_timestamps()}[name]
            assert abs(d.timestamp(name) - listed) <= 1  # listings may be more precise
            return
        assert found.new_value is ITEM_NOT_AVAILABLE
        for ask in (d.__getitem__, d.etag, d.timestamp):
            with pytest.raises(KeyError) as caught:
                ask(name)
            assert caught.value.args == (name,)

    @rule(
        operation=st.sampled_from(OPERATIONS),
        key=_KEY,
        depth=_DEPTH,
        condition=st.sampled_from(CONDITIONS),
        retrieve_value=st.sampled_from(RETRIEVALS),
        value=_VALUE,
        # Nothing drawn may depend on the store, whose order and ETags differ from run to run.
        expect=st.sampled_from(["current", "absent", "first", "last"]),
    )
    def conditional(
        self,
        operation: str,
        key: tuple[str, ...],
        depth: int,
        condition: Any,
        retrieve_value: Any,
        value: Any,
        expect: str,
    ) -> None:
        d, name = self.at(key, depth)
        item = self.model.get(key)
        arguments: dict[str, Any] = {
            "condition": condition,
            "expected_etag": self.etag_of(key, expect),
            "retrieve_value": retrieve_value,
            "new_value": value,
        }
        outcome = predict(operation, item=item, append_only=self.d.append_only, **arguments)
        if outcome is None:
            self.refused(lambda: call(operation, d, name, **arguments))
            return
        result = call(operation, d, name, **arguments)
        if outcome.is_written:
            self.written(key, value)
            assert result.resulting_etag == self.model[key].etag
            # On a store whose equal values share an ETag, writing one again changes none.
            if self.etags_are_unique:
                assert_outcome(result, outcome)
            return
        assert_outcome(result, outcome)
        if outcome.new_value is ITEM_NOT_AVAILABLE:
            self.model.pop(key, None)

    @rule(
        key=_KEY,
        depth=_DEPTH,
        answer=st.one_of(_VALUE, st.sampled_from([KEEP_CURRENT, DELETE_CURRENT])),
    )
    def transform(self, key: tuple[str, ...], depth: int, answer: Any) -> None:
        d, name = self.at(key, depth)
        item = self.model.get(key)
        given = []

        def transformer(value: Any) -> Any:
            given.append(value)
            return answer

        changes = answer is DELETE_CURRENT or (answer is not KEEP_CURRENT and item is not None)
        if self.d.append_only and changes:
            self.refused(lambda: d.transform_item(name, transformer=transformer))
            return
        result = d.transform_item(name, transformer=transformer)
        assert given == [item.value if item else ITEM_NOT_AVAILABLE]
        if answer is DELETE_CURRENT:
            self.model.pop(key, None)
        elif answer is not KEEP_CURRENT:
            self.written(key, answer)
        after = self.model.get(key, Item(ITEM_NOT_AVAILABLE, ITEM_NOT_AVAILABLE))  # type: ignore[arg-type]
        assert (result.new_value, result.resulting_etag) == after

    @rule(key=_KEY, depth=_DEPTH, value=_VALUE)
    def setdefault(self, key: tuple[str, ...], depth: int, value: Any) -> None:
        d, name = self.at(key, depth)
        item = self.model.get(key)
        assert d.setdefault(name, value) == (item.value if item else value)
        if item is None:
            self.written(key, value)

    @rule(
        key=_KEY,
        depth=_DEPTH,
        how=st.sampled_from(["del", "discard", "delete_if_exists", "joker", "pop", "many"]),
    )
    def delete(self, key: tuple[str, ...], depth: int, how: str) -> None:
        d, name = self.at(key, depth)
        actions: dict[str, Callable[[], object]] = {
            "del": lambda: d.__delitem__(name),
            "discard": lambda: d.discard(name),
            "delete_if_exists": lambda: d.delete_if_exists(name),
            "joker": lambda: d.__setitem__(name, DELETE_CURRENT),
            "pop": lambda: d.pop(name),
            "many": lambda: d.discard_many([name, name]),
        }
        if self.d.append_only:
            self.refused(actions[how])
            return
        item = self.model.pop(key, None)
        if item is None and how in ("del", "pop"):
            with pytest.raises(KeyError) as caught:
                actions[how]()
            assert caught.value.args == (name,)
            return
        expected = {
            "discard": item is not None,
            "delete_if_exists": item is not None,
            "pop": item and item.value,
        }
        assert actions[how]() == expected.get(how)

    @precondition(lambda self: not self.d.append_only)
    @rule(prefix=st.sampled_from([(), ("a",), ("b",)]))
    def popitem(self, prefix: tuple[str, ...]) -> None:
        d = self.d.get_subdict(prefix)
        items = self.below(prefix)
        if not items:
            with pytest.raises(KeyError):
                d.popitem()
            return
        key, value = d.popitem()
        assert items[key] == value
        del self.model[prefix + tuple(key)]

    @precondition(lambda self: not self.d.append_only)
    @rule(prefix=st.sampled_from([(), ("a",), ("a", "x"), ("c",)]))
    def clear(self, prefix: tuple[str, ...]) -> None:
        self.d.get_subdict(prefix).clear()
        for key in self.below(prefix):
            del self.model[prefix + key]

    @rule(items=st.dictionaries(_KEY, _VALUE, max_size=3), update=st.booleans())
    def set_many(self, items: dict[tuple[str, ...], Any], update: bool) -> None:
        write = self.d.update if update else lambda new: self.d.set_many(new.items())
        if self.d.append_only and not items.keys().isdisjoint(self.model):
            items = {key: value for key, value in items.items() if key in self.model}
            self.refused(lambda: write(items))
            return
        write(items)
        for key, value in items.items():
            self.written(key, value)

    @rule(wanted=_SOME_KEYS)
    def get_many(self, wanted: list[tuple[str, ...]]) -> None:
        found = [(key, self.model[key].value) for key in wanted if key in self.model]
        assert list(self.d.get_many(wanted)) == found

    @rule(prefix=_PREFIX)
    def whole(self, prefix: tuple[str, ...]) -> None:
        d, items = self.d.get_subdict(prefix), self.below(prefix)
        assert dict(d.items()) == items
        assert d == items
        assert sorted(d) == sorted(items)
        assert (len(d), bool(d)) == (len(items), bool(items))
        assert sorted(d.values(), key=repr) == sorted(items.values(), key=repr)
        assert d.subdicts().keys() == {key[0] for key in items}
        assert sorted(d.oldest_keys()) == sorted(d.newest_keys()) == sorted(items)
        chosen = d.random_key()
        assert chosen in items if items else chosen is None

    @invariant()
    def count(self) -> None:
        if hasattr(self, "d"):
            assert len(self.d) == len(self.model)
