"""Golden datasets: from contributions and verdicts to labelled, split, duplicate-free examples.

Rules that are never bent: the split of an example follows from its group (or its time) alone, for
ever; examples from verdicts enter neither the core test set nor the validation examples (they are
false alarms and finds, not a sample by which a false-positive budget could be kept), what is held
out of them is a set of its own; a unit whose raw lines occur in the test set is removed from the
rest; what nobody labelled (`whetstone.golden_refresh`), and what is too old, touches training
examples alone.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from whetstone.catalog.catalog_pb2 import FeatureView, GoldenDataset, Source
from whetstone.catalog.validation import entity_columns
from whetstone.contributions import Contribution
from whetstone.engine import only_row
from whetstone.features import features_sql
from whetstone.golden_examples import REFRESH, make_examples
from whetstone.labels import SCHEMA as LABELS_SCHEMA
from whetstone.labels import Labels, read_labels
from whetstone.lake import content_of
from whetstone.parsing import Parsed, RawFile, parse_files
from whetstone.sql import identifier, literal

EVENTS = "events.parquet"
"""The events of a golden dataset's examples, beside these in its partition."""
CONFLICTS = "conflicts.parquet"
"""Units with both signs, which are no examples, beside them."""


@dataclass(frozen=True)
class JudgedUnit:
    """A unit of production that analysts judged, or that is taken for benign: an example to be.

    Times are UTC; `entity` are the values of the view's entity columns in their order.
    """

    origin: str
    contributor: str
    environment: str
    entity: tuple[str, ...]
    unit_start: datetime
    event_timestamp: datetime
    positive: bool


@dataclass(frozen=True)
class Golden:
    """Counts of a golden dataset that was built.

    Attributes:
        examples: by split and sign, `train/positive` to a count.
        conflicts: units (or equal raw lines) that carry both labels; left out.
        duplicates: units left out because their raw lines occur elsewhere.
        unmatched: labels that name no unit of their contribution, by contribution.
        parsed: what became of each contribution's lines.
        missing_verdicts: judged units whose events are no longer in the lake.
        expired: training examples that were too old, by `positive` and `negative`; left out.
        over_cap: units of the benign refresh beyond its share; left out.
        newest: time of the newest example, UTC; None where there is none.
        test_version: hash of the test examples, equal as long as these are.
    """

    examples: dict[str, int]
    conflicts: int
    duplicates: int
    unmatched: dict[str, int]
    parsed: dict[str, Parsed]
    missing_verdicts: int
    expired: dict[str, int]
    over_cap: int
    newest: datetime | None
    test_version: str


def build_golden(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    view: FeatureView,
    dataset: GoldenDataset,
    contributions: Sequence[Contribution],
    judged: Sequence[JudgedUnit],
    production: str | None,
    max_line_bytes: int,
) -> Golden:
    """Build the temporary tables `golden_events`, `examples` and `conflicts`.

    Args:
        connection: an engine that may read the lake.
        source: of the raw logs.
        view: whose units are labelled.
        dataset: the definition.
        contributions: accepted ones.
        judged: units with verdicts, and those of a benign refresh.
        production: SQL of the relation of production events; None: there are none yet.
        max_line_bytes: as in `parse_files`.

    Raises:
        InputError: a contribution's raw file or labels cannot be read.
    """
    entity = entity_columns(view)
    _prepare(connection, source, view)
    parsed: dict[str, Parsed] = {}
    unmatched: dict[str, int] = {}
    for contribution in contributions:
        environment = f"contribution-{contribution.id}"
        file = RawFile(contribution.raw, environment, contribution.raw_name)
        parsed[contribution.id] = parse_files(
            connection, source, [file], contribution.day, max_line_bytes
        )
        labels = read_labels(contribution.labels, dataset, entity)
        unmatched[contribution.id] = _label(connection, view, labels, contribution)
        connection.execute("INSERT INTO golden_events BY NAME SELECT * FROM events")
    missing = _add_judged(connection, view, dataset, judged, production)
    left = make_examples(connection, dataset, entity)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE held_out AS FROM examples WHERE split = 'test'"
    )
    (newest,) = only_row(connection, "SELECT max(event_timestamp) FROM examples")
    return Golden(
        examples={
            f"{split}/{'positive' if positive else 'negative'}": count
            for split, positive, count in connection.execute(
                "SELECT split, positive, count(*) FROM examples GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        },
        conflicts=left.conflicts,
        duplicates=left.duplicates,
        unmatched={identity: count for identity, count in unmatched.items() if count},
        parsed=parsed,
        missing_verdicts=missing,
        expired=left.expired,
        over_cap=left.over_cap,
        newest=newest,
        test_version=content_of(connection, "held_out").version,
    )


def label_units(connection: duckdb.DuckDBPyConnection, view: FeatureView, labels: Labels) -> int:
    """Join labels to the temporary table `units`; makes `labelled` (units, `label`, `positive`).

    A label holds for the units that bear its name, whole or in one entity column, and whose time
    touches its time range (both bounds belong to it; a window's end does not belong to the
    window). Labels for the rest come in where no other does. A unit that gets both signs keeps a
    row for each.

    Returns:
        How many labels name no unit.
    """
    entity = entity_columns(view)
    before_end = _before_end(view)
    connection.register("given_labels", labels.table)
    names = " UNION ".join(
        f"SELECT rowid AS id, {column}::VARCHAR AS name FROM units"
        for column in ("unit", *(identifier(name) for name in entity))
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE matches AS
            SELECT names.id, given.label, given.positive, given.number
            FROM ({names}) names
            JOIN (SELECT *, row_number() OVER () AS number FROM given_labels) given
              ON given.unit = names.name
            JOIN units ON units.rowid = names.id
            WHERE (given.start IS NULL OR given.start {before_end} units.event_timestamp)
              AND (given."end" IS NULL OR units.unit_start <= given."end")"""
    )
    rest = "SELECT NULL::BIGINT AS id, NULL AS label, NULL AS positive WHERE false"
    if labels.rest is not None:
        label, positive = labels.rest
        rest = (
            f"SELECT rowid AS id, {literal(label)} AS label, {positive} AS positive FROM units"
            " WHERE rowid NOT IN (SELECT id FROM matches)"
        )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE labelled AS
            SELECT units.*, given.label, given.positive
            FROM (SELECT DISTINCT id, label, positive FROM matches UNION ALL {rest}) given
            JOIN units ON units.rowid = given.id"""
    )
    (unmatched,) = only_row(
        connection,
        "SELECT (SELECT count(*) FROM given_labels) - count(DISTINCT number) FROM matches",
    )
    connection.unregister("given_labels")
    return unmatched


def _prepare(connection: duckdb.DuckDBPyConnection, source: Source, view: FeatureView) -> None:
    empty: list[RawFile] = []
    parse_files(connection, source, empty, "1970-01-01", 1)
    connection.execute("CREATE OR REPLACE TEMP TABLE golden_events AS FROM events")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE all_labelled AS
            SELECT *, '' AS label, false AS positive, '' AS origin, '' AS contributor
            FROM ({features_sql(view, "events", ())}) WHERE false"""
    )


def _label(
    connection: duckdb.DuckDBPyConnection,
    view: FeatureView,
    labels: Labels,
    contribution: Contribution,
) -> int:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE units AS {features_sql(view, 'events', ())}")
    unmatched = label_units(connection, view, labels)
    connection.execute(
        f"""INSERT INTO all_labelled BY NAME
            SELECT *, {literal(f"contribution:{contribution.id}")} AS origin,
                   {literal(contribution.contributor)} AS contributor FROM labelled"""
    )
    return unmatched


def _add_judged(
    connection: duckdb.DuckDBPyConnection,
    view: FeatureView,
    dataset: GoldenDataset,
    judged: Sequence[JudgedUnit],
    production: str | None,
) -> int:
    """Take the events of judged units over from production, for as long as it has them."""
    verdicts = sum(not unit.origin.startswith(REFRESH) for unit in judged)
    if not judged or production is None:
        return verdicts
    entity = entity_columns(view)
    names = {positive: c.name for c in reversed(dataset.classes) for positive in [c.positive]}
    rows: list[dict[str, Any]] = [
        {
            "origin": unit.origin,
            "contributor": unit.contributor,
            "environment": unit.environment,
            **dict(zip(entity, unit.entity, strict=True)),
            "first": unit.unit_start,
            "last": unit.event_timestamp,
            "label": names[unit.positive],
            "positive": unit.positive,
        }
        for unit in judged
    ]
    schema = pa.schema(
        [(n, pa.string()) for n in ("origin", "contributor", "environment", *entity)]
        + [("first", pa.timestamp("us")), ("last", pa.timestamp("us"))]
        + [LABELS_SCHEMA.field("label"), LABELS_SCHEMA.field("positive")]
    )
    connection.register("judged", pa.Table.from_pylist(rows, schema))
    same = " AND ".join(
        f"found.{identifier(name)}::VARCHAR = judged.{identifier(name)}"
        for name in ("environment", *entity)
    )
    before_end = _before_end(view)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE events AS
            SELECT * FROM ({production}) found WHERE EXISTS (
                FROM judged WHERE {same} AND found.event_time >= judged.first
                AND found.event_time {before_end} judged.last)"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE labelled AS
            SELECT found.*, judged.label, judged.positive, judged.origin, judged.contributor
            FROM ({features_sql(view, "events", ())}) found JOIN judged
            ON {same} AND found.event_timestamp = judged.last"""
    )
    connection.execute("INSERT INTO golden_events BY NAME SELECT * FROM events")
    connection.execute("INSERT INTO all_labelled BY NAME SELECT * FROM labelled")
    (found,) = only_row(
        connection,
        "SELECT count(DISTINCT origin) FROM labelled"
        f" WHERE NOT starts_with(origin, {literal(REFRESH)})",
    )
    connection.unregister("judged")
    return verdicts - found


def _before_end(view: FeatureView) -> str:
    """The comparison that holds between a unit's times and its `event_timestamp`.

    A window ends where the next one starts; other units end with their last event.
    """
    return "<" if view.WhichOneof("unit") == "window" else "<="
