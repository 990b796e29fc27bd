"""Where the public names of `persidict` live, and which distribution brings each of them."""

import sys
from typing import Any

NAMES_BY_PART = {
    "core": (
        "ALWAYS_RETRIEVE ANY_ETAG DELETE_CURRENT ETAG_HAS_CHANGED ETAG_IS_THE_SAME IF_ETAG_CHANGED "
        "ITEM_NOT_AVAILABLE KEEP_CURRENT NEVER_RETRIEVE VALUE_NOT_RETRIEVED "
        "AlwaysRetrieveFlag AnyETagFlag BackendError ConcurrencyConflictError "
        "ConditionalOperationResult CopyCounts DecodingError DeleteCurrentFlag ETagConditionFlag "
        "ETagHasChangedFlag ETagIfExists ETagIsTheSameFlag ETagValue EmptyDict EncodingError "
        "IfETagChangedRetrieveFlag ItemNotAvailableFlag Joker KeepCurrentFlag LocalBackend "
        "LocalDict MutationPolicyError NeverRetrieveFlag NonEmptyPersiDictKey "
        "NonEmptySafeStrTuple OperationResult PersiDict PersiDictError PersiDictKey "
        "RetrieveValueFlag SafeStrTuple SigningKeys TransformingFunction ValueNotRetrievedFlag "
        "ValueType __version__ decode_key_component describe encode_key_component get_safe_chars "
        "open_store register_format replace_unsafe_chars"
    ),
    "file": "FileDirDict",
    "wrappers": (
        "AppendOnlyDictCached BoundedDict Counter ExpiringDict Lease Memoized MutableDictCached "
        "OverlappingMultiDict Queue Semaphore "
        "WriteOnceDict memoize stable_digest"
    ),
    "s3": "BasicS3Dict S3Dict S3Dict_FileDirCached",
}
# The class of each adapter, and its module, which is also the extra that installs its framework.
ADAPTERS = {
    "AnyKeyMapping": "mapping",
    "CachelibCache": "cachelib",
    "DjangoCache": "django",
    "JoblibStoreBackend": "joblib",
    "KeyValueStore": "key_value",
    "LangChainStore": "langchain",
    "RequestsCacheBackend": "requests_cache",
    "ZarrStore": "zarr",
}

PARTS = frozenset(NAMES_BY_PART)
PART_BY_NAME = {name: part for part, names in NAMES_BY_PART.items() for name in names.split()}
PART_BY_NAME |= dict.fromkeys(ADAPTERS, "adapters")


def load(name: str) -> object:
    """Return the public object `name` from the part that has it, importing that part.

    Raises:
        AttributeError: If `persidict` has no such name.
        ModuleNotFoundError: If the part is not installed; says how to install it. An error
            inside an installed part is passed on as it is.
    """
    part = PART_BY_NAME.get(name)
    if part is None:
        message = f"module 'persidict' has no attribute {name!r}"
        raise AttributeError(message, name=name)
    module = f"persidict.{part}"
    try:
        __import__(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise _missing(name, part) from None
    if not _has_origin(sys.modules[module].__spec__):
        del sys.modules[module]  # it may be installed later
        raise _missing(name, part)
    return getattr(sys.modules[module], name)


def installed_names() -> list[str]:
    """Return the public names of the parts that are installed, without importing them.

    The adapters are left out: ``from persidict import *`` would import every framework.
    """
    parts = {part for part in PARTS if _is_installed(f"persidict.{part}")}
    return sorted(name for name, part in PART_BY_NAME.items() if part in parts)


def _missing(name: str, part: str) -> ModuleNotFoundError:
    missing = f"'persidict-{part}[{ADAPTERS[name]}]'" if name in ADAPTERS else f"persidict-{part}"
    message = f"{name} needs a part that is not installed: pip install {missing}"
    return ModuleNotFoundError(message, name=f"persidict.{part}")


def _is_installed(module: str) -> bool:
    from importlib.util import find_spec  # here, so that importing persidict is fast

    return _has_origin(find_spec(module))


def _has_origin(spec: Any) -> bool:
    # A directory that an uninstallation left behind empty has a spec too, but no origin.
    return spec is not None and spec.origin is not None
