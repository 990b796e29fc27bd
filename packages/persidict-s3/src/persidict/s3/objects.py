"""The interface of a transport: the requests for objects that it must be able to send."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, TypeAlias

from persidict.core.results import ETagValue

PAGE_SIZE = 1000
"""The most objects that S3 lists, or deletes, in one request."""

ListedObject: TypeAlias = "tuple[str, ETagValue, float, int | None]"
"""Name, ETag, POSIX seconds of the last write, and size in bytes."""


class Found(NamedTuple):
    """The server's answer about an object."""

    etag: ETagValue
    timestamp: float | None
    """POSIX seconds of the last write; None: the answer did not say."""
    write_ids: str
    """The identifiers in the object's metadata, see `persidict.s3.write_ids`."""
    size: int
    server_date: str | None = None
    """The ``Date`` header of the answer."""


class Page(NamedTuple):
    """One answer to a listing."""

    objects: list[ListedObject]
    directories: list[str]
    next_token: str | None


class Refused(Exception):
    """A condition did not hold; the attempt that was answered changed nothing.

    Attributes:
        absent: The server said that there is no object.
        in_doubt: The server may have carried out an earlier attempt, whose answer got lost.
    """

    def __init__(self, *, absent: bool, in_doubt: bool) -> None:
        super().__init__()
        self.absent = absent
        self.in_doubt = in_doubt


class AnswerLost(Exception):
    """The server may have carried out a request that must not be sent again as it is.

    The cause is the transport's error.
    """


class ObjectStore(ABC):
    """The requests for objects of one bucket.

    The methods raise botocore's errors, and those that their docstrings name. `Refused` and
    `AnswerLost` come only from requests with a condition and from deletions.
    """

    @abstractmethod
    def head(self, name: str, *, dated: bool = False) -> Found:
        """Return an object's version, with the server's date if `dated`; raise ``KeyError``."""

    @abstractmethod
    def get(self, name: str, known: ETagValue | None = None) -> tuple[bytes | None, Found]:
        """Return body and version, no body if the ETag is `known`; raise ``KeyError``."""

    @abstractmethod
    def put(
        self,
        name: str,
        data: bytes,
        *,
        match: str | None = None,
        create: bool = False,
        write_ids: str = "",
        in_parts: bool = False,
    ) -> Found:
        """Write an object, in parts if it is larger than one request may be.

        Args:
            name: The object's name.
            data: Its body.
            match: Write only over the version with this ETag.
            create: Write only if there is no object. Not sent again after a lost answer.
            write_ids: What to keep in the object's metadata.
            in_parts: Send it in parts whatever its size.
        """

    @abstractmethod
    def delete(self, name: str, *, match: str | None = None) -> None:
        """Delete an object, or only the version `match` (``*``: any, but there must be one).

        Only a deletion of a certain version is sent again after a lost answer.
        """

    @abstractmethod
    def delete_many(self, names: list[str]) -> list[tuple[str, str]]:
        """Delete up to a thousand objects; return name and reason of those that failed."""

    @abstractmethod
    def page(
        self, directory: str, token: str | None, *, limit: int = PAGE_SIZE, deep: bool = True
    ) -> Page:
        """List objects whose names begin with `directory`, or only one level of them."""


def quoted(etag: str) -> ETagValue:
    """Return an ETag in quotes, as the standard has it and some answers don't."""
    return ETagValue(etag if etag.endswith('"') else f'"{etag}"')
