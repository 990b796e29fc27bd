"""Stores of bytes: value primitives out of byte primitives, through a codec."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import ClassVar

from persidict.core.base import PersiDict
from persidict.core.codecs import codec_for
from persidict.core.errors import DecodingError, EncodingError
from persidict.core.flags import VALUE_NOT_RETRIEVED, ValueNotRetrievedFlag
from persidict.core.keys import NonEmptySafeStrTuple, trusted_key
from persidict.core.primitives import Expected, StatLike
from persidict.core.results import ETagValue, ValueType

_NONCE_BYTES = 16


class BlobDict(PersiDict[ValueType]):
    """A store that keeps bytes: it implements `_get` and `_put` instead of `_load` and `_store`."""

    # Set it where a version is known by its bytes alone, so that equal values must differ.
    _needs_nonce: ClassVar[bool] = False

    def __init__(
        self,
        *,
        append_only: bool = False,
        base_class_for_values: type[ValueType] | None = None,
        serialization_format: str = "pkl",
    ) -> None:
        super().__init__(
            append_only=append_only,
            base_class_for_values=base_class_for_values,
            serialization_format=serialization_format,
        )
        self._codec = codec_for(serialization_format, base_class_for_values)

    @abstractmethod
    def _get(
        self, key: NonEmptySafeStrTuple, known: ETagValue | None
    ) -> tuple[bytes | None, StatLike]:
        """Return bytes and stat of one version, no bytes if its ETag is `known`; ``KeyError``."""

    @abstractmethod
    def _put(self, key: NonEmptySafeStrTuple, data: bytes, expected: Expected) -> StatLike:
        """Write bytes in one atomic step, with the same duties as `_store`."""

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
        return self._put(key, self._encoded(key, value), expected)

    def _encoded(self, key: NonEmptySafeStrTuple, value: ValueType) -> bytes:
        nonce = os.urandom(_NONCE_BYTES) if self._needs_nonce else b""
        try:
            return self._codec.encode(value, nonce)
        except (MemoryError, ImportError):
            raise
        except Exception as error:
            raise EncodingError(
                f"the value for {self._shown(key)!r} can't be stored as "
                f"{self.serialization_format!r}: {_reason(error)}",
                key=self._shown(key),
                serialization_format=self.serialization_format,
            ) from error

    def _decoded(self, key: NonEmptySafeStrTuple, data: bytes) -> ValueType:
        try:
            return self._codec.decode(data)  # type: ignore[no-any-return]  # as it was stored
        except MemoryError:
            raise
        except Exception as error:
            raise DecodingError(
                f"the value of {self._shown(key)!r} can't be read as "
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
