"""Stores for other frameworks: each module makes one of a framework's stores out of any dict.

========================================  ======================================================
`persidict.adapters.zarr.ZarrStore`       a zarr v3 store
`persidict.adapters.langchain.ByteStore`  a LangChain ``BaseStore[str, bytes]``
`persidict.adapters.key_value`            a py-key-value store, for FastMCP and others
`persidict.adapters.requests_cache`       a backend for requests-cache
`persidict.adapters.joblib`               a store backend for ``joblib.Memory``
`persidict.adapters.cachelib`             a cachelib cache, for Flask-Caching
`persidict.adapters.django`               a Django cache
`persidict.adapters.mapping`              a mapping with keys of any type, for dask and zict
========================================  ======================================================

A module imports its framework when it is imported, never before:
``pip install persidict-adapters[zarr]`` installs what `persidict.adapters.zarr` needs.
"""
