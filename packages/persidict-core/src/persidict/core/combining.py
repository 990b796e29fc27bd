"""Hot keys: changes of one item by several threads of a process are combined into one write.

The first thread to change an item leads. The others queue, each with its transformer. Whoever
leads reads the item, applies all transformers in order and writes once; then the lead passes on.
A thread that changes an item without others at it does what it would do without all this.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from persidict.core import guarded
from persidict.core.combined_changes import Chain
from persidict.core.forks import new_lock
from persidict.core.keys import NonEmptySafeStrTuple
from persidict.core.results import OperationResult
from persidict.core.transform_call import Call, Role

# Seconds that a thread waits for other threads' transformers, which may in turn wait for it.
_PATIENCE = 0.1
# The part of an attempt's time that the next leader waits for threads that come back at once.
_GATHERING_SHARE = 1 / 8
# Items without callers whose last attempts are remembered.
_MAX_IDLE = 64

Freeze = Callable[[Any, NonEmptySafeStrTuple, Any], Any]
"""Encodes a value of a store's item, or raises what writing it would raise."""
Thaw = Callable[[Any, NonEmptySafeStrTuple, Any], Any]
"""Decodes such a value as if it were read."""


class _Queue:
    """The threads that change one item."""

    def __init__(self) -> None:
        self.waiting: deque[Call] = deque()
        self.followers: list[Call] = []
        """Those whose transformers the leader applies."""
        self.calling_since: float | None = None
        """Since when the leader has been calling transformers, by `time.monotonic`."""
        self.last_size = 0
        """How many calls the last attempt combined."""
        self.gather_until = 0.0
        """Until when their threads may come back for more, by `time.monotonic`."""


class _Leading(threading.local):
    """What this thread leads while it calls transformers."""

    combiner: Combiner | None = None
    key: NonEmptySafeStrTuple | None = None
    call: Call | None = None


_leading = _Leading()


class Combiner:
    """Combines changes of the items of one store; all copies and sub-dicts of a handle share it.

    Args:
        freeze: Encodes a value.
        thaw: Decodes it.
    """

    def __init__(self, freeze: Freeze, thaw: Thaw) -> None:
        self.freeze = freeze
        self.thaw = thaw
        self._lock = new_lock()
        self._queues: dict[NonEmptySafeStrTuple, _Queue] = {}
        self._idle: dict[NonEmptySafeStrTuple, _Queue] = {}
        self._pid = os.getpid()

    @classmethod
    def of_bytes(cls) -> Combiner:
        """Return a new one for a `BlobDict`."""
        return cls(
            lambda store, key, value: store._encoded(key, value),
            lambda store, key, data: store._decoded(key, data),
        )

    def of_wrapper(self) -> Combiner:
        """Return a new one for a wrapper around the store."""
        return Combiner(
            lambda wrapper, key, value: self.freeze(wrapper._main, key, value),
            lambda wrapper, key, data: self.thaw(wrapper._main, key, data),
        )

    def transform(
        self,
        store: Any,
        key: NonEmptySafeStrTuple,
        transformer: Any,
        n_retries: int | None,
        default: Any,
    ) -> OperationResult[Any]:
        """Do what `guarded.transform` does, together with other threads."""
        if _leading.call is not None:
            # Called by a transformer, for which others wait: it must wait for nobody.
            if _leading.combiner is self and _leading.key == key:
                _leading.call.is_nested = True
            return guarded.transform(store, key, transformer, n_retries, default)
        call = Call(store, transformer, n_retries, default)
        queue = self._join(key, call)
        if call.role is Role.WAITS:
            self._wait(key, queue, call)
        if call.role is Role.LEADS:
            self._lead(key, queue, call)
        if call.role is Role.ALONE:
            return guarded.transform(store, key, transformer, n_retries, default)
        return call.outcome()

    def _join(self, key: NonEmptySafeStrTuple, call: Call) -> _Queue:
        """Wait behind others, or take the lead.

        The main thread never leads, for a signal could interrupt it at any moment.
        """
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._queues = {}  # their threads are not in this child of a fork
            queue = self._queues.get(key)
            if queue is not None:
                queue.waiting.append(call)
                return queue
            queue = self._idle.pop(key, None) or _Queue()
            call.role = Role.ALONE if call.is_main else Role.LEADS
            if call.role is Role.LEADS:
                self._queues[key] = queue
            return queue

    def _wait(self, key: NonEmptySafeStrTuple, queue: _Queue, call: Call) -> None:
        """Wait for the outcome or for the lead."""
        try:
            while not call.signal.acquire(timeout=_PATIENCE):
                since = queue.calling_since
                is_stuck = since is not None and time.monotonic() - since > _PATIENCE
                if is_stuck and self._withdraw(call):
                    return
        except BaseException:
            if not self._withdraw(call) and call.role is Role.LEADS:
                self._pass_on(key, queue)
            raise

    def _withdraw(self, call: Call) -> bool:
        """Leave the queue, if no leader has called the transformer yet."""
        with self._lock:
            if call.role is Role.WAITS:
                call.role = Role.ALONE
            return call.role is Role.ALONE

    def _lead(self, key: NonEmptySafeStrTuple, queue: _Queue, call: Call) -> None:
        try:
            if len(queue.waiting) < queue.last_size // 2:
                time.sleep(max(queue.gather_until - time.monotonic(), 0))
            while call.role is Role.LEADS:
                self._attempt(key, queue, call)
        finally:
            self._pass_on(key, queue)

    def _attempt(self, key: NonEmptySafeStrTuple, queue: _Queue, own: Call) -> None:
        """Read, apply the transformers and write, once."""
        started = time.monotonic()
        # Before the item is read: it may have changed since by the time that others come.
        self._take(queue, own)
        chain = Chain(own.store, key)
        failure = chain.begin()
        if failure is None:
            self._call(key, queue, own, chain)
            if not any(call.is_nested for call in (own, *queue.followers)):
                failure = chain.end()
        for call in (own, *queue.followers):
            chain.settle(call, failure)
        ended = time.monotonic()
        queue.last_size = 1 + len(queue.followers)
        queue.gather_until = ended + (ended - started) * _GATHERING_SHARE
        self._release(queue, own)
        if own.role is Role.LEADS and chain.is_conflict:
            guarded.back_off(own.store, key, own.conflicts)

    def _take(self, queue: _Queue, own: Call) -> None:
        """Make those who wait followers."""
        if not (queue.waiting or queue.followers):
            return
        with self._lock:
            if not own.may_share():
                queue.waiting.extendleft(reversed(queue.followers))
                queue.followers = []
                return
            waiting = [one for one in queue.waiting if one.role is Role.WAITS]
            queue.followers += [one for one in waiting if one.may_share()]
            queue.waiting = deque(one for one in waiting if not one.may_share())

    def _call(self, key: NonEmptySafeStrTuple, queue: _Queue, own: Call, chain: Chain) -> None:
        """Call the transformers of the leader and its followers."""
        chain.is_shared = bool(queue.followers)
        _leading.combiner, _leading.key = self, key
        try:
            for call in (own, *queue.followers):
                with self._lock:
                    if call.role is Role.WAITS:
                        call.role = Role.STARTED
                    if call.role is Role.ALONE:
                        continue
                queue.calling_since = time.monotonic()
                _leading.call = call
                chain.apply(call, is_own=call is own)
        finally:
            _leading.combiner = _leading.key = _leading.call = None
            queue.calling_since = None

    def _release(self, queue: _Queue, own: Call) -> None:
        """Wake the followers whose outcome is known; the others go on waiting."""
        kept: list[Call] = []
        woken: list[Call] = []
        with self._lock:
            for call in (own, *queue.followers):
                if call.result is not None or call.error is not None:
                    call.role = Role.DONE
                elif call.is_nested or (call.is_main and not call.may_share()):
                    call.role = Role.ALONE
                elif call.role is Role.STARTED:
                    call.role = Role.WAITS
                    (kept if call.may_share() else queue.waiting).append(call)
                    continue
                if call is not own:
                    woken.append(call)
            queue.followers = kept
        for call in woken:
            call.signal.release()

    def _pass_on(self, key: NonEmptySafeStrTuple, queue: _Queue) -> None:
        """Let another thread lead."""
        with self._lock:
            for call in queue.followers:
                if call.role is Role.STARTED:
                    call.role = Role.WAITS
            queue.waiting.extendleft(reversed(queue.followers))
            queue.followers = []
            waiting = [one for one in queue.waiting if one.role is Role.WAITS]
            leader = next((one for one in waiting if not one.is_main), None)
            woken = waiting if leader is None else [leader]
            for call in woken:
                call.role = Role.ALONE if leader is None else Role.LEADS
            queue.waiting = deque(one for one in waiting if one.role is Role.WAITS)
            if leader is None and self._queues.get(key) is queue:
                del self._queues[key]
                if len(self._idle) == _MAX_IDLE:
                    self._idle.clear()
                if queue.last_size > 1:
                    self._idle[key] = queue
        for call in woken:
            call.signal.release()
