"""Run the synchronous conformance kit through `AsyncPersiDict`.

`through_async` turns the factory of a dict into the factory of one whose every public method
calls the coroutine or async iterator of the same name. Pass it to the kit::

    class TestMyDictAsync(PersiDictConformance):
        @pytest.fixture
        def make_dict(self, tmp_path):
            return through_async(functools.partial(MyDict, path=tmp_path))
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import cache, partial
from typing import Any, TypeVar, cast

from persidict.aio.async_dict import AsyncPersiDict
from persidict.core.base import PersiDict
from persidict.core.views import PersiItemsView, PersiKeysView, PersiValuesView

_T = TypeVar("_T")
# The methods that Python has operators for, and their names in `AsyncPersiDict`.
_OPERATORS = {
    "__getitem__": "__getitem__",
    "__setitem__": "set_item",
    "__delitem__": "delete_item",
    "__contains__": "contains",
    "__len__": "count",
    "__eq__": "equals",
}
_ITERATORS = ("get_many", "keys_and_timestamps", "values_and_timestamps", "items_and_timestamps")
_NO_COROUTINES = {"keys", "values", "items", "aclose", "run", *_ITERATORS, *_OPERATORS.values()}


def through_async(make_dict: Callable[..., PersiDict[Any]]) -> Callable[..., PersiDict[Any]]:
    """Return a factory of dicts that do everything through `AsyncPersiDict`.

    Example:
        >>> from persidict import LocalDict
        >>> d = through_async(LocalDict)()
        >>> d["a"] = 1
        >>> d["a"], list(d.values())
        (1, [1])
    """

    def make(**parameters: Any) -> PersiDict[Any]:
        return _through(make_dict(**parameters))

    return make


def _through(wrapped: PersiDict[Any]) -> PersiDict[Any]:
    twin = object.__new__(_through_class(type(wrapped)))
    twin.__dict__ = wrapped.__dict__.copy()
    return twin


@cache
def _through_class(cls: type[PersiDict[Any]]) -> type[PersiDict[Any]]:
    """Return a subclass of a dict's class whose public methods go through `AsyncPersiDict`."""

    def opened(self: Any) -> AsyncPersiDict[Any]:
        plain = object.__new__(cls)
        plain.__dict__ = self.__dict__.copy()
        return AsyncPersiDict(plain)

    coroutine, iterator = partial(_coroutine, opened), partial(_iterator, opened)
    methods: dict[str, Any] = {own: coroutine(name) for own, name in _OPERATORS.items()}
    for name, function in inspect.getmembers(AsyncPersiDict, inspect.iscoroutinefunction):
        if not name.startswith("_") and name not in _NO_COROUTINES and hasattr(PersiDict, name):
            methods[name] = coroutine(function.__name__)
    methods |= {name: iterator(name) for name in _ITERATORS}
    methods["__bool__"] = lambda self: not _run(opened(self).is_empty)
    methods["__iter__"] = iterator("keys")
    methods["__hash__"] = None
    for name, base in (
        ("keys", PersiKeysView),
        ("values", PersiValuesView),
        ("items", PersiItemsView),
    ):
        methods[name] = _view(opened, base, name)
    return type(f"{cls.__name__}ThroughAsync", (cls,), methods)


def _coroutine(opened: Callable[[Any], AsyncPersiDict[Any]], name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _wrapped_again(_run(lambda: getattr(opened(self), name)(*args, **kwargs)))

    return method


def _iterator(opened: Callable[[Any], AsyncPersiDict[Any]], name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        return _stepped(getattr(opened(self), name)(*args, **kwargs))

    return method


def _view(
    opened: Callable[[Any], AsyncPersiDict[Any]], base: type, name: str
) -> Callable[..., Any]:
    def iterate(self: Any) -> Iterator[Any]:
        return _stepped(getattr(opened(self._mapping), name)())

    view: Callable[..., Any] = type(base.__name__, (base,), {"__iter__": iterate})

    def method(self: Any) -> Any:
        return view(self)

    return method


def _wrapped_again(result: Any) -> Any:
    if isinstance(result, AsyncPersiDict):
        return _through(result.wrapped)
    if isinstance(result, dict) and any(isinstance(v, AsyncPersiDict) for v in result.values()):
        return {name: _wrapped_again(value) for name, value in result.items()}
    return result


def _stepped(stream: AsyncIterator[_T]) -> Iterator[_T]:
    """Step through an async iterator from a thread without an event loop."""
    while True:
        try:
            yield _run(lambda: cast("Coroutine[Any, Any, _T]", anext(stream)))
        except StopAsyncIteration:
            return


def _run(begin: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    async def call() -> _T:
        return await begin()

    return asyncio.run_coroutine_threadsafe(call(), _loop()).result()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return an event loop that runs in a thread for the rest of the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True, name="persidict-aio-testing").start()
    return loop
