"""Where the public names of `persidict` live, and which distribution brings each of them."""

from importlib import import_module
from importlib.util import find_spec

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

PARTS = frozenset(NAMES_BY_PART)
PART_BY_NAME = {name: part for part, names in NAMES_BY_PART.items() for name in names.split()}


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
    if not _is_installed(module):
        message = f"{name} needs a part that is not installed: pip install persidict-{part}"
        raise ModuleNotFoundError(message, name=module)
    return getattr(import_module(module), name)


def installed_names() -> list[str]:
    """Return the public names of the parts that are installed, without importing them."""
    parts = {part for part in PARTS if _is_installed(f"persidict.{part}")}
    return sorted(name for name, part in PART_BY_NAME.items() if part in parts)


def _is_installed(module: str) -> bool:
    # A directory that an uninstallation left behind empty still has a spec, but no origin.
    spec = find_spec(module)
    return spec is not None and spec.origin is not None
