"""Both databases that triggers and pauses are kept in."""

from tests.triage.conftest import case_store_url, empty_sqlite, postgres_url

__all__ = ["case_store_url", "empty_sqlite", "postgres_url"]
