"""Deleting many objects at a time, and reporting those that could not be deleted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from persidict.core.errors import BackendError
from persidict.s3.conditional_requests import ConditionalRequests
from persidict.s3.errors import Uncertain
from persidict.s3.objects import AnswerLost, ObjectStore


def delete_batch(
    objects: ObjectStore, conditional: ConditionalRequests, names: list[str]
) -> list[tuple[str, str]]:
    """Delete up to a thousand objects; return name and reason of those that failed.

    A batch whose answer got lost is not sent again: it could delete what others have written
    since. Each of its objects is looked at, and deleted if it is older than the batch.
    """
    started = time.monotonic()
    try:
        return objects.delete_many(names)
    except AnswerLost as error:
        loss = error
    failed = []
    for name in names:
        try:
            conditional.delete_older(name, started, loss)
        except Uncertain as error:
            failed.append((name, str(error)))
    return failed


def deletions_failed(
    failed: list[tuple[str, str]], backend: str, bucket: str, key_of: Callable[[str], Any]
) -> BackendError:
    """Return the error for a batch of which some objects could not be deleted."""
    details = [
        BackendError(
            f"can't delete {name}: {reason}", backend=backend, operation="delete", key=key_of(name)
        )
        for name, reason in failed
    ]
    error = BackendError(
        f"can't delete {len(failed)} items in s3://{bucket}, the first: {details[0]}",
        backend=backend,
        operation="delete",
        key=details[0].key,
    )
    error.__cause__ = ExceptionGroup("all that could not be deleted", details)
    return error
