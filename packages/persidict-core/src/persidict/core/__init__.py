"""The core: keys, flags, results, errors, `PersiDict`, and the stores without any dependency."""

import os
from typing import TYPE_CHECKING, Any

from persidict.core import _facade, _published
from persidict.core._codecs.registry import register_format as register_format
from persidict.core.backend import ETagMismatch as ETagMismatch
from persidict.core.backend import Expected as Expected
from persidict.core.backend import StatLike as StatLike
from persidict.core.base import PersiDict as PersiDict
from persidict.core.blobs import BlobDict as BlobDict
from persidict.core.errors import BackendError as BackendError
from persidict.core.errors import ConcurrencyConflictError as ConcurrencyConflictError
from persidict.core.errors import DecodingError as DecodingError
from persidict.core.errors import EncodingError as EncodingError
from persidict.core.errors import MutationPolicyError as MutationPolicyError
from persidict.core.errors import PersiDictError as PersiDictError
from persidict.core.flags import ALWAYS_RETRIEVE as ALWAYS_RETRIEVE
from persidict.core.flags import ANY_ETAG as ANY_ETAG
from persidict.core.flags import DELETE_CURRENT as DELETE_CURRENT
from persidict.core.flags import ETAG_HAS_CHANGED as ETAG_HAS_CHANGED
from persidict.core.flags import ETAG_IS_THE_SAME as ETAG_IS_THE_SAME
from persidict.core.flags import IF_ETAG_CHANGED as IF_ETAG_CHANGED
from persidict.core.flags import ITEM_NOT_AVAILABLE as ITEM_NOT_AVAILABLE
from persidict.core.flags import KEEP_CURRENT as KEEP_CURRENT
from persidict.core.flags import NEVER_RETRIEVE as NEVER_RETRIEVE
from persidict.core.flags import VALUE_NOT_RETRIEVED as VALUE_NOT_RETRIEVED
from persidict.core.flags import AlwaysRetrieveFlag as AlwaysRetrieveFlag
from persidict.core.flags import AnyETagFlag as AnyETagFlag
from persidict.core.flags import DeleteCurrentFlag as DeleteCurrentFlag
from persidict.core.flags import ETagConditionFlag as ETagConditionFlag
from persidict.core.flags import ETagHasChangedFlag as ETagHasChangedFlag
from persidict.core.flags import ETagIsTheSameFlag as ETagIsTheSameFlag
from persidict.core.flags import IfETagChangedRetrieveFlag as IfETagChangedRetrieveFlag
from persidict.core.flags import ItemNotAvailableFlag as ItemNotAvailableFlag
from persidict.core.flags import Joker as Joker
from persidict.core.flags import KeepCurrentFlag as KeepCurrentFlag
from persidict.core.flags import NeverRetrieveFlag as NeverRetrieveFlag
from persidict.core.flags import RetrieveValueFlag as RetrieveValueFlag
from persidict.core.flags import ValueNotRetrievedFlag as ValueNotRetrievedFlag
from persidict.core.key_components import decode_key_component as decode_key_component
from persidict.core.key_components import encode_key_component as encode_key_component
from persidict.core.key_components import get_safe_chars as get_safe_chars
from persidict.core.key_components import replace_unsafe_chars as replace_unsafe_chars
from persidict.core.keys import NonEmptyPersiDictKey as NonEmptyPersiDictKey
from persidict.core.keys import NonEmptySafeStrTuple as NonEmptySafeStrTuple
from persidict.core.keys import PersiDictKey as PersiDictKey
from persidict.core.keys import SafeStrTuple as SafeStrTuple
from persidict.core.results import ConditionalOperationResult as ConditionalOperationResult
from persidict.core.results import ETagIfExists as ETagIfExists
from persidict.core.results import ETagValue as ETagValue
from persidict.core.results import OperationResult as OperationResult
from persidict.core.results import Stat as Stat
from persidict.core.results import ValueType as ValueType

if TYPE_CHECKING:
    from persidict.core._codecs.signing import SigningKeys as SigningKeys
    from persidict.core._opening.describe import describe as describe
    from persidict.core._opening.open_store import open_store as open_store
    from persidict.core._version import __version__ as __version__
    from persidict.core.copy_counts import CopyCounts as CopyCounts
    from persidict.core.empty import EmptyDict as EmptyDict
    from persidict.core.local import LocalBackend as LocalBackend
    from persidict.core.local import LocalDict as LocalDict
    from persidict.core.transformers import TransformingFunction as TransformingFunction

_published.validate_installation(os.path.dirname(os.path.dirname(__file__)))

# Only for those who implement stores; all others are names of `persidict` too.
_FOR_BACKENDS = ["BlobDict", "ETagMismatch", "Expected", "Stat", "StatLike"]

__all__ = [*_facade.NAMES_BY_PART["core"].split(), *_FOR_BACKENDS]  # noqa: PLE0604  # strings

# Loaded when first asked for: a program with files alone uses none of them.
_MODULE_BY_NAME = {
    "CopyCounts": "copy_counts",
    "EmptyDict": "empty",
    "LocalBackend": "local",
    "LocalDict": "local",
    "SigningKeys": "_codecs.signing",
    "TransformingFunction": "transformers",
    "__version__": "_version",
    "describe": "_opening.describe",
    "open_store": "_opening.open_store",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_BY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    module = f"{__name__}.{_MODULE_BY_NAME[name]}"
    value = globals()[name] = getattr(__import__(module, fromlist=[name]), name)
    return value
