"""Has the day's data moved away from what the detector was trained on?

`drift` decides, on numbers alone; `render_drift` shows the decision as an Evidently report and puts
the day on the detector's dashboard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from monitoring.columns import floats
from monitoring.judgement import (
    Compared,
    FeatureDrift,
    Scores,
    Thresholds,
    Verdict,
    compare_rows,
    judge,
)
from monitoring.statistics import MIN_ROWS, sample

if TYPE_CHECKING:
    from monitoring.workspace import Rendered

ENVIRONMENTS = 50
"""Environments that are broken down: those with the most rows of the day."""
ENVIRONMENT_BUDGET = 5_000
"""Rows a side that the breakdown of one environment looks at."""


@dataclass(frozen=True)
class EnvironmentDrift:
    """The verdict on one environment's rows of the day.

    `reference` says what they were compared with: the environment's 'own' rows of the reference, or
    'all' rows where it has too few of its own. `worst` is None without a comparable feature.
    """

    environment: str
    rows: int
    reference: Literal["own", "all"]
    verdict: Verdict
    reasons: tuple[str, ...]
    share_drifted: float | None
    worst: FeatureDrift | None
    scores: Scores


@dataclass(frozen=True)
class DriftResult:
    """What `drift` found; features and environments are ranked, worst first.

    `share_drifted` counts the features that could be compared, and is None when none could.
    Features were compared on `…_sampled` of `…_rows` rows, the alert rate on all.
    """

    detector: str
    day: str
    verdict: Verdict
    reasons: tuple[str, ...]
    features: tuple[FeatureDrift, ...]
    share_drifted: float | None
    scores: Scores
    threshold: float | None
    reference_rows: int
    current_rows: int
    reference_sampled: int
    current_sampled: int
    environments: tuple[EnvironmentDrift, ...]
    environments_left_out: int
    thresholds: Thresholds

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        """The features that drifted."""
        return tuple(feature for feature in self.features if feature.drifted)

    @property
    def not_computable(self) -> tuple[FeatureDrift, ...]:
        """The features that could not be compared."""
        return tuple(feature for feature in self.features if feature.value is None)


def drift(
    detector: str,
    day: str,
    reference: pa.Table,
    current: pa.Table,
    features: Sequence[str],
    thresholds: Thresholds | None = None,
) -> DriftResult:
    """Compare a day's scores rows with the rows that the detector was trained on.

    What cannot be compared (no rows, a missing column, a list) has its reason in the result and
    makes the verdict 'warn' at least; nothing in the data raises.

    Args:
        detector: the detector's name.
        day: the day of the data, YYYY-MM-DD.
        reference: benign training rows: the features, `score`, `environment`.
        current: the day's scores rows: the same, `threshold` and `is_alert`.
        features: the columns to compare, by name.
        thresholds: what counts as drift.
    """
    limits = thresholds or Thresholds()
    wanted = [*dict.fromkeys((*features, "score", "threshold", "is_alert", "environment"))]
    known, seen = (
        table.select([name for name in wanted if name in table.column_names])
        for table in (reference, current)
    )
    threshold = _threshold(seen)
    compared = compare_rows(known, seen, features, threshold, limits)
    verdict, reasons = judge(compared, limits)
    environments, left_out = _environments(known, seen, features, threshold, limits)
    if moved := [part.environment for part in environments if part.verdict == "drift"]:
        more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
        reasons = (*reasons, f"drift in environment {', '.join(moved[:3])}{more}")
    return DriftResult(
        detector=detector,
        day=day,
        verdict="warn" if moved and verdict == "ok" else verdict,
        reasons=reasons,
        features=compared.features,
        share_drifted=compared.share_drifted,
        scores=compared.scores,
        threshold=threshold,
        reference_rows=reference.num_rows,
        current_rows=current.num_rows,
        reference_sampled=compared.reference_sampled,
        current_sampled=compared.current_sampled,
        environments=environments,
        environments_left_out=left_out,
        thresholds=limits,
    )


def render_drift(
    result: DriftResult,
    reference: pa.Table,
    current: pa.Table,
    out_dir: Path,
    workspace: Path,
) -> Rendered:
    """Write `<detector>_drift_<day>.html` under `out_dir` and put the day on the dashboard.

    The page needs nothing else to be read. Rendering a day again replaces both.
    """
    from monitoring import drift_report  # Evidently takes seconds to import

    return drift_report.render(result, reference, current, out_dir, workspace)


def _threshold(current: pa.Table) -> float | None:
    """The threshold that most of the day's rows were scored with."""
    if "threshold" not in current.column_names:
        return None
    values = floats(current["threshold"])
    thresholds, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    return float(thresholds[np.argmax(counts)]) if thresholds.size else None


def _environments(
    reference: pa.Table,
    current: pa.Table,
    features: Sequence[str],
    threshold: float | None,
    limits: Thresholds,
) -> tuple[tuple[EnvironmentDrift, ...], int]:
    """The largest environments' verdicts, worst first, and how many were left out."""
    if "environment" not in current.column_names:
        return (), 0
    own = dict(_by_environment(reference)) if "environment" in reference.column_names else {}
    everyone = sample(reference)
    parts = sorted(_by_environment(current), key=lambda part: (-part[1].num_rows, part[0]))
    found: list[EnvironmentDrift] = []
    for environment, rows in parts[:ENVIRONMENTS]:
        theirs = own.get(environment)
        alone = theirs is not None and theirs.num_rows >= 10 * MIN_ROWS
        against = theirs if theirs is not None and alone else everyone
        compared = compare_rows(against, rows, features, threshold, limits, ENVIRONMENT_BUDGET)
        found.append(_environment(environment, rows.num_rows, alone, compared, limits))
    order = ("drift", "warn", "ok")
    found.sort(key=lambda part: (order.index(part.verdict), -(part.share_drifted or 0), -part.rows))
    return tuple(found), max(0, len(parts) - ENVIRONMENTS)


def _environment(
    environment: str, rows: int, alone: bool, compared: Compared, limits: Thresholds
) -> EnvironmentDrift:
    verdict, reasons = judge(compared, limits)
    worst = compared.features[0] if compared.features else None
    return EnvironmentDrift(
        environment=environment,
        rows=rows,
        reference="own" if alone else "all",
        verdict=verdict,
        reasons=reasons,
        share_drifted=compared.share_drifted,
        worst=worst if worst is not None and worst.value is not None else None,
        scores=compared.scores,
    )


def _by_environment(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    column = table["environment"].cast(pa.string()).fill_null("(none)")
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
    for code, environment in enumerate(encoded.dictionary.to_pylist()):
        yield environment, table.take(pa.array(order[starts[code] : starts[code + 1]]))
