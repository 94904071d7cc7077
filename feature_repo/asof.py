"""Feast's offline store over Parquet, with DuckDB's ASOF joins.

`AsofOfflineStore` gives what Feast's own DuckDB store gives, value by value, and differs in this:

- the cost of a point-in-time join does not grow with the number of feature rows within the TTL;
- each call has a DuckDB connection of its own, with limits of its own: calls may run in threads;
- the entity rows keep their order, and the types of their columns;
- entity rows may be a pandas frame, a pyarrow table or a SQL query over the feature views;
- a call reads the files that its feature views' sources name, and no others.

Everything but historical features (materialization, monitoring, logging) is Feast's own.
"""

import tempfile
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureView, OnDemandFeatureView, RepoConfig
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore, DuckDBOfflineStoreConfig
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.saved_dataset import SavedDatasetStorage
from pydantic import StrictInt, StrictStr

from feature_repo.pointintime import ENTITY_ROWS, ROW, Span, ViewJoin, join_sql, ties_sql
from feature_repo.reading import Limits, ViewSource, connection, entity_table, event_timestamp_of
from whetstone.errors import InputError
from whetstone.sql import identifier

# ibis, which Feast's own parts go on using, says so on every call.
warnings.filterwarnings("ignore", message=r"fetch_arrow_table\(\) is deprecated")


class AsofOfflineStoreConfig(DuckDBOfflineStoreConfig):
    """What one call may use.

    Attributes:
        memory_limit: DuckDB's limit per connection, such as "4GB"; beyond it, joins spill.
        threads: DuckDB's threads per connection; 0: one per core.
        temp_directory: where joins spill; None: the system's directory for temporary files.
    """

    type: StrictStr = "feature_repo.asof.AsofOfflineStore"
    memory_limit: StrictStr = "4GB"
    threads: StrictInt = 0
    temp_directory: StrictStr | None = None


class AsofOfflineStore(DuckDBOfflineStore):
    """Feast's DuckDB offline store with point-in-time joins as ASOF joins."""

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | pa.Table | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Join features to entity rows, each as of the row's event timestamp.

        Args:
            config: with an `AsofOfflineStoreConfig` as its offline store.
            feature_views: views whose sources are Parquet files on this machine.
            feature_refs: `view:feature`, as Feast resolved them.
            entity_df: one row an example: the views' join keys and `event_timestamp` (else the one
                column that is a timestamp; without a time zone it means UTC), and whatever else is
                to be kept. SQL can select from the feature views by their names.
            registry: where the on-demand feature views are looked up.
            project: Feast's project.
            full_feature_names: name the features `view__feature`.
            filter_by_created_timestamp: ignore feature rows written after the event timestamp.
            start_date: not supported, name the entity rows instead.
            end_date: not supported, name the entity rows instead.

        Returns:
            A job; its result has the entity rows' columns, then the features in the order of the
            views. Where nothing was known in time, features are null.

        Raises:
            InputError: entity rows, sources or views that cannot be joined; the message says which.
            NotReadyError: a source has no files yet.
        """
        if entity_df is None or start_date is not None:
            raise InputError("historical features need entity rows: give entity_df, without dates")
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        for view in on_demand:
            if view.mode == "substrait":
                raise InputError(f"on-demand feature view {view.name}: write mode pandas or python")
        sources = [
            ViewSource.of(view, feature_refs, full_feature_names, config.repo_path)
            for view in feature_views
        ]
        limits = _limits(config, sources)
        with connection(limits) as con:
            types = [source.column_types(con) for source in sources]
            joins = [source.join(kinds) for source, kinds in zip(sources, types, strict=True)]
            rows = entity_table(entity_df, sources, con)
            clock = event_timestamp_of(rows)
            spine = _spine(rows, clock, sources, joins)
            span = _span(con, spine, clock)
            statements = [
                join_sql(
                    join,
                    source.table,
                    kinds,
                    event_timestamp=clock,
                    span=span,
                    ties=con.sql(ties_sql(join, source.table, kinds, span)).fetchall() != [(0,)],
                    written_by_then=filter_by_created_timestamp,
                )
                for source, join, kinds in zip(sources, joins, types, strict=True)
            ]
        metadata = RetrievalMetadata(
            features=feature_refs,
            keys=[name for name in rows.column_names if name != clock],
            min_event_timestamp=span[0] if span else None,
            max_event_timestamp=span[1] if span else None,
        )
        return AsofRetrievalJob(
            rows, spine, statements, limits, on_demand, full_feature_names, metadata
        )


class AsofRetrievalJob(RetrievalJob):
    """A point-in-time join that runs whenever its result is asked for."""

    def __init__(
        self,
        rows: pa.Table,
        spine: pa.Table,
        statements: Sequence[str],
        limits: Limits,
        on_demand_feature_views: list[OnDemandFeatureView],
        full_feature_names: bool,
        metadata: RetrievalMetadata,
    ) -> None:
        super().__init__()
        self._rows = rows
        self._spine = spine
        self._statements = statements
        self._limits = limits
        self._on_demand_feature_views = on_demand_feature_views
        self._full_feature_names = full_feature_names
        self._metadata = metadata

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        result = self._rows
        with connection(self._limits) as con:
            con.register(ENTITY_ROWS, self._spine)
            for statement in self._statements:
                features = con.sql(statement).to_arrow_table()
                for name in features.column_names:
                    result = result.append_column(name, features[name])
        return result

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return self._to_arrow_internal(timeout).to_pandas()

    def to_sql(self) -> str:
        """The statements, one a feature view, over the table `entity_rows`."""
        return ";\n\n".join(self._statements)

    def persist(
        self,
        storage: SavedDatasetStorage,
        allow_overwrite: bool = False,
        timeout: int | None = None,
    ) -> None:
        """Write the result as one Parquet file, on-demand features included.

        Raises:
            InputError: the storage is not a Parquet file on this machine.
            SavedDatasetLocationAlreadyExists: it is there and may not be overwritten.
        """
        if not isinstance(storage, SavedDatasetFileStorage):
            raise InputError(f"{type(storage).__name__}: use SavedDatasetFileStorage")
        path = Path(storage.file_options.uri)
        if path.exists() and not allow_overwrite:
            raise SavedDatasetLocationAlreadyExists(location=str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as directory:
            written = Path(directory) / path.name
            pq.write_table(self.to_arrow(timeout=timeout), written)
            written.replace(path)

    @property
    def full_feature_names(self) -> bool:
        """Whether features are named `view__feature`."""
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """The views that Feast computes from the result."""
        return self._on_demand_feature_views

    @property
    def metadata(self) -> RetrievalMetadata:
        """Feature references, entity columns and time span."""
        return self._metadata


def _limits(config: RepoConfig, sources: Sequence[ViewSource]) -> Limits:
    allowed = config.offline_store
    if not isinstance(allowed, AsofOfflineStoreConfig):
        raise InputError("offline_store: its configuration is not an AsofOfflineStoreConfig")
    return Limits(
        memory_limit=allowed.memory_limit,
        threads=allowed.threads,
        temp_directory=allowed.temp_directory,
        files=list(dict.fromkeys(file for source in sources for file in source.files)),
    )


def _spine(
    rows: pa.Table, clock: str, sources: Sequence[ViewSource], joins: Sequence[ViewJoin]
) -> pa.Table:
    """What the joins need of the entity rows: timestamp, keys and the rows' order."""
    taken = set(rows.column_names)
    for source, join in zip(sources, joins, strict=True):
        for key in join.keys.values():
            if key not in rows.column_names:
                raise InputError(
                    f"entity rows: no column {key!r}, by which feature view {source.view} is "
                    f"joined; there are: {', '.join(rows.column_names)}"
                )
        for name in join.features.values():
            if name in taken:
                raise InputError(
                    f"two columns would be called {name!r}: rename the entity rows' column, "
                    "or ask for full_feature_names"
                )
            taken.add(name)
    keys = [key for join in joins for key in join.keys.values()]
    needed = rows.select(list(dict.fromkeys([clock, *keys])))
    return needed.append_column(ROW, pa.array(np.arange(len(rows))))


def _span(con: duckdb.DuckDBPyConnection, spine: pa.Table, clock: str) -> Span | None:
    """The first and the last event timestamp in UTC; None when there is none."""
    con.register(ENTITY_ROWS, spine)
    at = f"CAST({identifier(clock)} AS TIMESTAMPTZ)"
    bounds = con.sql(f"SELECT epoch_us(min({at})), epoch_us(max({at})) FROM {ENTITY_ROWS}")
    first, last = bounds.fetchall()[0]
    if first is None:
        return None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + timedelta(microseconds=first), epoch + timedelta(microseconds=last)
