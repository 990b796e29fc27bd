"""Stores of bytes: value primitives out of byte primitives, through a codec."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from persidict.core._codecs.registry import codec_for
from persidict.core.backend import Expected, StatLike
from persidict.core.base import PersiDict
from persidict.core.errors import DecodingError, EncodingError, raise_if_from_handler
from persidict.core.flags import VALUE_NOT_RETRIEVED, ValueNotRetrievedFlag
from persidict.core.keys import NonEmptySafeStrTuple, shown_key, trusted_key
from persidict.core.results import ETagValue, ValueType

if TYPE_CHECKING:
    from persidict.core._codecs.signing import SigningKey, SigningKeys

# How signed values begin, and hardly any others.
_MAYBE_SIGNED = b"\xff"

Pieces: TypeAlias = bytes | list[bytes]
"""Bytes to write, as one object or as pieces that follow each other."""


class BlobDict(PersiDict[ValueType]):
    """A store that keeps bytes: it implements `_get` and `_put` instead of `_load` and `_store`.

    Args:
        append_only: See `PersiDict`, as for the next two.
        base_class_for_values: Refuse values that are not instances of this class.
        serialization_format: How values become bytes.
        signing_key: A secret of at least 16 bytes, or several: every value is signed with the
            first, and refused before it is decoded unless one of them has signed it for its key
            and format. None: no signatures.
        object_tags: False makes ``"json"`` refuse, in what is written and in what is read, the
            tags of objects, which can run code.
        max_inflated_bytes: What a compressed value may inflate to; larger ones are stored
            uncompressed, and refused when they are read. None: no bound.

    Raises:
        TypeError: `signing_key` or `max_inflated_bytes` is of a wrong type.
        ValueError: A key is too short, the bound is not positive, or `object_tags` is False for
            a format that runs code all the same.
    """

    # Random bytes without end, where a version is known by its bytes alone: equal values differ.
    _nonces: ClassVar[Iterator[bytes] | None] = None
    # Set it where `_put` takes a list of pieces too, so that large values need not be copied.
    _takes_pieces: ClassVar[bool] = False

    def __init__(
        self,
        *,
        append_only: bool = False,
        base_class_for_values: type[ValueType] | None = None,
        serialization_format: str = "pkl",
        signing_key: SigningKey | None = None,
        object_tags: bool = True,
        max_inflated_bytes: int | None = 2**30,
    ) -> None:
        super().__init__(
            append_only=append_only,
            base_class_for_values=base_class_for_values,
            serialization_format=serialization_format,
        )
        self._signing: SigningKeys | None = None
        if signing_key is not None:
            from persidict.core._codecs.signing import SigningKeys  # most stores have none

            self._signing = SigningKeys(signing_key)
        self.object_tags = bool(object_tags)
        self.max_inflated_bytes = _checked_bound(max_inflated_bytes)
        self._codec = codec_for(
            serialization_format,
            base_class_for_values,
            object_tags=self.object_tags,
            max_inflated_bytes=max_inflated_bytes,
        )

    @property
    def signing_key(self) -> SigningKeys | None:
        """The keys that were given, hidden; a sub-dict's, for opening it as a store of its own."""
        return self._signing and self._signing.at(self._prefix)

    @abstractmethod
    def _get(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[bytes | memoryview | None, StatLike]:
        """Return bytes and stat of one version, no bytes if its ETag is `known`; ``KeyError``."""

    @abstractmethod
    def _put(self, key: NonEmptySafeStrTuple, data: bytes, expected: Expected) -> StatLike:
        """Write bytes in one atomic step, with the same duties as `_store`.

        All bytes of items reach the store through this method. `data` may be a list of pieces
        (see `Pieces`) if the class sets `_takes_pieces`.
        """

    def _where(self, key: NonEmptySafeStrTuple) -> str:
        """Say where the item is stored, for error messages."""
        return repr(key)

    def _load(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[ValueType | ValueNotRetrievedFlag, StatLike]:
        data, stat = self._get(key, known)
        if data is None:
            return VALUE_NOT_RETRIEVED, stat
        return self._decoded(key, data), stat

    def _store(self, key: NonEmptySafeStrTuple, value: ValueType, expected: Expected) -> StatLike:
        pieces = self._encoded_pieces(key, value)
        data: Pieces = pieces if self._takes_pieces and len(pieces) > 1 else b"".join(pieces)
        return self._put(key, data, expected)  # type: ignore[arg-type]  # pieces where taken

    def _encoded(self, key: NonEmptySafeStrTuple, value: ValueType) -> bytes:
        """Return what is stored of a value."""
        return b"".join(self._encoded_pieces(key, value))

    def _encoded_pieces(self, key: NonEmptySafeStrTuple, value: ValueType) -> list[bytes]:
        """Return the same in pieces, for stores that can do without a copy of a large value."""
        nonce = b"" if self._nonces is None else next(self._nonces)
        try:
            pieces = self._codec.encode(value, nonce)
        except (MemoryError, ImportError):
            raise
        except Exception as error:
            raise_if_from_handler(error)
            raise EncodingError(
                f"the value for {shown_key(self._shown(key))} can't be stored as "
                f"{self.serialization_format!r}: {_reason(error)}",
                key=self._shown(key),
                serialization_format=self.serialization_format,
            ) from error
        if self._signing is not None:
            pieces.insert(0, self._signing.header(key, self.serialization_format, pieces))
        return pieces

    def _decoded(self, key: NonEmptySafeStrTuple, data: bytes | memoryview) -> ValueType:
        try:
            if self._signing is not None:
                data = self._signing.verified(key, self.serialization_format, data)
            elif data[:1] == _MAYBE_SIGNED:
                from persidict.core._codecs.signing import refuse_signed

                refuse_signed(data)
            return self._codec.decode(data)  # type: ignore[no-any-return,arg-type]  # a map if taken
        # Also a MemoryError: damaged bytes can ask for any amount of memory.
        except Exception as error:
            raise_if_from_handler(error)
            raise DecodingError(
                f"the value of {shown_key(self._shown(key))} can't be read as "
                f"{self.serialization_format!r} from {self._where(key)}: {_reason(error)}",
                backend=type(self).__name__,
                operation="decode",
                key=self._shown(key),
            ) from error

    def _shown(self, key: NonEmptySafeStrTuple) -> NonEmptySafeStrTuple:
        """Return a complete key as the user of this (sub-)dict knows it."""
        return trusted_key(key[len(self._prefix) :])


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _checked_bound(bound: object) -> int | None:
    if bound is None:
        return None
    if not isinstance(bound, int) or isinstance(bound, bool):
        raise TypeError(f"max_inflated_bytes must be an int or None, got {type(bound).__name__}")
    if bound <= 0:
        raise ValueError(f"max_inflated_bytes must be positive, got {bound}")
    return bound
