"""The core: keys, flags, results, errors, `PersiDict`, and the stores without any dependency."""

from persidict.core._codecs.registry import register_format
from persidict.core._codecs.signing import SigningKeys
from persidict.core._opening.describe import describe, open_store
from persidict.core._version import __version__
from persidict.core.backend import ETagMismatch, Expected, StatLike
from persidict.core.base import PersiDict
from persidict.core.blobs import BlobDict
from persidict.core.copying import CopyCounts
from persidict.core.empty import EmptyDict
from persidict.core.errors import (
    BackendError,
    ConcurrencyConflictError,
    DecodingError,
    EncodingError,
    MutationPolicyError,
    PersiDictError,
)
from persidict.core.flags import (
    ALWAYS_RETRIEVE,
    ANY_ETAG,
    DELETE_CURRENT,
    ETAG_HAS_CHANGED,
    ETAG_IS_THE_SAME,
    IF_ETAG_CHANGED,
    ITEM_NOT_AVAILABLE,
    KEEP_CURRENT,
    NEVER_RETRIEVE,
    VALUE_NOT_RETRIEVED,
    AlwaysRetrieveFlag,
    AnyETagFlag,
    DeleteCurrentFlag,
    ETagConditionFlag,
    ETagHasChangedFlag,
    ETagIsTheSameFlag,
    IfETagChangedRetrieveFlag,
    ItemNotAvailableFlag,
    Joker,
    KeepCurrentFlag,
    NeverRetrieveFlag,
    RetrieveValueFlag,
    ValueNotRetrievedFlag,
)
from persidict.core.key_components import (
    decode_key_component,
    encode_key_component,
    get_safe_chars,
    replace_unsafe_chars,
)
from persidict.core.keys import (
    NonEmptyPersiDictKey,
    NonEmptySafeStrTuple,
    PersiDictKey,
    SafeStrTuple,
)
from persidict.core.local import LocalBackend, LocalDict
from persidict.core.results import (
    ConditionalOperationResult,
    ETagIfExists,
    ETagValue,
    OperationResult,
    Stat,
    TransformingFunction,
    ValueType,
)

__all__ = [
    "ALWAYS_RETRIEVE",
    "ANY_ETAG",
    "DELETE_CURRENT",
    "ETAG_HAS_CHANGED",
    "ETAG_IS_THE_SAME",
    "IF_ETAG_CHANGED",
    "ITEM_NOT_AVAILABLE",
    "KEEP_CURRENT",
    "NEVER_RETRIEVE",
    "VALUE_NOT_RETRIEVED",
    "AlwaysRetrieveFlag",
    "AnyETagFlag",
    "BackendError",
    "BlobDict",
    "ConcurrencyConflictError",
    "ConditionalOperationResult",
    "CopyCounts",
    "DecodingError",
    "DeleteCurrentFlag",
    "ETagConditionFlag",
    "ETagHasChangedFlag",
    "ETagIfExists",
    "ETagIsTheSameFlag",
    "ETagMismatch",
    "ETagValue",
    "EmptyDict",
    "EncodingError",
    "Expected",
    "IfETagChangedRetrieveFlag",
    "ItemNotAvailableFlag",
    "Joker",
    "KeepCurrentFlag",
    "LocalBackend",
    "LocalDict",
    "MutationPolicyError",
    "NeverRetrieveFlag",
    "NonEmptyPersiDictKey",
    "NonEmptySafeStrTuple",
    "OperationResult",
    "PersiDict",
    "PersiDictError",
    "PersiDictKey",
    "RetrieveValueFlag",
    "SafeStrTuple",
    "SigningKeys",
    "Stat",
    "StatLike",
    "TransformingFunction",
    "ValueNotRetrievedFlag",
    "ValueType",
    "__version__",
    "decode_key_component",
    "describe",
    "encode_key_component",
    "get_safe_chars",
    "open_store",
    "register_format",
    "replace_unsafe_chars",
]
