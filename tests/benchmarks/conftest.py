"""What the tests of the benchmarks share."""

from pathlib import Path

import pytest

from whetstone.catalog import Catalog, load_catalog

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The shipped one."""
    return load_catalog(ROOT / "catalog")
