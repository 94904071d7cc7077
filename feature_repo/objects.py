"""Feast objects made from the catalog: entities, feature views and feature services.

A feature view of the catalog becomes several of Feast's, equal but for their files:

- `<view>` reads the production features of every day, and is what can be served online;
- `<view>__<dataset>` reads the features of one golden dataset's examples, and is never online.

They are separate because one Feast view has one source: a view whose source were exchanged for
training would let two trainings at once read each other's examples, and would not appear in
Feast's lineage. The feature service of a detector is its training contract: exactly its features,
from the view of its golden dataset. What a scorer looks up online is `<view>:<feature>`.

Slow features of a detector are joined as of another moment, the start of the unit, and so have a
service of their own, `<detector>__slow`, over `<view>__slow__<detector>`, the history of its
examples. Online they are in `<view>__<hash>`: the hash is that of their definitions, so that a
model never gets values that were made by others than it was trained with.

Every object carries the tag `definition_sha256`, the hash of all that it was made from: Feast's own
comparison does not see a changed SQL expression.
"""

import glob
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import cast

from feast import Entity, FeatureService, FeatureView, Field, FileSource
from feast.data_format import ParquetFormat
from feast.types import Array, Bool, FeastType, Float32, Float64, Int32, Int64, String
from feast.types import UnixTimestamp as Timestamp

from whetstone.catalog import catalog_pb2
from whetstone.catalog.slow import Slow, slow_of
from whetstone.catalog.validation import entity_columns, event_columns, seconds_of
from whetstone.errors import CatalogError

DEFINITION_TAG = "definition_sha256"

# Feast has no unsigned 64-bit integer: a value beyond 2^63 is joined but cannot be served online.
_TYPES: dict[str, FeastType] = {
    "BOOLEAN": Bool,
    "TINYINT": Int32,
    "SMALLINT": Int32,
    "INTEGER": Int32,
    "BIGINT": Int64,
    "UBIGINT": Int64,
    "FLOAT": Float32,
    "DOUBLE": Float64,
    "VARCHAR": String,
    "DATE": Timestamp,
    "TIMESTAMP": Timestamp,
    "VARCHAR[]": Array(String),
    "BIGINT[]": Array(Int64),
    "DOUBLE[]": Array(Float64),
}
_INSTANT = timedelta(microseconds=1)
_FOR_EVER = timedelta(0)


@dataclass(frozen=True)
class FeastObjects:
    """All objects of a catalog, each kind in the order of the catalog."""

    entities: tuple[Entity, ...]
    feature_views: tuple[FeatureView, ...]
    feature_services: tuple[FeatureService, ...]

    def __iter__(self) -> Iterator[Entity | FeatureView | FeatureService]:
        yield from self.entities
        yield from self.feature_views
        yield from self.feature_services


def feast_objects(definitions: catalog_pb2.Definitions, lake: Path) -> FeastObjects:
    """The Feast objects of a validated catalog.

    Args:
        definitions: all sources, feature views, golden datasets and detectors.
        lake: the lake's directory; the sources hold absolute paths.

    Raises:
        CatalogError: a data type without a counterpart in Feast, or two views with one name.
    """
    lake = lake.resolve()
    sources = {source.name: source for source in definitions.sources}
    parts = [_ViewParts.of(view, sources[view.source]) for view in definitions.feature_views]
    by_name = {part.view.name: part for part in parts}
    entities = {entity.name: entity for part in parts for entity in part.entities}
    views: dict[str, FeatureView] = {}
    for part in parts:
        days = _days_of(part.view, lake)
        _add(views, _feature_view(part, part.view.name, days, online=True))
    for dataset in definitions.golden_datasets:
        examples = str(lake / "golden_features" / dataset.name / "part.parquet")
        name = golden_view_name(dataset)
        _add(views, _feature_view(by_name[dataset.feature_view], name, examples, online=False))
    datasets = {dataset.name: dataset for dataset in definitions.golden_datasets}
    services = [
        _feature_service(detector, views[golden_view_name(datasets[detector.golden_dataset])])
        for detector in definitions.detectors
    ]
    for detector in definitions.detectors:
        unit = by_name[datasets[detector.golden_dataset].feature_view].view
        slows = slow_of(detector, sources[unit.source], definitions.feature_views)
        for slow in slows:
            part = by_name[slow.view.name].only(slow.features)
            history = _feature_view(
                part, *_history(detector, slow, lake), online=False, ttl=slow.max_age
            )
            _add(views, history)
            if slow.online not in views:
                days = _days_of(slow.view, lake)
                views[slow.online] = _feature_view(
                    part, slow.online, days, online=True, ttl=_FOR_EVER
                )
        if slows:
            services.append(_slow_service(detector, slows, views))
    return FeastObjects(tuple(entities.values()), tuple(views.values()), tuple(services))


def golden_view_name(dataset: catalog_pb2.GoldenDataset) -> str:
    """Name of the Feast view that reads the features of a golden dataset's examples."""
    return f"{dataset.feature_view}__{dataset.name}"


def slow_service_name(detector: str) -> str:
    """Name of the feature service with a detector's slow features."""
    return f"{detector}__slow"


def time_to_live(view: catalog_pb2.FeatureView) -> timedelta:
    """How long after its event timestamp a feature row may be used.

    An event's features are those of its instant; a window's are the latest until the next window
    ends; a session is over with its day.
    """
    match view.WhichOneof("unit"):
        case "event":
            return _INSTANT
        case "window":
            return timedelta(seconds=seconds_of(view.window.every) or 0) - _INSTANT
        case _:
            return timedelta(days=1)


@dataclass(frozen=True)
class _ViewParts:
    """What the Feast views of one catalog view have in common."""

    view: catalog_pb2.FeatureView
    entities: tuple[Entity, ...]
    schema: tuple[Field, ...]

    @classmethod
    def of(cls, view: catalog_pb2.FeatureView, source: catalog_pb2.Source) -> "_ViewParts":
        types = event_columns(source)
        keys = {name: types[name] for name in ("environment", *entity_columns(view))}
        fields = [Field(name=name, dtype=_feast_type(view, kind)) for name, kind in keys.items()]
        fields += [
            Field(
                name=feature.name,
                dtype=_feast_type(view, feature.data_type),
                description=feature.description or feature.display_name,
            )
            for feature in view.features
        ]
        entities = [_entity(view, name, kind) for name, kind in keys.items()]
        return cls(view, tuple(entities), tuple(fields))

    def only(self, features: Sequence[str]) -> "_ViewParts":
        """The same with some of the features, in their order."""
        fields = {field.name: field for field in self.schema}
        kept = (*(entity.join_key for entity in self.entities), *features)
        return replace(self, schema=tuple(fields[name] for name in kept))


def _entity(view: catalog_pb2.FeatureView, column: str, kind: str) -> Entity:
    # Sources may give one column different types; an entity has one.
    name = column if kind == "VARCHAR" else f"{column}_{kind.lower()}"
    return Entity(
        name=name,
        join_keys=[column],
        value_type=_feast_type(view, kind).to_value_type(),
        tags={DEFINITION_TAG: _sha256(name, column, kind)},
    )


def _days_of(view: catalog_pb2.FeatureView, lake: Path) -> str:
    return f"{glob.escape(str(lake))}/features/{view.name}/*/part.parquet"


def _history(detector: catalog_pb2.Detector, slow: Slow, lake: Path) -> tuple[str, str]:
    """Name and file of the windows that a detector's examples are joined with."""
    file = lake / "slow_features" / detector.name / f"{slow.view.name}.parquet"
    return f"{slow.view.name}__slow__{detector.name}", str(file)


def _feature_view(
    part: _ViewParts, name: str, path: str, *, online: bool, ttl: timedelta | None = None
) -> FeatureView:
    view = part.view
    ttl = time_to_live(view) if ttl is None else ttl
    made_from = _sha256(
        name,
        path,
        str(ttl),
        *(f"{field.name} {field.dtype}" for field in part.schema),
        view.SerializeToString(deterministic=True),
    )
    return FeatureView(
        name=name,
        description=view.description or view.display_name,
        owner=", ".join(view.owners),
        entities=list(part.entities),
        schema=list(part.schema),
        ttl=ttl,
        online=online,
        source=FileSource(
            name=name,
            path=path,
            file_format=ParquetFormat(),
            timestamp_field="event_timestamp",
        ),
        tags={
            **view.tags,
            "source": view.source,
            "unit": view.WhichOneof("unit") or "",
            DEFINITION_TAG: made_from,
        },
    )


def _feature_service(detector: catalog_pb2.Detector, view: FeatureView) -> FeatureService:
    projected = cast(FeatureView, view[list(detector.features)])
    fields = [f"{f.name} {f.dtype} {f.description}" for f in projected.projection.features]
    made_from = _sha256(view.name, *fields, detector.SerializeToString(deterministic=True))
    return FeatureService(
        name=detector.name,
        description=detector.description or detector.display_name,
        owner=", ".join(detector.owners),
        features=[projected],
        tags={
            **detector.tags,
            "golden_dataset": detector.golden_dataset,
            DEFINITION_TAG: made_from,
        },
    )


def _slow_service(
    detector: catalog_pb2.Detector, slows: Sequence[Slow], views: Mapping[str, FeatureView]
) -> FeatureService:
    projections: list[FeatureView] = []
    for slow in slows:
        history = views[f"{slow.view.name}__slow__{detector.name}"]
        projections.append(cast(FeatureView, history.with_name(slow.view.name)))
    made_from = _sha256(
        *(f"{slow.online} {slow.max_age}" for slow in slows),
        detector.SerializeToString(deterministic=True),
    )
    return FeatureService(
        name=slow_service_name(detector.name),
        description=f"Slow features of {detector.display_name or detector.name}, as of the start"
        " of a unit",
        owner=", ".join(detector.owners),
        features=[*projections],
        tags={**detector.tags, "detector": detector.name, DEFINITION_TAG: made_from},
    )


def _add(views: dict[str, FeatureView], view: FeatureView) -> None:
    if view.name in views:
        raise CatalogError(f"features: two feature views would be called {view.name!r} in Feast")
    views[view.name] = view


def _feast_type(view: catalog_pb2.FeatureView, data_type: str) -> FeastType:
    if data_type not in _TYPES:
        raise CatalogError(f"feature view {view.name}: Feast has no counterpart of {data_type}")
    return _TYPES[data_type]


def _sha256(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
