"""The stores of an installation, as Dagster resources with typed settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from whetstone.lake import Lake

if TYPE_CHECKING:
    from feast import FeatureStore

    from triage import CaseStore
    from whetstone.releases import Repository


class LakeResource(dg.ConfigurableResource):
    """The lake of Parquet partitions."""

    root: str

    def open(self) -> Lake:
        """The lake."""
        return Lake(Path(self.root))


class WarehouseResource(DuckDBResource):
    """`warehouse.duckdb`: the views by which people query the lake.

    Opened read-only: any number of readers go together, and the file is replaced whole.
    """

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection that is closed, come what may (the parent leaks it on errors)."""
        connection = duckdb.connect(self.database, read_only=True)
        try:
            yield connection
        finally:
            connection.close()


class FeatureStoreResource(dg.ConfigurableResource):
    """Feast, the catalogue of features and the point-in-time join."""

    home: str

    def open(self) -> "FeatureStore":
        """The feature store; importing Feast takes seconds."""
        from feature_repo.store import open_store

        return open_store(Path(self.home))


class ReleaseRepositoryResource(dg.ConfigurableResource):
    """The signed repository of releases."""

    directory: str

    def open(self) -> "Repository":
        """The repository, with keys and metadata made on first use."""
        from whetstone.releases import Repository

        repository = Repository(Path(self.directory))
        repository.init()
        return repository


class CaseStoreResource(dg.ConfigurableResource):
    """Alerts and verdicts."""

    url: str

    @contextmanager
    def open(self) -> Iterator["CaseStore"]:
        """The case store, closed at the end."""
        from triage import CaseStore

        store = CaseStore(self.url)
        try:
            yield store
        finally:
            store.close()
