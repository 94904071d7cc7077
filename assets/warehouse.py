"""Layer `warehouse`: the views by which people query the lake."""

import os
import uuid
from pathlib import Path

import dagster as dg
import duckdb

from assets.factory import Factory, Look, Made, Work
from whetstone.lake import Place, version_of
from whetstone.lineage import WAREHOUSE
from whetstone.sql import identifier, literal


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """One asset: the database file of views, replaced whole."""

    def make(work: Work) -> Made:
        work.stores.lake.remove_left_behind()
        views = _views(factory, work)
        _write(Path(work.stores.warehouse.database), views)
        with work.stores.lake.stage(work.place) as staged:
            manifest = work.commit(staged, version_of(*sorted(views)), len(views))
        listed = "\n".join(f"- `{name}`" for name in sorted(views))
        return Made(
            manifest,
            {
                "views": dg.MetadataValue.md(listed),
                "database": dg.MetadataValue.path(work.stores.warehouse.database),
            },
        )

    look = Look(
        description="`warehouse.duckdb`: views of the lake, such as `parsed.sshd` and `alerts`."
        " Open it read-only with any DuckDB client.",
        kinds=frozenset({"duckdb", "sql"}),
    )
    return [factory.asset(WAREHOUSE, look, make)]


def _views(factory: Factory, work: Work) -> dict[str, str]:
    """The SQL of each view by its name; only of what has been made."""
    lake = work.stores.lake
    views: dict[str, str] = {}
    for asset in work.inputs:
        layer, name = asset.split("/")
        daily = factory.graph.is_daily(asset)
        path = lake.glob(layer, name) if daily else str(lake.part(Place(layer, name)))
        view = f"{identifier(layer)}.{identifier(name)}" if layer != "alerts" else "alerts"
        # Days of which only what was made of them is left have the columns of their time.
        options = f"hive_partitioning = {daily}, union_by_name = {daily}"
        views[view] = f"SELECT * FROM read_parquet({literal(path)}, {options})"
    return views


def _write(database: Path, views: dict[str, str]) -> None:
    hidden = database.with_name(f".{database.name}.{uuid.uuid4().hex}.tmp")
    try:
        with duckdb.connect(str(hidden)) as connection:
            for schema in sorted({view.rpartition(".")[0] for view in views} - {""}):
                connection.execute(f"CREATE SCHEMA {schema}")
            for view, sql in views.items():
                connection.execute(f"CREATE VIEW {view} AS {sql}")
        os.replace(hidden, database)  # noqa: PTH105
    finally:
        hidden.unlink(missing_ok=True)
