"""Signal `labels`: do analysts judge this week's alerts otherwise than those before?"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from monitoring.drift.columns import percent
from monitoring.drift.judgement import Side, Signal, Thresholds
from monitoring.statistics import psi

RECENT_DAYS = 7
BEFORE_DAYS = 60
MIN_VERDICTS = 20
"""Fewer verdicts a side say nothing about their mix."""


def labels_signal(verdicts: pa.Table | None, day: str, limits: Thresholds) -> Signal:
    """Compare the mix of verdicts that were given in the last days with that of the weeks before.

    Args:
        verdicts: `at` (UTC) and `verdict`, of any time; later ones than the day do not count.
        day: the day of the data.
        limits: what counts as drift.
    """
    if verdicts is None or not verdicts.num_rows:
        return Signal("labels", None, Side("unknown", None, "not computable: no verdicts"))
    end = datetime.fromisoformat(day) + timedelta(days=1)
    middle = end - timedelta(days=RECENT_DAYS)
    at = np.array(verdicts["at"].cast(pa.timestamp("us")).to_pylist(), "datetime64[us]")
    given = np.array(verdicts["verdict"].cast(pa.string()).to_pylist())
    recent = given[(at >= np.datetime64(middle)) & (at < np.datetime64(end))]
    since = middle - timedelta(days=BEFORE_DAYS)
    before = given[(at >= np.datetime64(since)) & (at < np.datetime64(middle))]
    if min(recent.size, before.size) < MIN_VERDICTS:
        few = f"{recent.size} verdicts in {RECENT_DAYS} days, {before.size} before"
        reason = f"not computable: {few}; {MIN_VERDICTS} needed on both sides"
        return Signal("labels", None, Side("unknown", None, reason))
    return Signal("labels", None, _side(before, recent, limits))


def _side(before: np.ndarray, recent: np.ndarray, limits: Thresholds) -> Side:
    kinds = np.unique(np.concatenate((before, recent)))
    counts = [
        np.array([np.sum(side == kind) for kind in kinds], float) for side in (before, recent)
    ]
    # An index needs rows enough for its own floor, which the verdicts of a week rarely are.
    scale = max(1.0, 30 / min(side.sum() for side in counts))
    shift = psi(counts[0] * scale, counts[1] * scale)
    value, noise = shift.value or 0.0, shift.noise * scale
    shares = [side / side.sum() for side in counts]
    most = int(np.argmax(np.abs(shares[1] - shares[0])))
    detail = f"{kinds[most]} {percent(shares[0][most])} → {percent(shares[1][most])}"
    verdict = "ok"
    if value > noise and value >= limits.label_psi_warn:
        verdict = "drift" if value >= limits.label_psi_drift else "warn"
    return Side(verdict, value, detail)
