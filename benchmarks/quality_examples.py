"""From the parts of a public dataset to the training set that the pipeline would make of them.

The catalog's source parses the raw files, the templates are mined on the training part alone, the
view's features are computed, labels are joined, and the splits are drawn as for contributions:
`whetstone.golden` has the rules. Only what trains and what tests is given by the parts.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from benchmarks.datasets import Dataset, Part
from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import FeatureView, GoldenDataset, Source
from whetstone.catalog.templated import reads_templates
from whetstone.catalog.validation import entity_columns
from whetstone.engine import only_row, open_engine
from whetstone.errors import InputError
from whetstone.features import features_sql
from whetstone.golden import label_units
from whetstone.labels import read_labels
from whetstone.parsing import RawFile, parse_files
from whetstone.parsing.templates import Templating, mine, with_templates
from whetstone.settings import settings
from whetstone.sql import columns, identifier, literal

VALIDATION_SHARE = 0.2
_SHARE = "(md5_number_lower({key}) >> 11)::DOUBLE / 9007199254740992"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A training set, and what was lost on the way to it.

    Attributes:
        examples: `environment`, `unit`, `unit_start`, `event_timestamp`, `label`, `positive`,
            `split` and the features; a row an example.
        coverage: share of the labels (of the lines, where one label stands for all) that name a
            unit which was parsed and can be scored.
        lines: of the raw files; `rejects` of them could not be parsed.
        conflicts: units with both labels, left out.
        duplicates: units left out because their raw lines occur elsewhere; none where the split
            is a published one.
        repeated: units of the training part whose raw lines occur in the test part.
        seconds: for all of it.
    """

    examples: pa.Table
    coverage: float
    lines: int
    rejects: int
    conflicts: int
    duplicates: int
    repeated: int
    seconds: float


def prepare(catalog: Catalog, dataset: Dataset, parts: Sequence[Part]) -> Prepared:
    """The training set of a dataset, with the features of all its detectors.

    Raises:
        InputError: a file cannot be read, or no label fits.
        KeyError: the catalog lacks the golden dataset or a detector.
    """
    began = time.perf_counter()
    golden = catalog.golden_datasets[dataset.golden]
    source, view = catalog.source_of(golden), catalog.view_of(golden)
    used = {name for one in dataset.detectors for name in catalog.detectors[one].features}
    wanted = [feature.name for feature in view.features if feature.name in used]
    with open_engine() as connection:
        counts = [_parse(connection, source, part, at) for at, part in enumerate(parts)]
        templating = _templating(connection, source, view, wanted, parts)
        covered = [
            _label(connection, view, golden, part, at, wanted, templating, counts[at])
            for at, part in enumerate(parts)
        ]
        conflicts, repeated = _split(connection, golden, entity_columns(view))
        duplicates = 0 if dataset.published_split else _remove_duplicates(connection)
        examples = connection.sql(
            f"""SELECT environment, unit, unit_start, event_timestamp, label, positive, split
                       {"".join(f", {identifier(name)}" for name in wanted)}
                FROM examples ORDER BY environment, unit, event_timestamp, example"""
        ).to_arrow_table()
    labels, named = (sum(pair[at] for pair in covered) for at in (0, 1))
    return Prepared(
        examples=examples,
        coverage=named / labels if labels else 0.0,
        lines=sum(lines for lines, _ in counts),
        rejects=sum(rejects for _, rejects in counts),
        conflicts=conflicts,
        duplicates=duplicates,
        repeated=repeated,
        seconds=time.perf_counter() - began,
    )


def _parse(
    connection: duckdb.DuckDBPyConnection, source: Source, part: Part, at: int
) -> tuple[int, int]:
    """Parse a part into the table `events_<at>`; its lines (not skipped) and rejects."""
    file = RawFile(part.raw, f"part-{at}", part.raw.name)
    parsed = parse_files(connection, source, [file], part.day, settings().max_line_bytes)
    connection.execute(f"CREATE TEMP TABLE events_{at} AS FROM events")
    return parsed.lines - parsed.skipped, sum(parsed.rejects.values())


def _templating(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    view: FeatureView,
    wanted: Sequence[str],
    parts: Sequence[Part],
) -> Templating | None:
    """A dictionary mined on what trains: what a test line looks like is not known before it."""
    if not reads_templates(source, view, wanted):
        return None
    learned = " UNION ALL BY NAME ".join(
        f"FROM events_{at}" for at, part in enumerate(parts) if part.split == "train"
    )
    return Templating(source.message, mine(connection, f"({learned})", source.message, None))


def _label(
    connection: duckdb.DuckDBPyConnection,
    view: FeatureView,
    golden: GoldenDataset,
    part: Part,
    at: int,
    wanted: Sequence[str],
    templating: Templating | None,
    counts: tuple[int, int],
) -> tuple[int, int]:
    """Add the labelled units of a part to `all_labelled`; what could be covered, and what was."""
    events = f"events_{at}"
    if templating is not None:
        events = with_templates(connection, events, templating).relation
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE units AS
            SELECT *, concat({at}, '-', row_number() OVER ()) AS example,
                   {literal(part.split)} AS part
            FROM ({features_sql(view, events, wanted)})"""
    )
    given = read_labels(part.labels, golden, entity_columns(view))
    unmatched = label_units(connection, view, given)
    (labelled,) = only_row(connection, "SELECT count(*) FROM labelled")
    if not labelled:
        raise InputError(f"{part.labels}: no label fits {part.raw} ({', '.join(view_units(view))})")
    start = "INSERT INTO all_labelled BY NAME" if at else "CREATE TEMP TABLE all_labelled AS"
    connection.execute(f"{start} SELECT * FROM labelled")
    named = given.table.num_rows
    return (named, named - unmatched) if named else (counts[0], counts[0] - counts[1])


def view_units(view: FeatureView) -> tuple[str, ...]:
    """What names a unit of the view."""
    return tuple(entity_columns(view))


def _split(
    connection: duckdb.DuckDBPyConnection, golden: GoldenDataset, entity: Sequence[str]
) -> tuple[int, int]:
    """Make `examples`, one row a unit; units with both labels, and those repeated in the test."""
    by_group = golden.holdout.WhichOneof("by") == "group"
    keys = list(golden.holdout.group.keys) if by_group else list(entity)
    draw = _SHARE.format(key=f"concat_ws('|', 'validation', {columns(keys)})")
    connection.execute(
        f"""CREATE TEMP TABLE examples AS
            SELECT * EXCLUDE (part),
                   CASE WHEN part = 'test' THEN 'test' WHEN {draw} < {VALIDATION_SHARE}
                        THEN 'validation' ELSE 'train' END AS split
            FROM (SELECT *, count(DISTINCT positive) OVER (PARTITION BY example) AS signs
                  FROM all_labelled) WHERE signs = 1
            QUALIFY row_number() OVER (PARTITION BY example ORDER BY label) = 1"""
    )
    return only_row(
        connection,
        """SELECT (SELECT count(DISTINCT example) FROM all_labelled)
                  - (SELECT count(*) FROM examples),
                  (SELECT count(*) FROM examples WHERE split <> 'test'
                   AND unit_hash IN (SELECT unit_hash FROM examples WHERE split = 'test'))""",
    )


def _remove_duplicates(connection: duckdb.DuckDBPyConnection) -> int:
    """Keep one of the units with equal raw lines, that of the test; none with both labels."""
    (before,) = only_row(connection, "SELECT count(*) FROM examples")
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE examples AS
           SELECT * FROM examples
           QUALIFY min(positive) OVER (PARTITION BY unit_hash)
                   = max(positive) OVER (PARTITION BY unit_hash)
               AND row_number() OVER (PARTITION BY unit_hash ORDER BY split <> 'test', example) = 1
        """
    )
    (after,) = only_row(connection, "SELECT count(*) FROM examples")
    return before - after
