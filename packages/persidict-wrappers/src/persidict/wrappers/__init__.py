"""Dicts around other dicts: caches, write-once checks, several formats at one place."""

from persidict.wrappers.append_only_cache import AppendOnlyDictCached
from persidict.wrappers.mutable_cache import MutableDictCached
from persidict.wrappers.overlapping import OverlappingMultiDict
from persidict.wrappers.write_once import WriteOnceDict

__all__ = ["AppendOnlyDictCached", "MutableDictCached", "OverlappingMultiDict", "WriteOnceDict"]
