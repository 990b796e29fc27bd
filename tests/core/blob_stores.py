"""A store of bytes in memory whose bytes a test can look at and change."""

from persidict.core import (
    ANY_ETAG,
    ITEM_NOT_AVAILABLE,
    BlobDict,
    ETagMismatch,
    ETagValue,
    Stat,
)

CANARY = []


class Canary:
    """Runs code when it is unpickled: it makes `CANARY` longer."""

    def __reduce__(self):
        return exec, (f"from {__name__} import CANARY\nCANARY.append('I ran')",)


class MemoryBlobs(BlobDict):
    """Keeps what it is given under complete keys, which sub-dicts share."""

    def __init__(
        self,
        *,
        stored=None,
        append_only=False,
        base_class_for_values=None,
        serialization_format="pkl",
        signing_key=None,
        object_tags=True,
        max_inflated_bytes=2**30,
    ):
        super().__init__(
            append_only=append_only,
            base_class_for_values=base_class_for_values,
            serialization_format=serialization_format,
            signing_key=signing_key,
            object_tags=object_tags,
            max_inflated_bytes=max_inflated_bytes,
        )
        self.stored = {} if stored is None else stored

    def _get(self, key, known):
        stat = self._stat(key)
        return (None if stat.etag == known else self.stored[key]), stat

    def _put(self, key, data, expected):
        current = self._stat(key).etag if key in self.stored else ITEM_NOT_AVAILABLE
        if expected not in (ANY_ETAG, current):
            raise ETagMismatch
        self.stored[key] = data
        return self._stat(key)

    def _stat(self, key):
        return Stat(ETagValue(str(hash(self.stored[key]))), 0.0)

    def _erase(self, key, expected):
        del self.stored[key]

    def _scan(self, prefix):
        for key in list(self.stored):
            if key[: len(prefix)] == prefix and len(key) > len(prefix):
                try:
                    found = self._stat(key)
                except KeyError:
                    continue  # deleted by another thread
                yield key, found
