"""A small world of three feature views, readable by our offline store and by Feast's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.data_format import ParquetFormat
from feast.types import Float64, Int64, String

# Naive, as the lake's timestamps are: they mean UTC.
MIDNIGHT = datetime(2024, 5, 1)  # noqa: DTZ001
TTL = {"ageless": None, "hourly": timedelta(hours=1), "pairs": timedelta(hours=2)}
KEYS = {"ageless": ("user",), "hourly": ("user",), "pairs": ("user", "host")}
FEATURES = {"ageless": ("n", "x"), "hourly": ("count", "note"), "pairs": ("both",)}

_TYPES = {
    "user": pa.string(),
    "host": pa.int64(),
    "at": pa.timestamp("us"),
    "created": pa.timestamp("us"),
    "n": pa.int64(),
    "x": pa.float64(),
    "count": pa.int64(),
    "note": pa.string(),
    "raw_both": pa.int64(),
}
_COLUMNS = {
    "ageless": ("user", "at", "created", "n", "x"),
    "hourly": ("user", "at", "created", "count", "note"),
    "pairs": ("user", "host", "at", "created", "raw_both"),
}


@dataclass(frozen=True)
class World:
    """Two stores over one registry and one set of files."""

    directory: Path
    ours: FeatureStore
    feasts: FeatureStore

    def write(self, view: str, rows: Sequence[Sequence[Any]]) -> None:
        """Replace a view's feature rows; the columns are those of `_COLUMNS`."""
        names = _COLUMNS[view]
        columns = {
            name: pa.array([row[i] for row in rows], _TYPES[name]) for i, name in enumerate(names)
        }
        pq.write_table(pa.table(columns), self.directory / f"{view}.parquet")


def make_store(directory: Path, offline_store: Mapping[str, Any]) -> FeatureStore:
    return FeatureStore(
        config=RepoConfig(
            project="world",
            provider="local",
            registry={"registry_type": "sql", "path": f"sqlite:///{directory}/registry.db"},
            online_store={"type": "sqlite", "path": str(directory / "online.db")},
            offline_store=dict(offline_store),
            entity_key_serialization_version=3,
        )
    )


def make_world(directory: Path) -> World:
    ours = make_store(directory, {"type": "feature_repo.asof.AsofOfflineStore"})
    user = Entity(name="user", join_keys=["user"], value_type=ValueType.STRING)
    host = Entity(name="host", join_keys=["host"], value_type=ValueType.INT64)

    def view(
        name: str, entities: list[Entity], features: list[Field], **source: Any
    ) -> FeatureView:
        keys = [Field(name=e.join_key, dtype=String if e is user else Int64) for e in entities]
        return FeatureView(
            name=name,
            entities=entities,
            ttl=TTL[name],
            schema=[*keys, *features],
            source=FileSource(
                name=name,
                path=str(directory / f"{name}.parquet"),
                file_format=ParquetFormat(),
                timestamp_field="at",
                created_timestamp_column="created",
                **source,
            ),
        )

    ours.apply(
        [
            user,
            host,
            view(
                "ageless",
                [user],
                [Field(name="n", dtype=Int64), Field(name="x", dtype=Float64)],
            ),
            view(
                "hourly",
                [user],
                [Field(name="count", dtype=Int64), Field(name="note", dtype=String)],
            ),
            view(
                "pairs",
                [user, host],
                [Field(name="both", dtype=Int64)],
                field_mapping={"raw_both": "both"},
            ),
        ]
    )
    return World(directory, ours, make_store(directory, {"type": "duckdb"}))


def utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC)
