"""joblib's tests of `Memory`, from its package, with every `Memory` on our backend."""

import inspect

import joblib.memory
import joblib.test.test_memory as suite
from suite_stores import STORE, store_at

import persidict.adapters.joblib  # noqa: F401  # registers the backend

# Tests that look into joblib's own files. tests/adapters/test_joblib.py has counterparts.
LEFT_OUT = {
    "test__get_items": "reads the sizes of files",
    "test_call_and_shelve_lazily_load_stored_result": "damages a file",
    "test_func_dir": "looks for the directory of a function",
    "test_memorized_result_forwards_mmap_mode": "opens the directory with joblib's backend",
    "test_memory_clear": "lists the directory",
    "test_memory_integration": "deletes a file",
    "test_memory_numpy_check_mmap_mode": "damages a file",
    "test_memory_recomputes_after_an_error_while_loading_results": "damages a file",
    "test_parallel_call_cached_function_defined_in_jupyter": "lists the directory",
    "test_persistence": "looks for the directory of a result",
}
if STORE == "memory":
    LEFT_OUT |= dict.fromkeys(
        (
            "test_cached_function_race_condition_when_persisting_output",
            "test_cached_function_race_condition_when_persisting_output_2",
            "test_memorized_result_pickle",
            "test_memory_pickle_dump_load",
        ),
        "sends the store to another process",
    )


class Memory(joblib.memory.Memory):
    def __init__(self, location=None, backend="persidict", *, backend_options=None, **options):
        if backend == "persidict" and location is not None and STORE != "file":
            backend_options = {"store": store_at(str(location)), **(backend_options or {})}
        super().__init__(location, backend=backend, backend_options=backend_options, **options)


suite.Memory = Memory
for name, function in inspect.getmembers(suite, inspect.isfunction):
    if name not in LEFT_OUT and name.startswith("test_"):
        globals()[name] = function
