"""The cache tests of Django, run from its source distribution."""

import sys

import django
from django.conf import settings
from suite_stores import new_store

BACKEND = {"BACKEND": "persidict.adapters.django.DjangoCache", "LOCATION": new_store()}

# At the end, because its modules have the names of packages that moto needs.
sys.path.append("tests")
settings.configure(
    INSTALLED_APPS=["cache"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    SECRET_KEY="for tests",
    ROOT_URLCONF="",
    USE_TZ=False,
)
django.setup()

import pytest  # noqa: E402
from cache.tests import BaseCacheTests, caches_setting_for_tests  # noqa: E402
from django.test import TestCase, override_settings  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def _database():
    from django.test.runner import DiscoverRunner

    setup_test_environment()
    runner = DiscoverRunner(verbosity=0)
    databases = runner.setup_databases()
    yield
    runner.teardown_databases(databases)


@override_settings(CACHES=caches_setting_for_tests(base=BACKEND, exclude={"cull", "zero_cull"}))
class TestDjangoCache(BaseCacheTests, TestCase):
    """`DjangoCache` has no bound, so Django's tests of culling do not apply."""

    test_cull = test_zero_cull = None
    test_cull_delete_when_store_empty = None
