"""Open units of one feature view: windows and sessions that are not complete yet.

A unit's events are kept, as far as a feature reads them, until the unit is complete; then the
view's own SQL is run over them, as the day's batch runs it. Detectors that want to know early get
the features of units that are still growing, at sizes that depend on nothing but the order of the
unit's events: 1, 2 … 8, 10, 12, 15 … So what they say does not depend on how the input was cut.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportAttributeAccessIssue=false

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.catalog.expressions import parse_expression
from whetstone.catalog.units import entity_columns, seconds_of
from whetstone.features import selected_features
from whetstone.sql import literal
from whetstone.streaming.buckets import Bucket, Part, Saved
from whetstone.streaming.naming import Naming
from whetstone.streaming.prepared import PreparedQuery
from whetstone.streaming.rows import Numbers, UnitRows, ranges

MICROSECONDS = 1_000_000
DAY = 86_400 * MICROSECONDS
_TIMESTAMP = pa.timestamp("us")
INPUT, INSTANCE, BEFORE = "_input", "_instance", "_watermark"
"""Columns beside those of the source: the input's number, a unit at one size, and the watermark
when the event came."""
EVIDENCE = [INPUT, "_line", "_hash"]
"""The columns of evidence."""
_SLICE_ROWS = 50_000  # of units that are closed at once; what comes in meanwhile waits
_SHARE_EVICTED = 0.1


def _growth() -> Numbers:
    sizes = [1]
    while sizes[-1] < 1 << 40:
        sizes.append(sizes[-1] + max(1, sizes[-1] // 4))
    return np.array(sizes)


SIZES = _growth()
"""Numbers of events at which a unit that grows is scored."""


@dataclass(frozen=True, eq=False)
class Units:
    """Units with their features.

    Attributes:
        table: a row a unit: `environment`, entity columns, `unit`, `unit_start`, `event_timestamp`,
            the features, `_events`, `_last_event`.
        final: whether they are complete.
        evidence: the line and hash of each event, one unit after the other: `EVIDENCE`.
        bounds: (rows of `table` + 1,) where each unit's evidence begins.
    """

    table: pa.Table
    final: bool
    evidence: pa.Table
    bounds: Numbers


class OpenUnits:
    """Units of a view with windows or sessions.

    Args:
        connection: of the thread that scores.
        view: a validated definition whose units are windows or sessions.
        features: those that detectors read.
        schema: of the events, which hold at least `reads(view, features)`.
        environment: its name.
        inputs: names of the inputs by number.
        early: whether growing units are wanted.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        view: FeatureView,
        features: Sequence[str],
        schema: pa.Schema,
        environment: str,
        inputs: Sequence[str],
        early: bool,
    ) -> None:
        self.view = view
        self.early = early
        self._environment = environment
        self._features = [f.name for f in view.features if f.name in set(features)]
        self._windows = view.WhichOneof("unit") == "window"
        seconds = seconds_of(view.window.every) if self._windows else None
        self.length = (seconds or 86_400) * MICROSECONDS
        self._entity = entity_columns(view)
        kept = [name for name in _kept(view, features) if name in schema.names]
        self._schema = pa.schema([pa.field(INPUT, pa.int16()), *(schema.field(n) for n in kept)])
        entity = [schema.field(name) for name in self._entity]
        self._named = pa.schema(
            [pa.field("_key", pa.string()), pa.field("unit", pa.string()), *entity]
        )
        given = pa.schema([*schema, pa.field(INPUT, pa.int16()), pa.field(BEFORE, pa.int64())])
        self._naming = Naming(connection, view, given)
        counted = pa.schema([pa.field(INSTANCE, pa.int64()), *self._schema])
        files = ", ".join(literal(name) for name in inputs)
        self._compute = PreparedQuery(
            connection,
            counted,
            f"""SELECT {INSTANCE}, min(event_time) AS _first, max(event_time) AS _last,
                       count(*) AS _events{selected_features(view, features)}
                FROM (SELECT *, {literal(environment)} AS environment,
                             list_extract([{files}], {INPUT} + 1) AS raw_file FROM {{relation}})
                GROUP BY {INSTANCE} ORDER BY {INSTANCE}""",
        )
        self._buckets: dict[int, Bucket] = {}
        self._clock = 0
        self._added: list[tuple[int, int, Numbers, pa.Table]] = []
        self._evicted: list[tuple[int, int]] = []

    @property
    def units(self) -> int:
        """How many units are open."""
        return sum(len(bucket.numbers) for bucket in self._buckets.values())

    @property
    def nbytes(self) -> int:
        """Memory that the kept events take."""
        return sum(bucket.rows.nbytes for bucket in self._buckets.values())

    def add(self, events: pa.Table) -> tuple[list[Units], int]:
        """Add events with the columns `_input` and `_watermark`.

        Returns:
            Growing units, if they are wanted; and how many events came when their unit was closed.
        """
        rows = self._naming.named(events)
        times = rows["event_time"].to_numpy().astype(np.int64)
        starts = times // self.length * self.length
        timely = starts + self.length > rows[BEFORE].to_numpy()
        late = int(len(timely) - timely.sum())
        if late:
            rows, starts = rows.filter(pa.array(timely)), starts[timely]
        grown: list[Units] = []
        for start in np.unique(starts).tolist():
            chosen = rows
            if (within := starts == start).sum() < len(starts):
                chosen = rows.filter(pa.array(within))
            grown += self._add(start, chosen)
        return grown, late

    def _add(self, start: int, rows: pa.Table) -> list[Units]:
        bucket = self._buckets.get(start)
        if bucket is None:
            bucket = self._buckets[start] = Bucket(start, UnitRows(self._schema))
        known = len(bucket.sizes)
        keys = rows["_key"].combine_chunks().dictionary_encode()
        codes = keys.indices.to_numpy()
        first = np.full(len(keys.dictionary), -1)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        names = rows.select(self._named.names).take(pa.array(first))
        entered = bucket.enter(keys.dictionary.to_pylist(), names)
        units = entered[codes]
        kept = rows.select(self._schema.names)
        bucket.rows.add(units, kept)
        self._added.append((start, known, units, kept))
        before = bucket.sizes[entered]
        after = before + np.bincount(codes, minlength=len(entered))
        bucket.sizes[entered] = after
        self._clock += 1
        bucket.touched[entered] = self._clock
        if not self.early:
            return []
        return self._grown(bucket, entered, before, after)

    def _grown(
        self, bucket: Bucket, units: Numbers, before: Numbers, after: Numbers
    ) -> list[Units]:
        """The units at each size that they have reached."""
        low, high = np.searchsorted(SIZES, before, "right"), np.searchsorted(SIZES, after, "right")
        due = high > low
        if not due.any():
            return []
        units, low, counts = units[due], low[due], (high - low)[due]
        rows, bounds = bucket.rows.of(units)
        owner = np.repeat(np.arange(len(units)), counts)
        sizes = SIZES[ranges(low, counts)]
        # In the order in which they came about.
        last = rows["raw_line"].to_numpy()[bounds[owner] + sizes - 1]
        order = np.argsort(last, kind="stable")
        owner, sizes = owner[order], sizes[order]
        chosen = rows.take(pa.array(ranges(bounds[owner], sizes)))
        return [self._units([Part(bucket, units[owner], chosen, sizes)], final=False)]

    def _units(self, parts: Sequence[Part], final: bool) -> Units:
        """Features of units of some buckets."""
        sizes = np.concatenate([part.sizes for part in parts])
        rows = _joined([part.rows for part in parts])
        count = len(sizes)
        instances = pa.array(np.repeat(np.arange(count), sizes))
        computed = self._compute.run(rows.add_column(0, INSTANCE, instances))
        names = _joined([part.bucket.named(part.units) for part in parts])
        starts, ends = computed["_first"], computed["_last"]
        if self._windows:
            begin = np.repeat(
                np.array([part.bucket.start for part in parts]), [len(p.units) for p in parts]
            )
            starts = pa.array(begin).cast(_TIMESTAMP)
            ends = pa.array(begin + self.length).cast(_TIMESTAMP)
        table = pa.table(
            {
                "environment": pa.repeat(self._environment, count),
                **{name: names[name] for name in self._entity},
                "unit": names["unit"],
                "unit_start": starts,
                "event_timestamp": ends,
                **{name: computed[name] for name in self._features},
                "_events": computed["_events"],
                "_last_event": computed["_last"],
            }
        )
        evidence = rows.select([INPUT, "raw_line", "raw_hash"]).rename_columns(EVIDENCE)
        return Units(table, final, evidence, np.concatenate([[0], np.cumsum(sizes)]))

    def close(self, watermark: int, most: int) -> Iterator[Units]:
        """Close what is complete, a few units at a time, and stop after about `most` events."""
        parts: list[Part] = []
        for start in sorted(self._buckets):
            bucket = self._buckets[start]
            if most <= 0 or start + self.length > watermark:
                break
            while most > 0 and (part := bucket.next_to_close(min(most, _SLICE_ROWS))):
                most -= part.rows.num_rows
                parts.append(part)
                if sum(part.rows.num_rows for part in parts) >= _SLICE_ROWS:
                    yield self._units(parts, final=True)
                    parts = []
            if bucket.is_closed:
                del self._buckets[start]
        if any(len(part.units) for part in parts):
            yield self._units(parts, final=True)

    def evict(self) -> Units | None:
        """Close the units that have been silent longest before their time, to free memory."""
        live = [
            (bucket.touched[number], start, number)
            for start, bucket in self._buckets.items()
            for number in bucket.numbers.values()
        ]
        if not live:
            return None
        live.sort()
        start = live[0][1]
        most = max(1, int(len(live) * _SHARE_EVICTED))
        numbers = np.array([n for _, s, n in live[:most] if s == start], np.int64)
        bucket = self._buckets[start]
        finished = self._units([Part.of(bucket, numbers)], final=True)
        bucket.forget(numbers)
        self._evicted += [(start, number) for number in sorted(numbers.tolist())]
        return finished

    def added(self) -> Saved:
        """What was added since this was last called, or since everything was."""
        added, self._added = self._added, []
        evicted, self._evicted = tuple(self._evicted), []
        open_now = [part for part in added if part[0] in self._buckets]
        rows = [_with(table, start, units) for start, _, units, table in open_now]
        first_known: dict[int, int] = {}
        for start, known, _, _ in open_now:
            first_known.setdefault(start, known)
        names = [self._names_from(start, known) for start, known in first_known.items()]
        return self._saved(rows, names, evicted)

    def everything(self) -> Saved:
        """All open units."""
        self._added, self._evicted = [], []
        rows: list[pa.Table] = []
        for start, bucket in self._buckets.items():
            table, units = bucket.rows.everything()
            rows.append(_with(table, start, units))
        names = [self._names_from(start, 0) for start in self._buckets]
        gone = tuple(
            (start, int(number))
            for start, bucket in self._buckets.items()
            for number in np.flatnonzero(bucket.sizes == 0)
        )
        return self._saved(rows, names, gone)

    def restore(self, saved: Sequence[Saved]) -> None:
        """Be again what a checkpoint kept, its parts in order."""
        kept = saved[-1].buckets
        for part in saved:
            for start in part.names["_bucket"].unique().to_pylist():
                if start not in kept:
                    continue
                bucket = self._buckets.setdefault(start, Bucket(start, UnitRows(self._schema)))
                names = part.names.filter(pc.equal(part.names["_bucket"], start))
                bucket.enter(names["_key"].to_pylist(), names.select(self._named.names))
            for start in part.rows["_bucket"].unique().to_pylist():
                bucket = self._buckets.get(start)
                if bucket is None:
                    continue
                rows = part.rows.filter(pc.equal(part.rows["_bucket"], start))
                units = rows["_unit"].to_numpy()
                bucket.rows.add(units, rows.select(self._schema.names).combine_chunks())
                bucket.sizes += np.bincount(units, minlength=len(bucket.sizes))
                self._clock += 1
                bucket.touched[np.unique(units)] = self._clock
            self._forget(part.evicted)
        for start, closed in kept.items():
            self._buckets[start].closed = closed

    def _forget(self, evicted: Iterable[tuple[int, int]]) -> None:
        by_bucket: dict[int, list[int]] = {}
        for start, number in evicted:
            by_bucket.setdefault(start, []).append(number)
        for start, numbers in by_bucket.items():
            if (bucket := self._buckets.get(start)) is None:
                continue
            bucket.forget(np.array(numbers, np.int64))

    def _names_from(self, start: int, number: int) -> pa.Table:
        bucket = self._buckets[start]
        numbers = np.arange(number, len(bucket.sizes))
        return _with(bucket.named(numbers), start, numbers)

    def _saved(
        self, rows: list[pa.Table], names: list[pa.Table], evicted: tuple[tuple[int, int], ...]
    ) -> Saved:
        none = np.zeros(0, np.int64)
        closed = {start: bucket.closed for start, bucket in self._buckets.items()}
        return Saved(
            pa.concat_tables([_with(self._schema.empty_table(), 0, none), *rows]),
            pa.concat_tables([_with(self._named.empty_table(), 0, none), *names]),
            evicted,
            closed,
        )


def reads(view: FeatureView, features: Sequence[str]) -> set[str]:
    """The fields of a source that the features of a view and its units are made from."""
    return {*_kept(view, features), *entity_columns(view)} - {"raw_file", "environment"}


def _kept(view: FeatureView, features: Sequence[str]) -> list[str]:
    """The columns of events that features of complete units are computed from."""
    wanted = set(features)
    read = {
        column
        for feature in view.features
        if feature.name in wanted
        for column in parse_expression(feature.definition).columns
    }
    return [
        "event_time",
        "raw_line",
        "raw_hash",
        *sorted(read - {"event_time", "raw_line", "raw_hash"}),
    ]


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables).combine_chunks()


def _with(table: pa.Table, bucket: int, units: Numbers) -> pa.Table:
    """Rows with the columns `_bucket` and `_unit`."""
    buckets = pa.array(np.full(table.num_rows, bucket, np.int64))
    return table.append_column("_bucket", buckets).append_column("_unit", pa.array(units))
