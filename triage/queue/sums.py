"""Rows of patterns: sums over their groups."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table, delete, select, tuple_

from triage import schema
from triage.queue.grouping import GroupRow, in_parts
from triage.queue.patterns import pattern_of
from triage.queue.risk import standing
from triage.statements import dialect_of

_A = schema.alerts.c
_P = schema.patterns.c
_SUMMED = ("open", "judged", "allowed", "events", "counted")
_COUNTED = ("groups", "open_groups", "judged_groups", "true_groups", "false_groups", *_SUMMED)
_FROM_NOTHING: Mapping[str, int] = dict.fromkeys(_COUNTED, 0)
Key = tuple[str, str]
"""Environment and pattern."""


class Look(NamedTuple):
    """What all groups of a pattern have in common."""

    detector: str
    title: str


class Sums:
    """What groups that came, changed or went add to their patterns."""

    def __init__(self) -> None:
        self._sums: dict[Key, dict[str, int]] = defaultdict(lambda: dict(_FROM_NOTHING))
        self._tops: dict[Key, str] = {}

    @property
    def keys(self) -> set[Key]:
        """The patterns that are concerned."""
        return set(self._sums)

    def gain(self, row: GroupRow) -> None:
        """A group as it is now."""
        key = row["environment"], row["pattern"]
        self._tops.setdefault(key, row["top_alert"])
        _add(self._sums[key], row, 1)

    def lose(self, row: GroupRow) -> None:
        """A group as it was."""
        _add(self._sums[row["environment"], row["pattern"]], row, -1)

    def store(self, connection: Connection) -> set[Key]:
        """Add these to the patterns; returns those whose standing is not what it was."""
        swayed: set[Key] = set()
        for keys in in_parts(sorted(self._sums)):
            query = select(schema.patterns).where(tuple_(_P.environment, _P.pattern).in_(keys))
            stored = {tuple(row[:2]): row for row in connection.execute(query)}
            looks = self._looks(connection, [key for key in keys if key not in stored])
            rows: list[dict[str, Any]] = []
            gone: list[Key] = []
            for key in keys:
                before = stored.get(key)
                counts = {
                    name: more + (0 if before is None else before._mapping[name])
                    for name, more in self._sums[key].items()
                }
                if not counts["groups"]:
                    gone.append(key)
                    continue
                rows.append(_row(key, before or looks[key], counts))
                if before is not None and before.standing != rows[-1]["standing"]:
                    swayed.add(key)
            if gone:
                these = tuple_(_P.environment, _P.pattern).in_(gone)
                connection.execute(delete(schema.patterns).where(these))
            if rows:
                upsert(connection, schema.patterns, rows)
        return swayed

    def _looks(self, connection: Connection, keys: Sequence[Key]) -> dict[Key, Look]:
        """Those of new patterns, from an alert of each."""
        tops = {self._tops[key]: key for key in keys if key in self._tops}
        query = select(_A.alert_id, _A.detector, _A.explanation).where(_A.alert_id.in_(tops))
        return {
            tops[alert]: Look(detector, pattern_of(detector, explanation).title)
            for alert, detector, explanation in connection.execute(query)
        }


def upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, or put them in the place of those with the same key."""
    statement = dialect_of(connection).insert(table)
    keys = list(table.primary_key.columns)
    changed = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def _add(sums: dict[str, int], row: GroupRow, sign: int) -> None:
    sums["groups"] += sign
    sums["open_groups"] += sign * (row["state"] == "open")
    sums["judged_groups"] += sign * (row["state"] == "judged")
    sums["true_groups"] += sign * (row["true_positives"] > 0)
    sums["false_groups"] += sign * (row["false_positives"] > 0 and row["true_positives"] == 0)
    for name in _SUMMED:
        sums[name] += sign * row[name]


def _row(key: Key, look: Row[Any] | Look, counts: Mapping[str, int]) -> dict[str, Any]:
    state = "open" if counts["open_groups"] else "judged" if counts["judged_groups"] else "allowed"
    return {
        "environment": key[0],
        "pattern": key[1],
        "detector": look.detector,
        "title": look.title,
        "state": state,
        "standing": standing(counts["true_groups"], counts["false_groups"]),
        "risk": 0.0,
        **counts,
    }
