"""Judge a champion on a labelled raw file."""

from pathlib import Path
from typing import Any

from detectors.evaluation.metrics import evaluate
from whetstone.catalog import load_catalog
from whetstone.catalog.validation import entity_columns
from whetstone.engine import only_row, open_engine
from whetstone.errors import InputError, NotReadyError
from whetstone.golden import label_units
from whetstone.labels import read_labels
from whetstone.parsing import Parsed, RawFile, parse_files
from whetstone.releases import Repository
from whetstone.scoring.history import own_history
from whetstone.scoring.run import BundleScorer
from whetstone.settings import settings


def evaluate_file(detector: str, file: Path, labels: Path, day: str) -> dict[str, Any]:
    """Score a labelled raw file with the champion, by the definitions in its bundle.

    Returns:
        The metrics, and `coverage`: the share of labels that name a unit which was parsed and
        scored; of lines, where one label stands for all.

    Raises:
        NotReadyError: the detector has no champion.
        InputError: there is no such detector, a file cannot be used, or no label names a unit.
    """
    releases = Repository(settings().releases)
    releases.init()
    if releases.champion(detector) is None:
        load_catalog(settings().catalog).detector(detector)
        raise NotReadyError(
            f"{detector} has no champion yet: `whetstone status` says what it waits for"
        )
    scorer = BundleScorer(releases.load(detector))
    given = read_labels(labels, scorer.dataset, entity_columns(scorer.view))
    with open_engine() as connection:
        parsed = parse_files(
            connection,
            scorer.source,
            [RawFile(file, "evaluation", file.name)],
            day,
            settings().max_line_bytes,
        )
        # What the file itself tells about earlier windows is all that is known of them.
        history = own_history(connection, scorer.slow, "events")
        connection.register("scored", scorer.score_events(connection, "events", history))
        connection.execute(
            "CREATE TEMP TABLE units AS SELECT *, row_number() OVER () AS example FROM scored"
        )
        unmatched = label_units(connection, scorer.view, given)
        # A unit that carries both signs proves nothing.
        judged = connection.sql(
            """SELECT unit, score, positive FROM (
                   SELECT *, count(DISTINCT positive) OVER (PARTITION BY example) AS signs
                   FROM labelled)
               WHERE signs = 1 QUALIFY row_number() OVER (PARTITION BY example ORDER BY label) = 1
               ORDER BY example"""
        ).to_arrow_table()
        units, conflicts = only_row(
            connection,
            "SELECT (SELECT count(*) FROM units), count(*) FROM (SELECT 1 FROM labelled"
            " GROUP BY example HAVING count(DISTINCT positive) > 1)",
        )
    if not judged.num_rows:
        raise InputError(
            f"{labels}: no label names a unit of {file} ({', '.join(entity_columns(scorer.view))},"
            f" {units} units from {parsed.lines} lines): check the unit column and the time ranges"
        )
    metrics = evaluate(
        judged["score"].to_numpy(),
        judged["positive"].to_numpy(zero_copy_only=False),
        scorer.bundle.threshold,
        scorer.detector.seed,
        judged["unit"].combine_chunks().dictionary_encode().indices.to_numpy(),
    )
    return {
        **metrics.to_dict(),
        "detector": detector,
        "model_version": scorer.version,
        "lines": parsed.lines,
        "rejects": parsed.rejects,
        "units": units,
        "labels": given.table.num_rows,
        "labels_without_unit": unmatched,
        "conflicts": conflicts,
        "coverage": _coverage(given.table.num_rows, unmatched, parsed),
    }


def _coverage(labels: int, unmatched: int, parsed: Parsed) -> float:
    if labels:
        return 1 - unmatched / labels
    return parsed.events / (parsed.lines - parsed.skipped)
