"""What the processes of a contest do: operations by a plan, each noted before and after.

The notes go to a file without a buffer, so that they survive the process.
"""

from __future__ import annotations

import importlib
import json
import os
import threading
import time
from collections import defaultdict
from multiprocessing.connection import Connection
from typing import Any, ClassVar

from persidict import (
    ALWAYS_RETRIEVE,
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_HAS_CHANGED,
    ETAG_IS_THE_SAME,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
    BackendError,
    ConcurrencyConflictError,
)

CONDITIONS = {"any": ANY_ETAG, "same": ETAG_IS_THE_SAME, "changed": ETAG_HAS_CHANGED}


class Meeting:
    """Lets a process wait for all others of its contest."""

    connection: ClassVar[Connection | None] = None

    @classmethod
    def wait(cls) -> None:
        assert cls.connection is not None
        cls.connection.send_bytes(b"meet")
        cls.connection.recv_bytes()


def open_dict(description: dict[str, Any]) -> Any:
    """Open a store by the path of its class, its parameters and environment variables."""
    os.environ.update(description.get("environment", {}))
    module, _, name = description["store"].rpartition(".")
    return getattr(importlib.import_module(module), name)(**description["params"])


def play(
    connection: Connection,
    name: str,
    description: dict[str, Any],
    plan: list[dict[str, Any]],
    notes: str,
) -> None:
    """Do what the plan says, and note it."""
    Meeting.connection = connection
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    client = _Client(open_dict(description), name, descriptor)
    for number, step in enumerate(plan):
        if step["do"] == "meet":
            Meeting.wait()
        elif step["do"] == "together":
            _play_together(client, number, step["plans"])
            connection.send_bytes(b"done")
        else:
            client.do(number, step)
            connection.send_bytes(b"done")
    connection.close()


def _play_together(client: _Client, number: int, plans: list[list[dict[str, Any]]]) -> None:
    """Play several plans, each in a thread of its own, on one dict."""

    def play_one(n: int, plan: list[dict[str, Any]]) -> None:
        twin = client.twin(f"{number}.t{n}")
        for position, step in enumerate(plan):
            twin.do(position, step)

    threads = [threading.Thread(target=play_one, args=pair) for pair in enumerate(plans)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class _Client:
    def __init__(self, d: Any, name: str, notes: int) -> None:
        self._d = d
        self._name = name
        self._notes = notes
        self._seen: dict[str, list[Any]] = defaultdict(lambda: [ITEM_NOT_AVAILABLE])

    def twin(self, name: str) -> _Client:
        """Return a client for another thread, with the same dict."""
        return _Client(self._d, f"{self._name}.{name}", self._notes)

    def do(self, number: int, step: dict[str, Any]) -> None:
        self._id = f"{self._name}.{number}"
        self._attempts = 0
        self._step = step
        key = tuple(step["key"])
        # The newest ETag that this client has seen, or one before it.
        seen = self._seen[str(key)]
        expected = seen[-1 - min(step.get("older", 0), len(seen) - 1)]
        note = {"id": self._id, "do": step["do"], "key": step["key"]}
        note |= {"condition": step.get("condition"), "expected": _plain(expected)}
        self._note(**note, called=time.monotonic_ns())
        try:
            result = getattr(self, f"_{step['do']}")(key, expected)
        except ConcurrencyConflictError:
            result = {"gave_up": True}
        except BackendError as error:
            self._note(id=self._id, error=repr(error), returned=time.monotonic_ns())
            return
        self._note(id=self._id, returned=time.monotonic_ns(), **result)
        for etag in (result.get("etag"), result.get("new_etag")):
            if etag not in (None, "absent"):
                seen.append(etag)

    def _get(self, key: Any, _: Any) -> dict[str, Any]:
        return {"value_read": _name_of(self._d.get(key))}

    def _in(self, key: Any, _: Any) -> dict[str, Any]:
        return {"present": key in self._d}

    def _get_with_etag(self, key: Any, _: Any) -> dict[str, Any]:
        found = self._d.get_with_etag(key)
        return {"value_read": _name_of(found.new_value), "etag": _plain(found.actual_etag)}

    def _get_item_if(self, key: Any, expected: Any) -> dict[str, Any]:
        return _result(self._d.get_item_if(key, **self._conditions(expected)))

    def _items(self, key: Any, _: Any) -> dict[str, Any]:
        """Read by a listing: what it shows of the key was there, what it lacks may have come."""
        for found, value in self._d.items():
            if found == key:
                return {"value_read": _name_of(value)}
        return {"unknown": True}

    def _set(self, key: Any, _: Any) -> dict[str, Any]:
        self._d[key] = self._value()
        return {}

    def _set_item_if(self, key: Any, expected: Any) -> dict[str, Any]:
        value = self._value()
        return _result(self._d.set_item_if(key, value=value, **self._conditions(expected)))

    def _setdefault(self, key: Any, _: Any) -> dict[str, Any]:
        return {"value_read": _name_of(self._d.setdefault(key, self._value()))}

    def _setdefault_if(self, key: Any, _: Any) -> dict[str, Any]:
        outcome = self._d.setdefault_if(
            key,
            default_value=self._value(),
            condition=ETAG_IS_THE_SAME,
            expected_etag=ITEM_NOT_AVAILABLE,
            retrieve_value=ALWAYS_RETRIEVE,
        )
        return _result(outcome)

    def _transform_item(self, key: Any, _: Any) -> dict[str, Any]:
        def transform(value: Any) -> Any:
            self._attempts += 1
            becomes = self._step["becomes"]
            written = f"{self._id}.{self._attempts}" if becomes == "value" else becomes
            self._note(id=self._id, saw=_name_of(value), writes=written)
            jokers = {"deleted": DELETE_CURRENT, "kept": KEEP_CURRENT}
            return jokers.get(becomes) or self._value(written)

        outcome = self._d.transform_item(key, transformer=transform, n_retries=20)
        return {"new_etag": _plain(outcome.resulting_etag), "done": True}

    def _discard(self, key: Any, _: Any) -> dict[str, Any]:
        return {"deleted": self._d.discard(key)}

    def _discard_if(self, key: Any, expected: Any) -> dict[str, Any]:
        conditions = self._conditions(expected)
        del conditions["retrieve_value"]
        return _result(self._d.discard_if(key, **conditions))

    def _pop(self, key: Any, _: Any) -> dict[str, Any]:
        return {"popped": _name_of(self._d.pop(key, None))}

    def _conditions(self, expected: Any) -> dict[str, Any]:
        return {
            "condition": CONDITIONS[self._step["condition"]],
            "expected_etag": expected,
            "retrieve_value": NEVER_RETRIEVE if self._step.get("blind") else ALWAYS_RETRIEVE,
        }

    def _value(self, name: str | None = None) -> list[str]:
        """Make a value that tells of itself whether it is complete."""
        name = name or self._id
        return [name, name * self._step.get("size", 1)]

    def _note(self, **what: Any) -> None:
        os.write(self._notes, json.dumps(what).encode() + b"\n")


def _plain(etag: Any) -> str:
    return "absent" if etag is ITEM_NOT_AVAILABLE else str(etag)


def _name_of(value: Any) -> str:
    """Return the name of the version that a value is, having looked whether it is complete."""
    if value is None or value is ITEM_NOT_AVAILABLE:
        return "absent"
    name, filler = value
    if filler != name * (len(filler) // len(name)):
        raise AssertionError(f"half a value: {value!r:.200}")
    return str(name)


def _result(outcome: Any) -> dict[str, Any]:
    found = {"satisfied": outcome.condition_was_satisfied, "mutated": outcome.value_was_mutated}
    found |= {"etag": _plain(outcome.actual_etag), "new_etag": _plain(outcome.resulting_etag)}
    if isinstance(outcome.new_value, list) or outcome.new_value is ITEM_NOT_AVAILABLE:
        found["value_read"] = _name_of(outcome.new_value)
    return found
