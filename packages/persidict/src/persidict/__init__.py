"""One dict interface over memory, files and S3, persistent and safe to share.

Import every public name from here: `from persidict import FileDirDict`. The names come from
separately installed parts (`persidict-core`, `persidict-file`, `persidict-wrappers`,
`persidict-s3`, `persidict-adapters`), each loaded when one of its names is first asked for.
"""

# Not imported from `typing`, which would be most of this module's cost; checkers go by the name.
TYPE_CHECKING = False

# The parts may be installed in different places.
if TYPE_CHECKING:
    # Type checkers know this very spelling.
    __path__ = __import__("pkgutil").extend_path(__path__, __name__)
else:
    # The same for directories, without the ten milliseconds that importing pkgutil takes.
    import os
    import sys

    if os.path.exists(os.path.join(__path__[0], "persi_dict.py")):
        # A module of the package published before 0.400: core says what to do.
        __import__("persidict.core")
    for _entry in sys.path:
        _portion = os.path.join(_entry or os.getcwd(), "persidict")
        # If the entry is a file, such as a zip archive, its importer looks inside.
        if _portion not in __path__ and (os.path.isdir(_portion) or os.path.isfile(_entry)):
            __path__.append(_portion)
    del os, sys

if TYPE_CHECKING:
    from persidict.adapters import AnyKeyMapping as AnyKeyMapping
    from persidict.adapters import CachelibCache as CachelibCache
    from persidict.adapters import DjangoCache as DjangoCache
    from persidict.adapters import JoblibStoreBackend as JoblibStoreBackend
    from persidict.adapters import KeyValueStore as KeyValueStore
    from persidict.adapters import LangChainStore as LangChainStore
    from persidict.adapters import RequestsCacheBackend as RequestsCacheBackend
    from persidict.adapters import ZarrStore as ZarrStore
    from persidict.core import ALWAYS_RETRIEVE as ALWAYS_RETRIEVE
    from persidict.core import ANY_ETAG as ANY_ETAG
    from persidict.core import DELETE_CURRENT as DELETE_CURRENT
    from persidict.core import ETAG_HAS_CHANGED as ETAG_HAS_CHANGED
    from persidict.core import ETAG_IS_THE_SAME as ETAG_IS_THE_SAME
    from persidict.core import IF_ETAG_CHANGED as IF_ETAG_CHANGED
    from persidict.core import ITEM_NOT_AVAILABLE as ITEM_NOT_AVAILABLE
    from persidict.core import KEEP_CURRENT as KEEP_CURRENT
    from persidict.core import NEVER_RETRIEVE as NEVER_RETRIEVE
    from persidict.core import VALUE_NOT_RETRIEVED as VALUE_NOT_RETRIEVED
    from persidict.core import AlwaysRetrieveFlag as AlwaysRetrieveFlag
    from persidict.core import AnyETagFlag as AnyETagFlag
    from persidict.core import BackendError as BackendError
    from persidict.core import ConcurrencyConflictError as ConcurrencyConflictError
    from persidict.core import ConditionalOperationResult as ConditionalOperationResult
    from persidict.core import CopyCounts as CopyCounts
    from persidict.core import DecodingError as DecodingError
    from persidict.core import DeleteCurrentFlag as DeleteCurrentFlag
    from persidict.core import EmptyDict as EmptyDict
    from persidict.core import EncodingError as EncodingError
    from persidict.core import ETagConditionFlag as ETagConditionFlag
    from persidict.core import ETagHasChangedFlag as ETagHasChangedFlag
    from persidict.core import ETagIfExists as ETagIfExists
    from persidict.core import ETagIsTheSameFlag as ETagIsTheSameFlag
    from persidict.core import ETagValue as ETagValue
    from persidict.core import IfETagChangedRetrieveFlag as IfETagChangedRetrieveFlag
    from persidict.core import ItemNotAvailableFlag as ItemNotAvailableFlag
    from persidict.core import Joker as Joker
    from persidict.core import KeepCurrentFlag as KeepCurrentFlag
    from persidict.core import LocalBackend as LocalBackend
    from persidict.core import LocalDict as LocalDict
    from persidict.core import MutationPolicyError as MutationPolicyError
    from persidict.core import NeverRetrieveFlag as NeverRetrieveFlag
    from persidict.core import NonEmptyPersiDictKey as NonEmptyPersiDictKey
    from persidict.core import NonEmptySafeStrTuple as NonEmptySafeStrTuple
    from persidict.core import OperationResult as OperationResult
    from persidict.core import PersiDict as PersiDict
    from persidict.core import PersiDictError as PersiDictError
    from persidict.core import PersiDictKey as PersiDictKey
    from persidict.core import RetrieveValueFlag as RetrieveValueFlag
    from persidict.core import SafeStrTuple as SafeStrTuple
    from persidict.core import SigningKeys as SigningKeys
    from persidict.core import TransformingFunction as TransformingFunction
    from persidict.core import ValueNotRetrievedFlag as ValueNotRetrievedFlag
    from persidict.core import ValueType as ValueType
    from persidict.core import __version__ as __version__
    from persidict.core import decode_key_component as decode_key_component
    from persidict.core import describe as describe
    from persidict.core import encode_key_component as encode_key_component
    from persidict.core import get_safe_chars as get_safe_chars
    from persidict.core import open_store as open_store
    from persidict.core import register_format as register_format
    from persidict.core import replace_unsafe_chars as replace_unsafe_chars
    from persidict.file import FileDirDict as FileDirDict
    from persidict.s3 import BasicS3Dict as BasicS3Dict
    from persidict.s3 import S3Dict as S3Dict
    from persidict.s3 import S3Dict_FileDirCached as S3Dict_FileDirCached
    from persidict.wrappers import AppendOnlyDictCached as AppendOnlyDictCached
    from persidict.wrappers import BoundedDict as BoundedDict
    from persidict.wrappers import Counter as Counter
    from persidict.wrappers import ExpiringDict as ExpiringDict
    from persidict.wrappers import Lease as Lease
    from persidict.wrappers import Memoized as Memoized
    from persidict.wrappers import MutableDictCached as MutableDictCached
    from persidict.wrappers import OverlappingMultiDict as OverlappingMultiDict
    from persidict.wrappers import Queue as Queue
    from persidict.wrappers import Semaphore as Semaphore
    from persidict.wrappers import WriteOnceDict as WriteOnceDict
    from persidict.wrappers import memoize as memoize
    from persidict.wrappers import stable_digest as stable_digest

# Hidden from type checkers: with a `__getattr__` in sight they would accept any misspelt name.
else:

    def __getattr__(name):
        from persidict.core import _facade

        if name == "__all__":
            return _facade.installed_names()
        value = globals()[name] = _facade.load(name)
        return value

    def __dir__():
        from persidict.core import _facade

        return sorted({*globals(), *_facade.installed_names()})
