"""The canaries of golden datasets: lines that must be events of their source and make a unit."""

from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb

from whetstone.canaries import parse_canary
from whetstone.catalog.catalog_pb2 import Canary, FeatureView, Source
from whetstone.catalog.loading import CatalogFiles
from whetstone.engine import only_row
from whetstone.errors import CatalogError
from whetstone.features import features_sql

_AT = datetime(2026, 3, 10, 12, 2, 30, tzinfo=UTC)  # in the middle of a window of five minutes


def bad_canaries(
    connection: duckdb.DuckDBPyConnection, files: CatalogFiles
) -> Iterator[CatalogError]:
    """An error for each canary of which a line gives no event, or all of them no unit."""
    for dataset in files.golden_datasets.values():
        view = files.feature_views[dataset.message.feature_view].message
        source = files.sources[view.source].message
        for number, canary in enumerate(dataset.message.canaries):
            problem = problem_of_canary(connection, source, view, canary)
            if problem:
                yield dataset.error(f"canaries[{number}].lines", problem)


def problem_of_canary(
    connection: duckdb.DuckDBPyConnection, source: Source, view: FeatureView, canary: Canary
) -> str:
    """Why a canary cannot be found by any model; empty if it can."""
    lost = parse_canary(connection, source, canary, _AT)
    if lost:
        told = "; ".join(f"{count} lines: {reason}" for reason, count in lost.items())
        return f"{canary.name} gives fewer events of {source.name} than lines: {told}"
    (units,) = only_row(connection, f"SELECT count(*) FROM ({features_sql(view, 'events', [])})")
    return "" if units else f"{canary.name} makes no unit of {view.name}: its entity is missing"
