"""Dicts around other dicts: caches, expiry, write-once checks; `memoize`; leases and queues."""

from persidict.wrappers._coordination.counter import Counter
from persidict.wrappers._coordination.lease import Lease
from persidict.wrappers._coordination.queue import DeadLetter, Queue
from persidict.wrappers._coordination.semaphore import Semaphore
from persidict.wrappers._coordination.task import Task
from persidict.wrappers._memoize.digests import stable_digest
from persidict.wrappers._memoize.memoize import memoize
from persidict.wrappers._memoize.protocol import CacheInfo, Memoized
from persidict.wrappers.append_only_cache import AppendOnlyDictCached
from persidict.wrappers.bounded import BoundedDict
from persidict.wrappers.expiring import ExpiringDict
from persidict.wrappers.mutable_cache import MutableDictCached
from persidict.wrappers.overlapping import OverlappingMultiDict
from persidict.wrappers.write_once import WriteOnceDict

__all__ = [
    "AppendOnlyDictCached",
    "BoundedDict",
    "CacheInfo",
    "Counter",
    "DeadLetter",
    "ExpiringDict",
    "Lease",
    "Memoized",
    "MutableDictCached",
    "OverlappingMultiDict",
    "Queue",
    "Semaphore",
    "Task",
    "WriteOnceDict",
    "memoize",
    "stable_digest",
]
