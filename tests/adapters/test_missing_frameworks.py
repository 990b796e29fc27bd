import subprocess
import sys

import pytest

FRAMEWORKS = {
    "zarr": "zarr",
    "langchain": "langchain_core",
    "key_value": "key_value",
    "requests_cache": "requests_cache",
    "joblib": "joblib",
    "cachelib": "cachelib",
    "django": "django",
}


@pytest.mark.parametrize("adapter", FRAMEWORKS)
def test_a_missing_framework_says_what_to_install(adapter):
    module = FRAMEWORKS[adapter]
    script = f"import sys; sys.modules[{module!r}] = None; import persidict.adapters.{adapter}"
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    expected = f"persidict.adapters.{adapter} needs {module}: pip install 'persidict-adapters["
    assert expected in done.stderr


def test_no_framework_is_imported_with_the_package():
    script = "import sys, persidict.adapters; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not set(FRAMEWORKS.values()) & set(done.stdout.split())
