"""Put caches in front of slower dicts."""

from persidict import AppendOnlyDictCached, FileDirDict, LocalDict, MutableDictCached

remote = FileDirDict("remote", append_only=True)
cached = AppendOnlyDictCached(remote, data_cache=LocalDict(append_only=True))
cached["a"] = {"b": 1}
changing = MutableDictCached(
    FileDirDict("main"), data_cache=LocalDict(), etag_cache=LocalDict(), max_cached_items=100
)
changing["a", "b"] = [1, 2]
print(cached["a"]["b"], changing["a", "b"][0])
