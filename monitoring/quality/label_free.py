"""Precision without labels of what a detector raised lately: from the scores that lie in the lake.

`monitoring.quality.estimates` has the estimators; here is what they are fed with. The best of them
on real data comes first: see docs/detection-quality.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from monitoring.quality.estimate_series import DayEstimate
from monitoring.quality.estimates import (
    Confirmation,
    Labelled,
    from_agreement,
    from_confidence,
    from_tail,
)
from monitoring.quality.figures import Estimate
from whetstone.scoring.calibration import Expected
from whetstone.scoring.run import BundleScorer
from whetstone.sql import columns, literal

DAYS = 7
"""The newest days whose alerts are estimated together."""
KEYS = ("environment", "unit", "event_timestamp")
_ALERTS = "SELECT {keys} FROM read_parquet({files}) WHERE is_alert AND model_version = {version}"


@dataclass(frozen=True)
class ScoredDay:
    """A day that a detector has scored.

    Attributes:
        file: its scores, a row a unit.
        alerts: how many of the units.
        expected: false alerts to expect of so many units; None: the model had no calibration.
    """

    day: str
    file: Path
    alerts: int
    model_version: str
    expected: Expected | None


@dataclass(frozen=True, eq=False)
class Known:
    """Labelled examples as a model scores them: validation, for the test set stays closed.

    Attributes:
        examples: `KEYS`, `label`, `positive`, `score`, `is_alert`; a row an example.
    """

    examples: pa.Table

    @property
    def labelled(self) -> Labelled:
        """Scores and signs."""
        positive = self.examples["positive"].to_numpy().astype(bool)
        return Labelled(self.examples["score"].to_numpy(), positive)

    def by_class(self) -> dict[str, tuple[int, int]]:
        """(found, examples) of each positive class."""
        attacks = self.examples.filter(self.examples["positive"])
        found: dict[str, tuple[int, int]] = {}
        columns = (attacks[name].to_pylist() for name in ("label", "is_alert"))
        for label, hit in zip(*columns, strict=True):
            hits, rows = found.get(str(label), (0, 0))
            found[str(label)] = hits + hit, rows + 1
        return found


@dataclass(frozen=True, eq=False)
class Companion:
    """Another detector of the same units: its scores by day, and its labelled examples."""

    name: str
    files: Mapping[str, Path]
    known: Known


def known_by(scorer: BundleScorer, training_set: Path) -> Known | None:
    """The validation examples as a model scores them; None: they lack a feature, or there is none.

    Args:
        scorer: the model in service.
        training_set: of its detector, as it is now.
    """
    rows = pq.read_table(training_set, filters=[("split", "=", "validation")])
    if not rows.num_rows or set(scorer.bundle.feature_names) - set(rows.column_names):
        return None
    scores = scorer.score_features(rows)
    kept = rows.select([*KEYS, "label", "positive"])
    kept = kept.append_column("score", pa.array(scores))
    return Known(kept.append_column("is_alert", pa.array(scores >= scorer.bundle.threshold)))


def estimated(
    connection: duckdb.DuckDBPyConnection,
    scored: Sequence[ScoredDay],
    version: str,
    known: Known | None,
    companions: Sequence[Companion],
) -> dict[str, Estimate]:
    """Precision of the newest alerts of the model in service, by method, the best method first.

    Args:
        connection: an engine that may read the files.
        scored: days, ascending.
        version: the model in service; days of others are passed over.
        known: labelled examples that it scored.
        companions: other detectors of the same units.
    """
    days = [each for each in scored if each.model_version == version][-DAYS:]
    if not days:
        return {}
    found = {"confidence": _confidence(connection, days, known), "tail": _tail(days)}
    for each in companions:
        found[f"agreement with {each.name}"] = _agreement(connection, days, version, known, each)
    return found


def estimated_by_day(
    connection: duckdb.DuckDBPyConnection,
    scored: Sequence[ScoredDay],
    version: str,
    known: Known | None,
    done: Sequence[DayEstimate],
) -> list[DayEstimate]:
    """Estimates of the newest days that have none yet.

    Args:
        connection, scored, version, known: as in `estimated`.
        done: what was estimated before.
    """
    have = {(each.day, each.model_version, each.method) for each in done}
    newest = max((each.day for each in scored), default="")
    made: list[DayEstimate] = []
    for each in scored[-DAYS:]:
        for method in ("confidence", "tail"):
            if (each.day, each.model_version, method) in have:
                continue
            if method == "tail":
                estimate = _tail([each])
            elif each.model_version == version:
                estimate = _confidence(connection, [each], known)
            else:
                continue
            if estimate.value is None or estimate.low is None or estimate.high is None:
                continue
            numbers = (estimate.value, estimate.low, estimate.high)
            made.append(
                DayEstimate(
                    each.day, each.model_version, method, each.alerts, *numbers, made_on=newest
                )
            )
    return made


def _tail(days: Sequence[ScoredDay]) -> Estimate:
    expected = [each.expected for each in days if each.expected is not None]
    if len(expected) < len(days):
        return Estimate(None, reason="not computable: the model has no calibration")
    total = Expected(
        sum(each.low for each in expected),
        sum(each.value for each in expected),
        sum(each.high for each in expected),
    )
    return from_tail(sum(each.alerts for each in days), total)


def _confidence(
    connection: duckdb.DuckDBPyConnection, days: Sequence[ScoredDay], known: Known | None
) -> Estimate:
    if known is None:
        return Estimate(None, reason="not computable: no labelled examples that the model scores")
    rows = connection.execute(
        f"SELECT score, is_alert FROM read_parquet({_files(each.file for each in days)})"
    ).fetchnumpy()
    scores: NDArray[np.float64] = np.asarray(rows["score"], dtype=np.float64)
    raised = np.asarray(rows["is_alert"], dtype=bool)
    return from_confidence(scores[raised], scores, known.labelled)


def _agreement(
    connection: duckdb.DuckDBPyConnection,
    days: Sequence[ScoredDay],
    version: str,
    known: Known | None,
    other: Companion,
) -> Estimate:
    both = [each for each in days if each.day in other.files]
    if known is None or not both:
        return Estimate(None, reason=f"not computable: {other.name} scored none of the days")
    ours = _ALERTS.format(
        keys=columns(KEYS), files=_files(each.file for each in both), version=literal(version)
    )
    theirs = _files(other.files[each.day] for each in both)
    alerts, agreed = connection.execute(
        f"""SELECT count(*), count(*) FILTER (WHERE b.is_alert)
            FROM ({ours}) a JOIN read_parquet({theirs}) b USING ({columns(KEYS)})"""
    ).fetchall()[0]
    return from_agreement(alerts, agreed, _confirmation(connection, known, other))


def _confirmation(
    connection: duckdb.DuckDBPyConnection, known: Known, other: Companion
) -> Confirmation:
    connection.register("ours", known.examples)
    connection.register("theirs", other.known.examples)
    counts = connection.execute(
        f"""SELECT count(*) FILTER (WHERE o.positive AND t.is_alert),
                   count(*) FILTER (WHERE o.positive),
                   count(*) FILTER (WHERE NOT o.positive AND t.is_alert),
                   count(*) FILTER (WHERE NOT o.positive)
            FROM ours o JOIN theirs t USING ({columns(KEYS)}) WHERE o.is_alert"""
    ).fetchall()[0]
    connection.unregister("ours")
    connection.unregister("theirs")
    return Confirmation(*counts)


def _files(paths: Iterable[Path]) -> str:
    return f"[{', '.join(literal(str(path)) for path in paths)}]"
