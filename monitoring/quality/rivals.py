"""Champion against challenger: what each raised on the same stream, and what the gate compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitoring.quality.figures import Estimate, utc
from monitoring.quality.verdicts import Judged


@dataclass(frozen=True)
class Shadow:
    """What a challenger in shadow raised beside the champion, in the same environments.

    Attributes:
        version: the challenger's.
        since: its first record, by event time.
        both, champion, challenger: alerts of both, of the champion alone, of the challenger alone.
        precision_both, precision_champion: by verdicts, which only the champion's alerts get.
    """

    version: str
    since: datetime
    both: int
    champion: int
    challenger: int
    precision_both: Estimate
    precision_champion: Estimate


@dataclass(frozen=True)
class Paired:
    """A measure of both models on the same examples, as the gate compared them.

    Attributes:
        examples: `core`, `verdicts` and so on.
        measure: such as `average_precision`.
        difference: challenger less champion, with its paired bootstrap interval.
    """

    examples: str
    measure: str
    challenger: float
    champion: float
    difference: Estimate


def shadow(
    records: Iterable[Mapping[str, Any]],
    raised: Mapping[str, Mapping[str, Any]],
    judged: Judged,
) -> Shadow | None:
    """Compare the newest challenger's records with the champion's live alerts.

    Args:
        records: `alert_id`, `environment`, `event_timestamp`, `model_version` of what challengers
            would have alerted on.
        raised: the champion's alerts by id, those of the day's batch among them (`way`).
        judged: the verdicts.
    """
    rows = sorted(records, key=lambda row: utc(row["event_timestamp"]))
    if not rows:
        return None
    version = rows[-1]["model_version"]
    rows = [row for row in rows if row["model_version"] == version]
    since, until = (utc(rows[end]["event_timestamp"]) for end in (0, -1))
    where = {row["environment"] for row in rows}
    theirs = {row["alert_id"] for row in rows}
    ours = {
        alert
        for alert, row in raised.items()
        if row["environment"] in where
        and row.get("live")
        and since <= utc(row["event_timestamp"]) <= until
    }
    both = theirs & raised.keys()
    alone = ours - theirs
    return Shadow(
        version,
        since,
        len(both),
        len(alone),
        len(theirs - raised.keys()),
        judged.precision(both),
        judged.precision(alone),
    )


def paired(numbers: Mapping[str, Any]) -> tuple[Paired, ...]:
    """The comparisons in the numbers of a gate; what has another form is left out."""
    found: list[Paired] = []
    for examples, measures in numbers.items():
        if not isinstance(measures, Mapping):
            continue
        for measure, told in measures.items():
            if isinstance(told, Mapping) and {"challenger", "champion", "interval"} <= told.keys():
                found.append(_pair(examples, measure, told))
    return tuple(found)


def _pair(examples: str, measure: str, told: Mapping[str, Any]) -> Paired:
    low, high = _ends(told["interval"])
    ours, theirs = float(told["challenger"]), float(told["champion"])
    return Paired(examples, measure, ours, theirs, Estimate(ours - theirs, low, high))


def _ends(interval: Sequence[float]) -> tuple[float, float]:
    return float(interval[0]), float(interval[1])
