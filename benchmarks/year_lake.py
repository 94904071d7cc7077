"""A lake of many days: every daily asset of a catalog, in its real columns."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from assets.columns import event_schema, feature_schema, reject_schema, unit_schema
from assets.factory import Factory
from whetstone.lake import MANIFEST, PART, Lake, Manifest, Place
from whetstone.sql import identifier, literal

_SMALL_ROWS = 20
_SCORES = {"score": "DOUBLE", "threshold": "DOUBLE", "is_alert": "BOOLEAN"}


class Year:
    """Partitions of all daily assets on some days."""

    def __init__(self, factory: Factory, lake: Lake, days: list[str]):
        self._factory = factory
        self._lake = lake
        self._days = days

    def write(self, source: str, rows: int) -> int:
        """Write them, with so many events a day of one source; returns how many partitions."""
        count = 0
        with duckdb.connect() as connection:
            for layer, name, columns in self._assets():
                first = self._write(connection, Place(layer, name, self._days[0]), columns, None)
                for day in self._days:
                    place = Place(layer, name, day)
                    if (layer, name) == ("parsed", source):
                        self._write(connection, place, columns, rows)
                    elif day != self._days[0]:
                        self._copy(first, place)
                    count += 1
        return count

    def _assets(self) -> Iterator[tuple[str, str, Mapping[str, str]]]:
        catalog = self._factory.catalog
        for name, source in catalog.sources.items():
            yield "parsed", name, {each.name: each.type for each in event_schema(source)}
            yield "rejects", name, {each.name: each.type for each in reject_schema()}
        for name, view in catalog.feature_views.items():
            yield "features", name, {each.name: each.type for each in feature_schema(view)}
        for name, detector in catalog.detectors.items():
            view = catalog.view_of(catalog.golden_datasets[detector.golden_dataset])
            units = {each.name: each.type for each in unit_schema(view)}
            yield "scores", name, {**units, **_SCORES}

    def _write(
        self,
        connection: duckdb.DuckDBPyConnection,
        place: Place,
        columns: Mapping[str, str],
        rows: int | None,
    ) -> Path:
        directory = self._lake.directory(place)
        directory.mkdir(parents=True, exist_ok=True)
        day = datetime.fromisoformat(place.day or "")
        values = ", ".join(
            f"{_value(kind, day, number)} AS {identifier(name)}"
            for number, (name, kind) in enumerate(columns.items())
        )
        many = rows or _SMALL_ROWS
        connection.execute(
            f"COPY (SELECT {values} FROM range({many}) r(i)) TO {literal(str(directory / PART))}"
            " (FORMAT parquet, COMPRESSION zstd)"
        )
        now = datetime.now(UTC).isoformat()
        manifest = Manifest("code", {}, f"{place}", many, now)
        (directory / MANIFEST).write_text(json.dumps(asdict(manifest)))
        return directory

    def _copy(self, first: Path, place: Place) -> None:
        directory = self._lake.directory(place)
        directory.mkdir(parents=True, exist_ok=True)
        for name in (PART, MANIFEST):
            shutil.copyfile(first / name, directory / name)


def _value(kind: str, day: datetime, number: int) -> str:
    """SQL of values as logs have them: few names, growing times, counts of all sizes."""
    drawn = f"hash(i * 31 + {number} + {day.toordinal()})"
    match kind:
        case "TIMESTAMP":
            return f"TIMESTAMP '{day}' + INTERVAL (i * 86_399 // 20_000 % 86_400) SECOND"
        case "VARCHAR":
            return f"'value-' || ({drawn} % 200)"
        case "DOUBLE" | "FLOAT":
            return f"({drawn} % 10_000) / 100.0"
        case "BOOLEAN":
            return f"{drawn} % 50 = 0"
        case "BIGINT" | "INTEGER":
            return f"({drawn} % 65_536)::{kind}"
        case _:
            return f"NULL::{kind}"
