"""Whether a feature knows what it cannot know in service: tried by disturbing the events.

A value may depend on the unit's own events and on nothing else. So it must stay as it is when all
that came later is taken away, when other units' events are changed, when the same lines lie in
other files of another environment, and when everything happened at another time of other weeks.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import duckdb

from whetstone.catalog.catalog_pb2 import FeatureView, Source
from whetstone.catalog.units import entity_columns
from whetstone.engine import only_row
from whetstone.features import features_sql
from whetstone.sql import columns, identifier, literal

_CUTS = (0.25, 0.5, 0.75)
_WEEKS = 52
_SAME = 1e-9


@dataclass(frozen=True)
class LeakCheck:
    """What came of one disturbance.

    Attributes:
        name: `future`, `other units`, `place` or `date`.
        feature: the proposed feature.
        passed: its values stayed as they were; None: there were no units to see it on.
        units: so many were compared.
        changed: so many of them changed.
        detail: what it means, with the first unit that changed.
    """

    name: str
    feature: str
    passed: bool | None
    units: int
    changed: int
    detail: str


_MEANINGS = {
    "future": "events after the unit's end change it: in service they have not happened yet",
    "other units": "events of other units change it",
    "place": "it depends on where its lines are kept (environment, file, line, key), which tells"
    " contributions from production and nothing of the attack",
    "date": "it depends on the date: the attacks of a golden dataset happened on certain days",
}


def leak_checks(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    view: FeatureView,
    table: str,
    names: Sequence[str],
) -> list[LeakCheck]:
    """Try features for leaks on a table of events, see `take_events`.

    Args:
        connection: holds the table; temporary tables are made.
        source: of the events.
        view: with the proposed features in it.
        table: its name.
        names: the proposed features.
    """
    trial = _Trial(connection, source, view, table, names)
    return [
        *trial.compare("future", trial.without_future()),
        *trial.compare("other units", trial.with_other_units_shuffled()),
        *trial.compare("place", trial.elsewhere()),
        *trial.compare("date", trial.at_another_time()),
    ]


class _Trial:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: Source,
        view: FeatureView,
        table: str,
        names: Sequence[str],
    ):
        self._connection = connection
        self._source = source
        self._view = view
        self._events = identifier(table)
        self._names = names
        self._make("leak_units", features_sql(view, self._events, names))

    def compare(self, name: str, disturbed: Iterable[str]) -> Iterator[LeakCheck]:
        """Compare all units of disturbed tables with the same units as they were.

        Each table has the columns of units; their keys are as they were.
        """
        units = dict.fromkeys(self._names, 0)
        changed = dict.fromkeys(self._names, 0)
        first: dict[str, str] = {}
        for relation in disturbed:
            for feature in self._names:
                before, after = f"b.{identifier(feature)}", f"a.{identifier(feature)}"
                differs = self._differs(feature, before, after)
                found = only_row(
                    self._connection,
                    f"""SELECT count(*), count(*) FILTER (WHERE {differs}),
                               min(b.unit || ' ' || b.unit_start::VARCHAR || ': '
                                   || coalesce({before}::VARCHAR, 'NULL') || ' → '
                                   || coalesce({after}::VARCHAR, 'NULL'))
                                 FILTER (WHERE {differs})
                        FROM leak_units b JOIN {relation} a USING (environment, unit, unit_start)
                        WHERE b.event_timestamp = a.event_timestamp""",
                )
                units[feature] += found[0]
                changed[feature] += found[1]
                if found[2] is not None:
                    first.setdefault(feature, found[2])
        for feature in self._names:
            shown = f"; {first[feature]}" if feature in first else ""
            yield LeakCheck(
                name,
                feature,
                None if not units[feature] else not changed[feature],
                units[feature],
                changed[feature],
                f"{_MEANINGS[name]}{shown}" if changed[feature] else "",
            )

    def without_future(self) -> Iterator[str]:
        """Units that had ended by a time, without any event after it."""
        for number, share in enumerate(_CUTS):
            (cut,) = only_row(
                self._connection,
                f"SELECT quantile_disc(event_timestamp, {share}) FROM leak_units",
            )
            if cut is None:
                continue
            until = f"<= TIMESTAMP {literal(str(cut))}"
            before = f"(SELECT * FROM {self._events} WHERE event_time {until})"
            values = features_sql(self._view, before, self._names)
            ended = f"event_timestamp {until}"
            yield self._make(f"leak_{number}", f"SELECT * FROM ({values}) WHERE {ended}")

    def with_other_units_shuffled(self) -> Iterator[str]:
        """Half of the entities, after the values of the others' events went to one another."""
        entity = entity_columns(self._view)
        half = f"hash({columns(['environment', *entity])}) % 2"
        kept = {*entity, self._source.event_time}
        moved = [f.name for f in self._source.fields if f.name not in kept]
        if not moved:
            return
        taken = ", ".join(f"b.{identifier(name)} AS {identifier(name)}" for name in moved)
        others = f"SELECT * FROM {self._events} WHERE {half} = 1"
        shuffled = f"""
            SELECT a.* EXCLUDE (n) REPLACE ({taken})
            FROM (SELECT *, row_number() OVER (ORDER BY raw_file, raw_line) AS n FROM ({others})) a
            JOIN (SELECT *, row_number() OVER (ORDER BY hash(raw_file, raw_line), raw_line) AS n
                  FROM ({others})) b USING (n)"""
        events = f"(SELECT * FROM {self._events} WHERE {half} = 0 UNION ALL BY NAME {shuffled})"
        values = features_sql(self._view, events, self._names)
        yield self._make("leak_others", f"SELECT * FROM ({values}) WHERE {half} = 0")

    def elsewhere(self) -> Iterator[str]:
        """The same events, from other files of another environment."""
        moved = f"""(SELECT * REPLACE ('elsewhere-' || environment AS environment,
                          'elsewhere/' || raw_file AS raw_file, raw_line + 1000000 AS raw_line,
                          xor(raw_hash, 4711) AS raw_hash, 'elsewhere' AS key_id)
                     FROM {self._events})"""
        values = features_sql(self._view, moved, self._names)
        back = f"substr(environment, {len('elsewhere-') + 1})"
        yield self._make("leak_place", f"SELECT * REPLACE ({back} AS environment) FROM ({values})")

    def at_another_time(self) -> Iterator[str]:
        """The same events, 52 weeks later: at the same time of the same weekday."""
        shifted = [f.name for f in self._source.fields if f.data_type == "TIMESTAMP"]
        later = f"INTERVAL {_WEEKS * 7} DAY"
        moved = ", ".join(f"{identifier(n)} + {later} AS {identifier(n)}" for n in shifted)
        events = f"(SELECT * REPLACE ({moved}) FROM {self._events})"
        values = features_sql(self._view, events, self._names)
        back = ", ".join(f"{n} - {later} AS {n}" for n in ("unit_start", "event_timestamp"))
        yield self._make("leak_date", f"SELECT * REPLACE ({back}) FROM ({values})")

    def _make(self, table: str, query: str) -> str:
        """A table of units in which keys are unique."""
        keys = "environment, unit, unit_start, event_timestamp"
        if self._view.WhichOneof("unit") == "event":  # events of one instant: all their values
            values = "".join(
                f", list_sort(list({name}::VARCHAR)) AS {name}"
                for name in map(identifier, self._names)
            )
            unique = f"SELECT {keys}{values} FROM ({query}) GROUP BY ALL"
        else:
            unique = f"FROM ({query}) QUALIFY count(*) OVER (PARTITION BY {keys}) = 1"
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {unique}")
        return table

    def _differs(self, feature: str, before: str, after: str) -> str:
        """SQL of whether values differ, beyond what the order of a sum may change."""
        kind = next(f.data_type for f in self._view.features if f.name == feature)
        differs = f"{before} IS DISTINCT FROM {after}"
        if kind != "DOUBLE" or self._view.WhichOneof("unit") == "event":
            return differs
        near = f"abs({before} - {after}) <= {_SAME} * greatest(1, abs({before}))"
        return f"({differs} AND NOT coalesce({near}, false))"
