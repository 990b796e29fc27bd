"""Assertions in the kit explain themselves like those in test files."""

import pytest

pytest.register_assert_rewrite("persidict.core.testing")
