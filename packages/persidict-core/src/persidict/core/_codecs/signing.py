r"""Signed values: persidict verifies the signature before it decodes a value.

A signed item is a header, then the payload, which is the value in its format::

    b"\xffpersidict signed 1\n"    20 bytes; neither UTF-8 nor a pickle begins like that
    HMAC-SHA-256                  32 bytes, of all that follows
      uint32 n, and n times (uint32 length, bytes): the format, then the key's components
      the payload

(Numbers are big-endian. The indented lines are authenticated, but only the payload is stored.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeAlias

from persidict.core._opening.contract import StaysBehind
from persidict.core.keys import PersiDictKey, SafeStrTuple, as_prefix

_MAGIC = b"\xffpersidict signed 1\n"
_MAC_BYTES = 32
_HEADER_BYTES = len(_MAGIC) + _MAC_BYTES
_SHORTEST_KEY = 16


class SignatureError(ValueError):
    """The stored bytes were not signed by a holder of the key for this dict key and format."""


class SigningKeys(StaysBehind):
    """The secret keys that sign and verify values.

    Stores accept plain ``bytes`` as well. Their `get_params` returns an object of this class,
    so that logs and printed parameters show no secret. It can't be pickled or turned into JSON.

    Args:
        keys: A secret of at least 16 bytes, or a sequence of them: the first signs, each of
            them verifies.
        prefix: Components that are put before every key. A sub-dict that is opened as a store
            of its own needs its prefix here.

    Raises:
        TypeError: A key is not ``bytes``.
        ValueError: A key is shorter than 16 bytes, or there are no keys.

    Example:
        >>> SigningKeys([b"a new secret key", b"an old secret key"])
        <SigningKeys: 2 hidden>
    """

    __slots__ = ("_keys", "prefix")

    def __init__(self, keys: SigningKey, *, prefix: PersiDictKey = ()) -> None:
        self._keys: tuple[bytes, ...] = (
            keys._keys if isinstance(keys, SigningKeys) else _validate(keys)
        )
        self.prefix: SafeStrTuple = as_prefix(prefix)
        if isinstance(keys, SigningKeys):
            self.prefix = keys.prefix + self.prefix

    def at(self, prefix: SafeStrTuple) -> SigningKeys:
        """Return the same keys for a store that begins at a prefix of this one."""
        return SigningKeys(self, prefix=prefix) if prefix else self

    below = at

    def header(
        self, key: Sequence[str], serialization_format: str, pieces: Iterable[bytes]
    ) -> bytes:
        """Return the header of a payload."""
        context = self._context(key, serialization_format)
        return _MAGIC + _mac(self._keys[0], (context, *pieces))

    def verified(
        self, key: Sequence[str], serialization_format: str, data: bytes | memoryview
    ) -> bytes:
        """Return the payload of a signed item, or raise `SignatureError`."""
        if not is_signed(data):
            raise SignatureError(
                "it is not signed, or was truncated; if you trust it, read it through a dict "
                "without signing_key and write it again with one"
            )
        from hmac import compare_digest

        mac = data[len(_MAGIC) : _HEADER_BYTES]
        payload = memoryview(data)[_HEADER_BYTES:]
        context = self._context(key, serialization_format)
        for secret in self._keys:
            if compare_digest(_mac(secret, (context, payload)), mac):
                return bytes(payload)
        raise SignatureError(
            "its signature does not match: it was damaged, forged, moved from another key or "
            "format, or signed with a key that is not in signing_key (to open a sub-dict on its "
            "own, pass the signing_key of its get_params())"
        )

    def _context(self, key: Sequence[str], serialization_format: str) -> bytes:
        parts = [part.encode() for part in (serialization_format, *self.prefix, *key)]
        return _uint32(len(parts)) + _sized(parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SigningKeys):
            return NotImplemented
        from hmac import compare_digest

        same_secrets = compare_digest(_sized(self._keys), _sized(other._keys))
        return same_secrets and self.prefix == other.prefix

    __hash__ = None  # type: ignore[assignment]  # a hash would reveal something about the secrets

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self._keys)} hidden>"

    def __copy__(self) -> SigningKeys:
        return self

    def __deepcopy__(self, memo: object) -> SigningKeys:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            "signing keys can't be pickled; pass the secret to the other process yourself"
        )


SigningKey: TypeAlias = bytes | Sequence[bytes] | SigningKeys
"""The types that `signing_key` accepts."""


def is_signed(data: bytes | memoryview) -> bool:
    """Return whether stored bytes have a complete header."""
    return data[: len(_MAGIC)] == _MAGIC and len(data) >= _HEADER_BYTES


def refuse_signed(data: bytes | memoryview) -> None:
    """Raise `SignatureError` for signed bytes in a dict without keys."""
    if data[: len(_MAGIC)] == _MAGIC:
        raise SignatureError("it is signed; open the dict with the signing_key of the store")


def _validate(keys: object) -> tuple[bytes, ...]:
    secrets = (keys,) if isinstance(keys, bytes) else keys
    if not isinstance(secrets, Sequence) or not all(isinstance(one, bytes) for one in secrets):
        raise TypeError(
            "signing_key must be bytes, a sequence of bytes, or SigningKeys, "
            f"got {type(keys).__name__}"
        )
    if not secrets:
        raise ValueError(
            "signing_key is an empty sequence; pass None for a dict without signatures"
        )
    for secret in secrets:
        if len(secret) < _SHORTEST_KEY:
            raise ValueError(
                f"a signing_key must have at least {_SHORTEST_KEY} bytes, got {len(secret)}; "
                "create one with secrets.token_bytes(32)"
            )
    return tuple(secrets)


def _mac(secret: bytes, pieces: Iterable[bytes | memoryview]) -> bytes:
    import hmac  # imported late, because it loads OpenSSL

    mac = hmac.new(secret, digestmod="sha256")
    for piece in pieces:
        mac.update(piece)
    return mac.digest()


def _sized(parts: Iterable[bytes]) -> bytes:
    return b"".join(_uint32(len(part)) + part for part in parts)


def _uint32(number: int) -> bytes:
    return number.to_bytes(4, "big")
