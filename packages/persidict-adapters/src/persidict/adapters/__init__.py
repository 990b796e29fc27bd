"""Stores for other frameworks: each class makes one of a framework's stores out of any dict.

======================  ==================  ======================================
class                   module              is
======================  ==================  ======================================
`ZarrStore`             ``zarr``            a zarr v3 store
`LangChainStore`        ``langchain``       a LangChain ``BaseStore[str, bytes]``
`KeyValueStore`         ``key_value``       a py-key-value store, for FastMCP
`RequestsCacheBackend`  ``requests_cache``  a backend of requests-cache
`JoblibStoreBackend`    ``joblib``          a store backend of ``joblib.Memory``
`CachelibCache`         ``cachelib``        a cachelib cache, for Flask-Caching
`DjangoCache`           ``django``          a Django cache
`AnyKeyMapping`         ``mapping``         a mapping with keys of many types
======================  ==================  ======================================

Each class is loaded, together with its framework, when it is first asked for: from
``persidict.adapters.zarr``, from here or from `persidict`.
``pip install persidict-adapters[zarr]`` installs what ``persidict.adapters.zarr`` needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from persidict.core._facade import ADAPTERS

if TYPE_CHECKING:
    from persidict.adapters.cachelib import CachelibCache as CachelibCache
    from persidict.adapters.django import DjangoCache as DjangoCache
    from persidict.adapters.joblib import JoblibStoreBackend as JoblibStoreBackend
    from persidict.adapters.key_value import KeyValueStore as KeyValueStore
    from persidict.adapters.langchain import LangChainStore as LangChainStore
    from persidict.adapters.mapping import AnyKeyMapping as AnyKeyMapping
    from persidict.adapters.requests_cache import RequestsCacheBackend as RequestsCacheBackend
    from persidict.adapters.zarr import ZarrStore as ZarrStore

# Hidden from type checkers, which would accept any misspelt name otherwise.
else:

    def __getattr__(name: str) -> object:
        if name not in ADAPTERS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        value = getattr(import_module(f"{__name__}.{ADAPTERS[name]}"), name)
        globals()[name] = value
        return value
