"""Assertions in the kit explain themselves like those in test files."""

import pytest

for module in ("testing", "testing_changes", "testing_conditions", "testing_machine"):
    pytest.register_assert_rewrite(f"persidict.core.{module}")
