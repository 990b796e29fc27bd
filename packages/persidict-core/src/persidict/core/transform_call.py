"""Calls of `transform_item` that wait to be combined with others."""

from __future__ import annotations

import threading
from contextvars import copy_context
from enum import Enum, auto
from typing import Any

from persidict.core.results import OperationResult

# After so many conflicts a change shares no attempt any more, because another one that shares it
# may be the cause. It keeps some of its retries for then.
_MAX_SHARED_CONFLICTS = 16
_KEPT_RETRIES = 2


class Role(Enum):
    """What the thread of a call does."""

    WAITS = auto()
    STARTED = auto()
    """It waits for a leader that has called its transformer."""
    LEADS = auto()
    ALONE = auto()
    """It makes its change without others."""
    DONE = auto()


class Call:
    """One call of `transform_item`.

    Attributes:
        is_main: Whether it comes from the main thread.
        conflicts: How many attempts met somebody else's change.
        written_over: The ETag under which a leader was interrupted while it wrote; else None.
        is_nested: Whether its transformer transforms the same item.
        result: Its result, once that is known.
        error: What its caller is to raise.
        signal: Released when the role changes.
    """

    def __init__(self, store: Any, transformer: Any, n_retries: int | None, default: Any) -> None:
        self.store = store
        self.transformer = transformer
        self.n_retries = n_retries
        self.default = default
        self.role = Role.WAITS
        self.is_main = threading.current_thread() is threading.main_thread()
        self._context = copy_context()
        self.conflicts = 0
        self.written_over: Any = None
        self.is_nested = False
        self.result: OperationResult[Any] | None = None
        self.error: BaseException | None = None
        self.signal = threading.Lock()
        self.signal.acquire()

    def in_own_context(self, value: Any) -> Any:
        """Call the transformer with the context variables of its caller."""
        return self._context.run(self.transformer, value)

    def outcome(self) -> OperationResult[Any]:
        """Return the result, or raise the error."""
        error, self.error = self.error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # its traceback refers to this frame
        return self.result  # type: ignore[return-value]  # one of both is there

    def may_share(self) -> bool:
        """Tell whether it may share an attempt."""
        if self.n_retries is None:
            return self.conflicts < _MAX_SHARED_CONFLICTS
        shared = max(self.n_retries - _KEPT_RETRIES, 0)
        return self.conflicts <= min(shared, _MAX_SHARED_CONFLICTS)
