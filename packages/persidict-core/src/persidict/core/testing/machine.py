"""The model that says what each operation must do, and the state machine that compares with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from persidict.core.base import PersiDict
from persidict.core.errors import MutationPolicyError
from persidict.core.flags import (
    ALWAYS_RETRIEVE,
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_HAS_CHANGED,
    ETAG_IS_THE_SAME,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
    VALUE_NOT_RETRIEVED,
)

CONDITIONS = (ANY_ETAG, ETAG_IS_THE_SAME, ETAG_HAS_CHANGED)
RETRIEVALS = (ALWAYS_RETRIEVE, NEVER_RETRIEVE, IF_ETAG_CHANGED)
OPERATIONS = ("get", "set", "keep", "delete", "setdefault", "discard")
# Hierarchical, with prefixes that are items themselves or the beginning of other components;
# none differ only in case.
KEYS = (
    ("a",),
    ("b",),
    ("a", "x"),
    ("a", "y"),
    ("a", "x", "z"),
    ("b", "a"),
    ("c", "a", "x"),
    ("ax", "z"),
)


class Item(NamedTuple):
    """A value in the model, with the ETag that the dict gave it."""

    value: Any
    etag: str


class Outcome(NamedTuple):
    """What a conditional operation must report; a new ETag is not known beforehand."""

    satisfied: bool
    actual_etag: Any
    is_written: bool
    new_value: Any


def predict(
    operation: str,
    *,
    item: Item | None,
    condition: object,
    expected_etag: object,
    retrieve_value: object,
    new_value: object,
    append_only: bool = False,
) -> Outcome | None:
    """Say what a conditional operation on an item (None: absent) must do, None: be refused."""
    actual = ITEM_NOT_AVAILABLE if item is None else item.etag
    equal = expected_etag == actual
    satisfied = condition is ANY_ETAG or equal is (condition is ETAG_IS_THE_SAME)
    deletes = satisfied and operation in ("delete", "discard")
    writes = satisfied and (
        operation == "set" or (operation == "setdefault" and actual is ITEM_NOT_AVAILABLE)
    )
    if append_only and (deletes or (writes and item is not None)):
        return None
    if writes:
        return Outcome(satisfied, actual, is_written=True, new_value=new_value)
    if deletes or item is None:
        return Outcome(satisfied, actual, is_written=False, new_value=ITEM_NOT_AVAILABLE)
    fetched = retrieve_value is ALWAYS_RETRIEVE or (retrieve_value is IF_ETAG_CHANGED and not equal)
    if operation == "discard" or not fetched:
        return Outcome(satisfied, actual, is_written=False, new_value=VALUE_NOT_RETRIEVED)
    return Outcome(satisfied, actual, is_written=False, new_value=item.value)


def call(
    operation: str,
    d: PersiDict[Any],
    key: Sequence[str],
    *,
    condition: Any,
    expected_etag: Any,
    retrieve_value: Any,
    new_value: Any,
) -> Any:
    """Call the conditional operation of this name."""
    common = {"condition": condition, "expected_etag": expected_etag}
    if operation == "discard":
        return d.discard_if(key, **common)
    common["retrieve_value"] = retrieve_value
    if operation == "get":
        return d.get_item_if(key, **common)
    if operation == "setdefault":
        return d.setdefault_if(key, default_value=new_value, **common)
    value = {"set": new_value, "keep": KEEP_CURRENT, "delete": DELETE_CURRENT}[operation]
    return d.set_item_if(key, value=value, **common)


def assert_outcome(result: Any, outcome: Outcome) -> None:
    """Compare the result of a conditional operation with what was predicted."""
    assert result.condition_was_satisfied is outcome.satisfied
    assert result.actual_etag == outcome.actual_etag
    assert result.new_value == outcome.new_value
    if outcome.is_written:
        assert isinstance(result.resulting_etag, str)
        assert result.resulting_etag != result.actual_etag
    elif outcome.new_value is ITEM_NOT_AVAILABLE:
        assert result.resulting_etag is ITEM_NOT_AVAILABLE
    else:
        assert result.resulting_etag == result.actual_etag
    assert result.value_was_mutated is (result.resulting_etag != result.actual_etag)


def stateful_machine(  # noqa: C901  # the rules of one machine, each of them short
    make_dict: Callable[[], PersiDict[Any]],
    *,
    values: st.SearchStrategy[Any] | None = None,
    keys: Sequence[Sequence[str]] = KEYS,
    etags_are_unique: bool = True,
) -> type[RuleBasedStateMachine]:
    """Make a state machine that compares every public operation with a plain dict.

    Args:
        make_dict: Called without arguments at the start of each run; returns an empty dict,
            mutable or append-only.
        values: What is stored; by default short texts, which every format can hold.
        keys: The keys that are used. Each prefix of them is used as a sub-dict.
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
    a_value = st.text(st.characters(codec="utf-8"), max_size=4) if values is None else values
    a_key = st.sampled_from([tuple(key) for key in keys])
    some_keys = st.lists(a_key, max_size=3)
    # How many components of the key become the prefix of the sub-dict that is used.
    a_depth = st.integers(0, max(map(len, keys)) - 1)

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.model: dict[tuple[str, ...], Item] = {}
            self.etags: dict[tuple[str, ...], list[str]] = {}

        @initialize()
        def begin(self) -> None:
            self.d = make_dict()
            assert dict(self.d) == {}

        def at(self, key: tuple[str, ...], depth: int) -> tuple[PersiDict[Any], tuple[str, ...]]:
            """Address an item through a sub-dict."""
            depth = min(depth, len(key) - 1)
            return self.d.get_subdict(key[:depth]), key[depth:]

        def written(self, key: tuple[str, ...], value: object) -> None:
            """Note a write that the dict has just acknowledged."""
            etag = self.d.etag(key)
            known = self.etags.setdefault(key, [])
            if etags_are_unique:
                assert etag not in known, f"{key} had the ETag {etag} before"
            known.append(etag)
            self.model[key] = Item(value, etag)

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

        @rule(key=a_key, depth=a_depth, value=a_value | st.sampled_from([KEEP_CURRENT]))
        def set_item(self, key: tuple[str, ...], depth: int, value: Any) -> None:
            d, name = self.at(key, depth)
            if value is not KEEP_CURRENT and self.d.append_only and key in self.model:
                self.refused(lambda: d.__setitem__(name, value))
                return
            d[name] = value
            if value is not KEEP_CURRENT:
                self.written(key, value)

        @rule(key=a_key, depth=a_depth)
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
            key=a_key,
            depth=a_depth,
            condition=st.sampled_from(CONDITIONS),
            retrieve_value=st.sampled_from(RETRIEVALS),
            value=a_value,
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
            known = self.etags.get(key, ["never seen"])
            expected = {
                "current": item.etag if item else ITEM_NOT_AVAILABLE,
                "absent": ITEM_NOT_AVAILABLE,
                "first": known[0],
                "last": known[-1],
            }[expect]
            arguments: dict[str, Any] = {
                "condition": condition,
                "expected_etag": expected,
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
                if etags_are_unique:
                    assert_outcome(result, outcome)
                return
            assert_outcome(result, outcome)
            if outcome.new_value is ITEM_NOT_AVAILABLE:
                self.model.pop(key, None)

        @rule(
            key=a_key,
            depth=a_depth,
            answer=a_value | st.sampled_from([KEEP_CURRENT, DELETE_CURRENT]),
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

        @rule(key=a_key, depth=a_depth, value=a_value)
        def setdefault(self, key: tuple[str, ...], depth: int, value: Any) -> None:
            d, name = self.at(key, depth)
            item = self.model.get(key)
            assert d.setdefault(name, value) == (item.value if item else value)
            if item is None:
                self.written(key, value)

        @rule(
            key=a_key,
            depth=a_depth,
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

        @rule(items=st.dictionaries(a_key, a_value, max_size=3), update=st.booleans())
        def set_many(self, items: dict[tuple[str, ...], Any], update: bool) -> None:
            write = self.d.update if update else lambda new: self.d.set_many(new.items())
            if self.d.append_only and not items.keys().isdisjoint(self.model):
                items = {key: value for key, value in items.items() if key in self.model}
                self.refused(lambda: write(items))
                return
            write(items)
            for key, value in items.items():
                self.written(key, value)

        @rule(wanted=some_keys)
        def get_many(self, wanted: list[tuple[str, ...]]) -> None:
            found = [(key, self.model[key].value) for key in wanted if key in self.model]
            assert list(self.d.get_many(wanted)) == found

        @rule(prefix=st.sampled_from([(), *{key[:-1] for key in keys}]))
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

    return Machine
