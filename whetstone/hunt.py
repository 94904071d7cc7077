"""A new release over old days: what it finds that another one did not.

Both releases score the same events of the lake: day by day, and of a large day a share of the
entities at a time, so that memory does not grow with the days. The lake is only read.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow.parquet as pq

from whetstone.engine import open_engine
from whetstone.errors import InputError, NotReadyError
from whetstone.hunt_findings import Comparison, Finding
from whetstone.lake import Lake, Place
from whetstone.scoring.history import lake_history
from whetstone.scoring.run import BundleScorer
from whetstone.scoring.slow import SlowFeatures
from whetstone.sql import columns, literal

_EVENTS = 1_000_000  # scored at a time
_FINDINGS = 10_000  # kept of a day
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class HuntedDay:
    """What a day gave.

    Attributes:
        day: YYYY-MM-DD.
        units: that the new release scored.
        alerts: that it would raise.
        known: those of them on which the other release alerts as well.
        gone: units on which only the other release alerts.
        findings: the highest scores first, at most 10,000.
        left_out: how many more there are.
    """

    day: str
    units: int
    alerts: int
    known: int
    gone: int
    findings: list[Finding]
    left_out: int

    @property
    def count(self) -> int:
        """All findings."""
        return len(self.findings) + self.left_out


class Hunt:
    """A release over the days of a lake.

    Args:
        lake: with the parsed events.
        new: the release that hunts.
        old: the release whose findings are known; None: there is none, so all are new.
        environments: of which; none: of all.
        most_events: scored at a time.

    Raises:
        InputError: the findings of the two releases cannot be compared.
    """

    def __init__(
        self,
        lake: Lake,
        new: BundleScorer,
        old: BundleScorer | None,
        environments: Sequence[str] = (),
        most_events: int = _EVENTS,
    ):
        self._lake, self._new = lake, new
        self._source = new.source.name
        self._environments = environments
        self._most_events = most_events
        self._comparison = Comparison(new, old)

    def days(self, first: date, last: date, skip_missing: bool = False) -> list[str]:
        """The days from `first` to `last`, both among them, as YYYY-MM-DD.

        Args:
            first: the oldest day.
            last: the newest; not before `first`.
            skip_missing: leave days without events out.

        Raises:
            InputError: `last` is before `first`, or an environment has no events on these days.
            NotReadyError: the lake does not have all of them, or has none.
        """
        if last < first:
            raise InputError(f"--to {last} is before --from {first}: exchange them")
        there = self._lake.days_with_rows("parsed", self._source)
        wanted = [(first + n * _DAY).isoformat() for n in range((last - first).days + 1)]
        found = sorted({*wanted} & {*there})
        missing = sorted({*wanted} - {*there})
        if not found or (missing and not skip_missing):
            known = f"there are {_ranges(there)}" if there else "there are none at all"
            raise NotReadyError(
                f"no events of {self._source} on {_ranges(missing)}; {known}. Land the files of"
                " those days and let the platform parse them; --skip-missing goes on without them"
            )
        self._check_environments(found)
        return found

    def day(self, day: str) -> HuntedDay:
        """Hunt on one day.

        Raises:
            NotReadyError: there are no events of that day, or they lack what a release reads.
        """
        path = self._part(day)
        events = pq.read_metadata(path).num_rows
        shares = max(1, -(-events // self._most_events))
        with open_engine(self._lake.root) as connection:
            try:
                before = partial(self._history, connection, day)
                compared = [
                    self._comparison.of(connection, self._share(path, shares, n), _FINDINGS, before)
                    for n in range(shares)
                ]
            except duckdb.BinderException as error:
                raise NotReadyError(
                    f"the events of {self._source} on {day} were parsed by an older definition"
                    f" than the release's: {error}; have that day parsed anew, or hunt later days"
                ) from error
        units = sum(each.units for each in compared)
        alerts = sum(each.alerts for each in compared)
        count = sum(each.count for each in compared)
        findings = [finding for each in compared for finding in each.findings]
        findings.sort(key=_score, reverse=True)
        kept = self._with_rarity(findings[:_FINDINGS], units)
        gone = sum(each.gone for each in compared)
        return HuntedDay(day, units, alerts, alerts - count, gone, kept, count - len(kept))

    def _history(
        self, connection: duckdb.DuckDBPyConnection, day: str, scorer: BundleScorer
    ) -> SlowFeatures | None:
        """What a release has to know of the days before; None: nothing."""
        if not scorer.slow:
            return None
        return lake_history(connection, self._lake, {}, scorer.slow, day)

    def _part(self, day: str) -> str:
        return str(self._lake.part(Place("parsed", self._source, day)))

    def _check_environments(self, days: Sequence[str]) -> None:
        if not self._environments:
            return
        there: set[str] = set()
        for day in days:
            column = pq.read_table(self._part(day), columns=["environment"])["environment"]
            there |= {str(each) for each in column.unique().to_pylist()}
        unknown = [each for each in self._environments if each not in there]
        if unknown:
            known = f"there are {', '.join(sorted(there))}" if there else "no environment has any"
            raise InputError(
                f"--environment {unknown[0]}: no events of {self._source} on those days; {known}"
            )

    def _share(self, path: str, shares: int, share: int) -> str:
        """SQL of a share of a day's events; all events of an entity are in one share."""
        chosen = ["true"]
        if self._environments:
            chosen.append(f"environment IN ({', '.join(map(literal, self._environments))})")
        if shares > 1:
            chosen.append(f"hash({columns(self._comparison.entity)}) % {shares} = {share}")
        read = f"read_parquet({literal(path)}, hive_partitioning = false)"
        return f"(SELECT * FROM {read} WHERE {' AND '.join(chosen)})"

    def _with_rarity(self, findings: Sequence[Finding], units: int) -> list[Finding]:
        """With how many benign units score as high, on a day with so many."""
        calibration = self._new.calibration
        if calibration is None:
            return list(findings)
        scores = np.array([finding.score for finding in findings])
        rarities = calibration.many_a_day(scores, units)
        return [
            replace(finding, per_day=float(rarity))
            for finding, rarity in zip(findings, rarities, strict=True)
        ]


def _score(finding: Finding) -> float:
    return finding.score


def _ranges(days: Sequence[str]) -> str:
    """Days, ascending, as people write them: `2026-03-01, 2026-03-04 to 2026-03-09`."""
    dates = [date.fromisoformat(day) for day in days]
    starts = [0, *(n for n, (a, b) in enumerate(pairwise(dates), 1) if b - a != _DAY), len(dates)]
    runs = [(days[begin], days[end - 1]) for begin, end in pairwise(starts)]
    return ", ".join(first if first == last else f"{first} to {last}" for first, last in runs)
