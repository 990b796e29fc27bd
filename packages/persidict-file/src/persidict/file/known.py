"""Names that have been checked and need not be checked again."""

from __future__ import annotations

from collections.abc import Callable, Collection

# Some four megabytes of names.
_MOST = 1 << 15
# So many unknown names are made up for by one that was known.
_WORTH = 32


class KnownNames:
    """A bounded set of good names, safe to share between threads.

    What is full stays as it is while it is of use, since names that are listed again and again in
    one order would otherwise drive each other out just before they are wanted.
    """

    def __init__(self) -> None:
        # It only grows, for other threads may be looking into it, and is replaced in the end.
        self._names: set[str] = set()
        self._balance = 0

    def good(
        self, names: list[str], check: Callable[[list[str]], list[str]]
    ) -> Collection[str] | None:
        """Return a collection that has the good ones of all names and lacks the others.

        Args:
            names: What may be good; no name is empty or has a slash.
            check: Returns the good ones of names that are not known yet.

        Returns:
            None if all are good.
        """
        known = self._names
        is_full = len(known) >= _MOST
        if known.issuperset(names):
            if is_full:
                self._note(len(names), 0)
            return None
        unknown = [name for name in names if name not in known]
        found = check(unknown)
        if not is_full:
            # Lying side by side in memory, they are found again in half the time.
            known.update("/".join(found).split("/"))
            return known
        self._note(len(names) - len(unknown), len(unknown))
        return known.intersection(names).union(found)

    def _note(self, known: int, unknown: int) -> None:
        """Start anew if what is kept has long been of little use: as the names of deleted items."""
        self._balance = min(0, self._balance + _WORTH * known - unknown)
        if self._balance < -_WORTH * _MOST:
            self._names = set()
            self._balance = 0
