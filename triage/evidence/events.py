"""The events of an alert's unit, and of its entity, in the lake."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from triage.evidence.place import Place
from whetstone.engine import open_engine
from whetstone.lake_changes import rows_stay
from whetstone.lake_kept import production
from whetstone.sql import identifier

MOST_EVENTS = 40
"""Of a unit that are shown, beside those that its explanation names."""
_ORDER = "event_time, raw_file, raw_line"
# A feature that lists its unit's events, one element an event.
_LISTED = re.compile(
    rf"list\(.+ ORDER BY {_ORDER}\)(?: FILTER \(WHERE (?P<present>\w+) IS NOT NULL\))?", re.DOTALL
)
# A number of a line is no name: other files have it, too.
_NO_NAME = frozenset({"raw_line"})


@dataclass(frozen=True)
class UnitEvent:
    """An event of a unit.

    Attributes:
        row: its columns as the lake has them.
        position: where it stands in the sequence that the explanation speaks of, from 0; None: in
            none.
    """

    row: dict[str, Any]
    position: int | None


def events_of_unit(
    place: Place, sequence: str | None, positions: Collection[int]
) -> tuple[list[UnitEvent], int]:
    """The unit's first events and those at some positions, in order; and how many it has.

    Args:
        place: whose unit.
        sequence: the feature that the positions are in.
        positions: from 0.
    """
    source, about = place.source, place.about
    if source is None or not about:
        return [], 0
    alert = place.alert
    before_end = "<" if _ends_open(place) else "<="
    wanted = ", ".join(str(int(position)) for position in positions) or "-1"
    with open_engine(place.lake.root, threads=1) as connection, rows_stay(place.lake):
        events = production(connection, place.lake, source, place.days)
        if events is None:
            return [], 0
        rows = connection.sql(
            f"""WITH unit AS (
                  SELECT *, row_number() OVER (ORDER BY {_ORDER}) - 1 AS _number,
                         count(*) OVER () AS _total FROM ({events})
                  WHERE environment = $1 AND event_time >= $2 AND event_time {before_end} $3
                    AND {_same(about)}),
                placed AS (SELECT *, {_position_sql(place, sequence)} AS _position FROM unit)
                FROM placed WHERE _number < {MOST_EVENTS} OR _position IN ({wanted})
                ORDER BY _number LIMIT {2 * MOST_EVENTS}""",
            params=[alert.environment, alert.unit_start, alert.event_timestamp, *about.values()],
        ).to_arrow_table()
    found = rows.to_pylist()
    return [UnitEvent(row, row["_position"]) for row in found], found[0]["_total"] if found else 0


def events_an_hour(place: Place, first: datetime, hours: int) -> list[int] | None:
    """How many events there are about an alert's subject in each of the hours from `first` on.

    The subject is the first column of the entity that names anybody. None: the source is not
    defined, its events have no such column, or there are none of those days in the lake.
    """
    source = place.source
    names = [name for name in place.about if name not in _NO_NAME]
    about = {name: place.about[name] for name in names[:1]}
    if source is None or not about:
        return None
    last = first + timedelta(hours=hours)
    days = [f"{first.date() + timedelta(days=n)}" for n in range(hours // 24 + 3)]
    with open_engine(place.lake.root, threads=1) as connection, rows_stay(place.lake):
        events = production(connection, place.lake, source, days)
        if events is None:
            return None
        counted = connection.execute(
            f"""SELECT date_sub('hour', $2::TIMESTAMP, event_time) AS hour, count(*)
                FROM ({events})
                WHERE environment = $1 AND event_time >= $2 AND event_time < $3 AND {_same(about)}
                GROUP BY hour""",
            [place.alert.environment, first, last, *about.values()],
        ).fetchall()
    by_hour = dict(counted)
    return [by_hour.get(hour, 0) for hour in range(hours)]


def _same(about: dict[str, str]) -> str:
    """SQL of whether an event is about the entity; its values are parameters from the fourth on."""
    return " AND ".join(
        f"{identifier(name)}::VARCHAR = ${number}" for number, name in enumerate(about, 4)
    )


def _ends_open(place: Place) -> bool:
    """Whether the unit's last moment belongs to the next one, as a window's does."""
    return place.view is not None and place.view.WhichOneof("unit") == "window"


def _position_sql(place: Place, sequence: str | None) -> str:
    """SQL of an event's place in the sequence that a feature lists; NULL: nobody can tell."""
    view = place.view
    if view is None or place.one_event:
        return "NULL::BIGINT"
    definition = next((f.definition for f in view.features if f.name == sequence), "")
    listed = _LISTED.fullmatch(definition.strip())
    if listed is None:
        return "NULL::BIGINT"
    if listed["present"] is None:
        return "_number"
    present = identifier(listed["present"])
    return f"CASE WHEN {present} IS NOT NULL THEN count({present}) OVER (ORDER BY _number) - 1 END"
