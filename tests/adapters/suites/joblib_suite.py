"""joblib's tests of `Memory`, from its package, with every `Memory` on our backend."""

import inspect

import joblib.memory
import joblib.test.test_memory as suite

import persidict.adapters.joblib  # noqa: F401  # registers the backend

# What these tests look at is no matter of the store, or is one that has files of joblib's own.
LEFT_OUT = {
    "about files of joblib's own": {
        "test_memory_integration",
        "test_no_memory",
    },
}


class Memory(joblib.memory.Memory):
    def __init__(self, location=None, backend="persidict", **options):
        super().__init__(location, backend=backend, **options)


suite.Memory = Memory
for name, function in inspect.getmembers(suite, inspect.isfunction):
    if name.startswith("test_") or hasattr(function, "_pytestfixturefunction"):
        globals()[name] = function
