"""Builders: training rows and a day's scores rows of an invented detector."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

FEATURES = ("bytes_out", "failed_logins", "off_hours", "top_user", "gap")
NOON = datetime.fromisoformat("2026-11-20T12:00:00")
THRESHOLD = 0.99


def scored(
    n: int = 2_000,
    seed: int = 1,
    bytes_factor: float = 1.0,
    off_hours: float = 0.02,
    score_shift: float = 0.0,
    environments: tuple[str, ...] = ("berlin",),
) -> pa.Table:
    """`n` rows with all that a scores partition has of `FEATURES`, scores and environment."""
    random = np.random.default_rng(seed)
    score = np.minimum(random.random(n) ** (1 / (1 + score_shift)), 1.0)
    return pa.table(
        {
            "environment": random.choice(environments, n),
            "bytes_out": (random.pareto(1.1, n) + 1) * 400 * bytes_factor,
            "failed_logins": np.where(random.random(n) < 0.9, 0, random.poisson(3, n) + 1),
            "off_hours": random.random(n) < off_hours,
            "top_user": random.choice(("root", "alice", "bob"), n),
            "gap": np.where(random.random(n) < 0.05, np.nan, random.exponential(30, n)),
            "score": score,
            "threshold": np.full(n, THRESHOLD),
            "is_alert": score >= THRESHOLD,
            "model_version": np.full(n, "v1"),
        }
    )


def replaced(table: pa.Table, name: str, values: Any) -> pa.Table:
    """The table with other values in one column."""
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def alerts(*rows: tuple[str, str, float]) -> pa.Table:
    """Alerts of (id, environment, hours after `NOON`)."""
    return pa.table(
        {
            "alert_id": pa.array([alert for alert, _, _ in rows], pa.string()),
            "environment": pa.array([environment for _, environment, _ in rows], pa.string()),
            "event_timestamp": pa.array([_after(hours) for _, _, hours in rows], _MOMENT),
            "score": pa.array([0.9] * len(rows), pa.float64()),
        }
    )


def verdicts(*rows: tuple[str, str, str, float]) -> pa.Table:
    """Verdicts of (alert id, by, verdict, hours after `NOON`, which is when the events were)."""
    return pa.table(
        {
            "alert_id": pa.array([alert for alert, _, _, _ in rows], pa.string()),
            "by": pa.array([by for _, by, _, _ in rows], pa.string()),
            "verdict": pa.array([verdict for _, _, verdict, _ in rows], pa.string()),
            "at": pa.array([_after(hours) for _, _, _, hours in rows], _MOMENT),
            "score": pa.array([0.9] * len(rows), pa.float64()),
            "environment": pa.array(["berlin"] * len(rows), pa.string()),
            "event_timestamp": pa.array([NOON] * len(rows), _MOMENT),
        }
    )


_MOMENT = pa.timestamp("us")


def _after(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)
