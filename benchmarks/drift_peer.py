"""Evidently's `DataDriftPreset` as it comes, a report a day: the peer of `benchmarks.drift`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from benchmarks.drift_world import FEATURES

PERSISTENCE = 3
"""Days in a row, as of the policy that it is compared with."""
_TEXT = ("protocol", "service")
_REFERENCE_ROWS = 5_000


@dataclass
class Peer:
    """Its answers by day: the share of drifted columns, and whether the dataset drifted.

    `rows` are those of the reference.
    """

    rows: pa.Table
    share: dict[int, float] = field(default_factory=dict[int, float])

    def look(self, number: int, scores: pa.Table) -> None:
        """Judge a day."""
        from evidently import Report
        from evidently.presets import DataDriftPreset

        if not self.share:
            step = max(1, self.rows.num_rows // _REFERENCE_ROWS)
            self._reference = _dataset(self.rows.take(list(range(0, self.rows.num_rows, step))))
        report = Report([DataDriftPreset()]).run(_dataset(scores), self._reference)
        self.share[number] = _drifted_share(report.dict())

    def days(self, least: float, persistence: int) -> list[int]:
        """The days that end so many days in a row on which that share of columns drifted.

        A row counts once, and another begins after a day without.
        """
        found: list[int] = []
        run = 0
        for number, share in sorted(self.share.items()):
            run = run + 1 if share >= least else 0
            if run == persistence:
                found.append(number)
        return found

    def delay(self, since: int) -> int | None:
        """Days from the first drifted day to its word, at its own threshold without persistence."""
        found = [number for number in self.days(0.5, 1) if number >= since]
        return found[0] - since + 1 if found else None

    @staticmethod
    def summary(peers: Sequence["Peer"]) -> dict[str, Any]:
        """False triggers of the weeks that it looked at, at its own threshold and at one column."""
        looked = sum(len(peer.share) for peer in peers)
        rows: dict[str, Any] = {"days": looked, "weeks": looked // 7}
        for name, least in (("dataset", 0.5), ("any_column", 1e-9)):
            for persistence in (1, PERSISTENCE):
                hits = [peer.days(least, persistence) for peer in peers]
                first = [min(peer.share, default=0) for peer in peers]
                weeks = sum(
                    len({(day - start) // 7 for day in days})
                    for days, start in zip(hits, first, strict=True)
                )
                rows[f"{name}_rate_a_week_{persistence}_days"] = weeks / max(1, looked // 7)
        return rows


def _dataset(rows: pa.Table) -> Any:
    from evidently import DataDefinition, Dataset

    columns = [*FEATURES, "score"]
    numbers = [name for name in columns if name not in _TEXT]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=list(_TEXT))
    return Dataset.from_pandas(rows.select(columns).to_pandas(), data_definition=definition)


def _drifted_share(report: dict[str, Any]) -> float:
    counted = next(m for m in report["metrics"] if m["metric_name"].startswith("DriftedColumns"))
    return float(counted["value"]["share"])
