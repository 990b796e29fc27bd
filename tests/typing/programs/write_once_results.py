"""Store each result once, and check some later writes."""

from persidict import FileDirDict, LocalDict, WriteOnceDict

once = WriteOnceDict(FileDirDict("once", append_only=True), p_consistency_checks=0.1)
once["a"] = 1
memory = WriteOnceDict(LocalDict(append_only=True))
memory["a"] = "text"
