"""Dicts that tell what is asked of them, or fail."""

from persidict.core import VALUE_NOT_RETRIEVED, BackendError, LocalDict


class Watched(LocalDict):
    """A `LocalDict` that notes each primitive call in `calls`, and fails where told to."""

    calls = ()
    label = ""
    failure = None

    def note(self, what):
        if self.failure is not None:
            raise self.failure
        if self.calls != ():
            self.calls.append(f"{self.label} {what}".strip())

    def _stat(self, key):
        self.note("stat")
        return super()._stat(key)

    def _load(self, key, known):
        self.note("ask")
        value, stat = super()._load(key, known)
        if value is not VALUE_NOT_RETRIEVED:
            self.note("transfer")
        return value, stat

    def _store(self, key, value, expected):
        self.note("store")
        return super()._store(key, value, expected)

    def _erase(self, key, expected):
        self.note("erase")
        super()._erase(key, expected)

    def _scan(self, prefix):
        self.note("scan")
        return super()._scan(prefix)

    def _keys(self, prefix):
        self.note("scan")
        return super()._keys(prefix)

    def _count(self, prefix):
        self.note("scan")
        return super()._count(prefix)


def watched(calls, label="", **params):
    d = Watched(**params)
    d.calls, d.label = calls, label
    return d


def taken(calls):
    """Return the noted calls and start anew."""
    noted = list(calls)
    calls.clear()
    return noted


def broken():
    return BackendError("the disk is gone", backend="Watched", operation="any")
