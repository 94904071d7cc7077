"""What a contribution would bring to a golden dataset, before anybody accepts it.

Nothing is written. The rules are those of `whetstone.golden`: units with equal raw lines are one,
and where they carry both signs none of them counts.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from whetstone import console
from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import FeatureView, GoldenDataset
from whetstone.catalog.validation import entity_columns
from whetstone.engine import only_row, open_engine
from whetstone.errors import InputError
from whetstone.features import features_sql
from whetstone.golden import CONFLICTS, EVENTS, label_units
from whetstone.labels import Labels, read_labels
from whetstone.lake import Lake, Place
from whetstone.parsing import Parsed, RawFile, parse_files
from whetstone.sql import literal
from whetstone.trial import RejectReason, first_events, reasons_of

SHOWN = 20
"""Conflicts, and labels without a unit, that are named; the counts are of all."""


@dataclass(frozen=True)
class Conflict:
    """A unit that would carry both signs: `label` here, `against` elsewhere, as `by` says."""

    unit: str
    at: datetime
    label: str
    against: str
    by: str


@dataclass(frozen=True)
class ContributionPreview:
    """What became of lines, labels and units.

    Attributes:
        parsed: what became of the lines.
        rejects: why lines were rejected, with the first of each reason.
        records: the first events.
        units: how many there are in the raw logs.
        labelled: units by label.
        unmatched: labels that name no unit; `unmatched_units` are the first of them.
        repeated: units whose raw lines equal those of another unit of this contribution.
        known: units whose raw lines the golden dataset has already, with the same sign, by split.
        conflicts: units with both signs, here or in the golden dataset; none of them counts.
        conflicting: the first of them.
        new: examples that the golden dataset does not have.
    """

    parsed: Parsed
    rejects: list[RejectReason]
    records: list[dict[str, Any]]
    units: int
    labelled: dict[str, int]
    unmatched: int
    unmatched_units: list[str]
    repeated: int
    known: dict[str, int]
    conflicts: int
    conflicting: list[Conflict]
    new: int

    @property
    def examples(self) -> int:
        """Units that get a label."""
        return sum(self.labelled.values())

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it; values of events as text."""
        conflicting = [asdict(each) | {"at": each.at.isoformat()} for each in self.conflicting]
        records = [
            {name: None if value is None else str(value) for name, value in record.items()}
            for record in self.records
        ]
        return asdict(self) | {
            "examples": self.examples,
            "conflicting": conflicting,
            "records": records,
        }


def preview_contribution(
    catalog: Catalog,
    dataset: GoldenDataset,
    file: Path,
    labels: Path,
    day: str,
    lake: Lake,
    max_line_bytes: int,
) -> ContributionPreview:
    """Parse a raw file, see whether its labels fit, and compare with the golden dataset.

    Args:
        catalog: the definitions.
        dataset: which golden dataset it is for.
        file: raw log: plain, gzip or zstd.
        labels: as `read_labels` reads them.
        day: the day that the raw log was written on or before, YYYY-MM-DD.
        lake: has the golden dataset, if it was ever built.
        max_line_bytes: as in `parse_files`.

    Raises:
        InputError: a file cannot be read, or no label names a unit of the raw log.
    """
    view = catalog.view_of(dataset)
    given = read_labels(labels, dataset, entity_columns(view))
    with open_engine(lake.root) as connection:
        raw = RawFile(file, "trial", file.name)
        source = catalog.source_of(dataset)
        parsed = parse_files(connection, source, [raw], day, max_line_bytes)
        connection.execute(f"CREATE TEMP TABLE units AS {features_sql(view, 'events', ())}")
        unmatched = label_units(connection, view, given)
        (units,) = only_row(connection, "SELECT count(*) FROM units")
        labelled = dict(
            connection.execute(
                "SELECT label, count(*) FROM labelled GROUP BY label ORDER BY label"
            ).fetchall()
        )
        if not labelled:
            raise InputError(
                f"{labels.name}: no label fits {file.name}: it has {units} units"
                f" ({', '.join(entity_columns(view))}) from {parsed.lines} lines; check the unit"
                " column and the time ranges (UTC)"
            )
        _known(connection, lake, dataset, view)
        _compare(connection)
        conflicting = _conflicting(connection)
        return ContributionPreview(
            parsed=parsed,
            rejects=reasons_of(connection),
            records=first_events(connection, 5),
            units=units,
            labelled=labelled,
            unmatched=unmatched,
            unmatched_units=_unmatched(connection, given),
            repeated=_count(connection, "sum(times - 1) FROM compared WHERE NOT conflict"),
            known=dict(
                connection.execute(
                    "SELECT split, count(*) FROM compared WHERE NOT conflict AND split IS NOT NULL"
                    " GROUP BY split ORDER BY split"
                ).fetchall()
            ),
            conflicts=_count(connection, "count(*) FROM compared WHERE conflict"),
            conflicting=conflicting,
            new=_count(connection, "count(*) FROM compared WHERE NOT conflict AND split IS NULL"),
        )


def show_preview(preview: ContributionPreview, *, as_json: bool) -> None:
    """Print it."""
    if as_json:
        console.show_json(preview.to_dict())
        return
    labels = ", ".join(f"{count} {label}" for label, count in preview.labelled.items())
    console.show(
        f"{preview.examples} of {preview.units} units are labelled ({labels}), from"
        f" {preview.parsed.lines} lines ({sum(preview.parsed.rejects.values())} rejected)"
    )
    console.show_table("rejects", [asdict(reason) for reason in preview.rejects])
    if preview.unmatched:
        console.show(
            f"{preview.unmatched} labels name no unit: {', '.join(preview.unmatched_units)}"
        )
    known = ", ".join(f"{count} in {split}" for split, count in preview.known.items())
    console.show(
        f"{preview.new} examples are new; the dataset has {known or 'none'} of them already;"
        f" {preview.repeated} repeat a unit of this file"
    )
    console.show_table(
        f"{preview.conflicts} units with both signs, which would be left out",
        [asdict(conflict) for conflict in preview.conflicting],
    )


def _known(
    connection: duckdb.DuckDBPyConnection, lake: Lake, dataset: GoldenDataset, view: FeatureView
) -> None:
    """The temporary table `known`: what the golden dataset has, by its units' hashes."""
    place = Place("golden", dataset.name)
    made = lake.manifest(place)
    if made is None:
        connection.execute(
            "CREATE TEMP TABLE known (unit_hash VARCHAR, positive BOOLEAN, label VARCHAR,"
            " contributor VARCHAR, split VARCHAR)"
        )
        return
    events = f"read_parquet({literal(str(lake.directory(place) / EVENTS))})"
    examples = f"read_parquet({literal(str(lake.part(place)))})"
    connection.execute(
        f"""CREATE TEMP TABLE known AS
            SELECT units.unit_hash, examples.positive, examples.label, examples.contributor,
                   examples.split
            FROM {examples} examples JOIN ({features_sql(view, events, ())}) units
            USING (environment, unit, event_timestamp)
            UNION ALL BY NAME
            SELECT unit_hash, positive, label, contributor, split
            FROM read_parquet({literal(str(lake.directory(place) / CONFLICTS))})"""
    )


def _compare(connection: duckdb.DuckDBPyConnection) -> None:
    """The temporary table `compared`: a row for each different unit that got a label."""
    connection.execute(
        """CREATE TEMP TABLE compared AS
           SELECT own.unit_hash, own.times, any_value(known.split) AS split,
                  own.signs > 1 OR count(*) FILTER (known.positive <> own.positive) > 0 AS conflict
           FROM (SELECT unit_hash, any_value(positive) AS positive, count(*) AS times,
                        count(DISTINCT positive) AS signs
                 FROM labelled GROUP BY unit_hash) own
           LEFT JOIN known ON known.unit_hash = own.unit_hash
           GROUP BY own.unit_hash, own.times, own.signs"""
    )


def _conflicting(connection: duckdb.DuckDBPyConnection) -> list[Conflict]:
    found = connection.execute(
        f"""WITH said AS (
                SELECT unit_hash, label, positive, contributor FROM known
                UNION ALL SELECT DISTINCT unit_hash, label, positive, 'this contribution'
                FROM labelled)
            SELECT own.unit, own.event_timestamp, own.label, said.label, said.contributor
            FROM labelled own JOIN compared USING (unit_hash) JOIN said USING (unit_hash)
            WHERE compared.conflict AND said.positive <> own.positive
            ORDER BY ALL LIMIT {SHOWN}"""
    )
    return [Conflict(*row) for row in found.fetchall()]


def _unmatched(connection: duckdb.DuckDBPyConnection, given: Labels) -> list[str]:
    # `label_units` numbers the labels in their order.
    fitting = {row[0] for row in connection.execute("SELECT number FROM matches").fetchall()}
    return [name for number, name in enumerate(given.units, 1) if number not in fitting][:SHOWN]


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    (found,) = only_row(connection, f"SELECT {query}")
    return int(found or 0)
