"""Layers `slow_features` and `online`: the windows that units of some detectors are joined with."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from assets.factory import Factory, Look, Made, Work
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.catalog.slow import Slow, slow_of
from whetstone.engine import open_engine
from whetstone.golden import EVENTS
from whetstone.lake import Content, Lake, Place, version_of
from whetstone.releases import Bundle
from whetstone.releases.online import Online
from whetstone.scoring.history import GoldenFiles, golden_windows, lake_windows, latest_windows
from whetstone.sql import columns, literal

_MOST_WINDOWS = 400_000  # online, of one view; the newest


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """Two assets a detector with slow features."""
    return [
        asset
        for detector in factory.catalog.detectors.values()
        if detector.slow
        for asset in (_slow_features(factory, detector), _online(factory, detector))
    ]


def golden_files(lake: Lake, detector: Detector) -> GoldenFiles:
    """The golden dataset of a detector."""
    place = Place("golden", detector.golden_dataset)
    return GoldenFiles(lake.part(place), lake.directory(place) / EVENTS)


def _slow_features(factory: Factory, detector: Detector) -> dg.AssetsDefinition:
    catalog = factory.catalog

    def make(work: Work) -> Made:
        lake = work.stores.lake
        golden = golden_files(lake, detector)
        contents: dict[str, Content] = {}
        with open_engine(lake.root) as connection, lake.stage(work.place) as staged:
            for slow in catalog.slow_of(detector):
                windows = golden_windows(connection, lake, catalog.feature_views, slow, golden)
                connection.execute(f"CREATE OR REPLACE TEMP TABLE windows AS {windows}")
                file = f"{slow.view.name}.parquet"
                contents[slow.view.name] = staged.write(connection, "windows", file)
            rows = sum(content.rows for content in contents.values())
            manifest = work.commit(staged, version_of(*contents.items()), rows)
        return Made(manifest, {"dagster/row_count": rows})

    return factory.asset(
        f"slow_features/{detector.name}",
        Look(
            description=f"Windows that the examples of {detector.golden_dataset} are joined with:"
            " what was known of an entity before a unit began.",
            kinds=frozenset({"duckdb", "feast"}),
            owners=detector.owners,
            tags=dict(detector.tags),
        ),
        make,
    )


def _online(factory: Factory, detector: Detector) -> dg.AssetsDefinition:
    catalog = factory.catalog

    def make(work: Work) -> Made:
        from feature_repo.online import forget, write_latest
        from feature_repo.store import apply

        lake = work.stores.lake
        store = work.stores.features.open()
        apply(store, catalog.definitions, lake.root)
        now = f"TIMESTAMP '{datetime.now(UTC):%Y-%m-%d %H:%M:%S}'"
        contents: dict[str, Content] = {}
        with open_engine(lake.root) as connection, lake.stage(work.place) as staged:
            for slow in catalog.slow_of(detector):
                days = lake.days("features", slow.view.name)
                recent = slow.days(days[-1]) if days else []
                windows = lake_windows(lake, catalog.feature_views, slow, recent)
                if windows is None:
                    continue
                latest = latest_windows(slow, windows, now)
                connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE latest AS {latest}"
                    f" ORDER BY event_timestamp DESC LIMIT {_MOST_WINDOWS}"
                )
                write_latest(store, slow, connection.sql("FROM latest").to_arrow_table())
                file = f"{slow.online}.parquet"
                forget(store, slow, _gone(connection, slow, lake.directory(work.place) / file))
                contents[slow.online] = staged.write(connection, "latest", file)
            rows = sum(content.rows for content in contents.values())
            manifest = work.commit(staged, version_of(*contents.items()), rows)
        return Made(manifest, {"dagster/row_count": rows})

    return factory.asset(
        f"online/{detector.name}",
        Look(
            description=f"The latest windows of what {detector.display_name} knows of entities, as"
            " written to Feast's online store: scorers ask there, releases take them along.",
            kinds=frozenset({"duckdb", "feast"}),
            owners=detector.owners,
            tags=dict(detector.tags),
        ),
        make,
    )


def _gone(connection: duckdb.DuckDBPyConnection, slow: Slow, before: Path) -> pa.Table:
    """The entities that were written before and are not among the latest any more."""
    keys = columns(list(slow.keys))
    if not before.exists():
        return connection.sql(f"SELECT {keys} FROM latest WHERE false").to_arrow_table()
    known = f"read_parquet({literal(str(before))})"
    return connection.sql(
        f"SELECT {keys} FROM {known} ANTI JOIN latest USING ({keys})"
    ).to_arrow_table()


def online_export(work: Work, bundle: Bundle) -> Online | None:
    """What the online store knows by a bundle's definitions; None: nothing."""
    definitions = bundle.definitions
    (detector,) = definitions.detectors
    directory = work.stores.lake.directory(Place("online", detector.name))
    entities = [
        (slow, pq.read_table(path))
        for slow in slow_of(detector, definitions.sources[0], definitions.feature_views)
        if (path := directory / f"{slow.online}.parquet").exists()
    ]
    if not entities:
        return None
    from feature_repo.online import export

    made = export(work.stores.features.open(), entities)
    return made if made.rows else None
