"""What really happened: the units that matter, and what a good analyst would say about them."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from demo.world import Record

# Sources whose units are addresses, which do different things at different times.
_TIMED = frozenset({"sshd"})


@dataclass(frozen=True)
class TruthRow:
    """An attack or a lookalike, and when one unit took part in it.

    Attributes:
        unit: Source address (sshd), flow id (suricata_flow) or block id (hdfs).
        start, end: First and last of its lines; naive, UTC.
        label: `attack`, `scan`, `Anomaly`, `benign_expected` or `benign`.
        attack: Its name, such as `password_spraying`.
    """

    environment: str
    source: str
    day: date
    unit: str
    start: datetime
    end: datetime
    label: str
    attack: str


@dataclass(frozen=True)
class GroundTruth:
    """All there is to know about generated logs.

    Attributes:
        out: Where they are.
        rows: Attacks and lookalikes of production; what is not named is ordinary.
    """

    out: Path
    rows: tuple[TruthRow, ...]

    def verdict(
        self, environment: str, source: str, unit: str, start: datetime, end: datetime
    ) -> str:
        """The verdict of an analyst who investigated the unit from `start` to `end` (UTC)."""
        labels = {
            row.label
            for row in self._by_unit[environment, source, unit]
            if source not in _TIMED or (row.start <= end and row.end >= start)
        }
        if labels - {"benign", "benign_expected"}:
            return "true_positive"
        return "benign_expected" if "benign_expected" in labels else "false_positive"

    @cached_property
    def _by_unit(self) -> defaultdict[tuple[str, str, str], list[TruthRow]]:
        by_unit: defaultdict[tuple[str, str, str], list[TruthRow]] = defaultdict(list)
        for row in self.rows:
            by_unit[row.environment, row.source, row.unit].append(row)
        return by_unit


def truth_of(environment: str, source: str, day: date, records: Iterable[Record]) -> list[TruthRow]:
    """The truth about a log: one row a unit and attack, in order of time."""
    seen: dict[tuple[str, str, str], list[datetime]] = {}
    for record in records:
        if record.attack and record.unit:
            seen.setdefault((record.unit, record.label, record.attack), []).append(record.at)
    return [
        TruthRow(environment, source, day, unit, min(times), max(times), label, attack)
        for (unit, label, attack), times in seen.items()
    ]


def write_truth(path: Path, rows: Sequence[TruthRow]) -> None:
    """`truth.csv`: the fields of `TruthRow`, instants in ISO 8601."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(TruthRow)])
        for row in rows:
            writer.writerow(
                v.isoformat() if isinstance(v, (date, datetime)) else v for v in astuple(row)
            )


def read_truth(path: Path) -> tuple[TruthRow, ...]:
    """What `write_truth` wrote."""
    with path.open(newline="") as file:
        return tuple(
            TruthRow(
                environment=row["environment"],
                source=row["source"],
                day=date.fromisoformat(row["day"]),
                unit=row["unit"],
                start=datetime.fromisoformat(row["start"]),
                end=datetime.fromisoformat(row["end"]),
                label=row["label"],
                attack=row["attack"],
            )
            for row in csv.DictReader(file)
        )
