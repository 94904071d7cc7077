"""The units of one feature view and the models that score them."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa

from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.catalog.hashes import source_hash, view_hash
from whetstone.catalog.templated import TEMPLATE
from whetstone.catalog.units import entity_columns, seconds_of
from whetstone.features import present_sql, selected_features, unit_sql
from whetstone.parsing.templates import Templating, with_templates
from whetstone.scoring.run import BundleScorer
from whetstone.scoring.slow import SlowFeatures
from whetstone.sql import columns as listed
from whetstone.sql import literal
from whetstone.streaming.buckets import Saved
from whetstone.streaming.flow import Line, Scored
from whetstone.streaming.prepared import PreparedQuery
from whetstone.streaming.rows import Numbers
from whetstone.streaming.units import BEFORE, EVIDENCE, INPUT, OpenUnits, Units, reads

_MOST_LINES = 200  # of evidence
_LONG_AGO = -(1 << 62)


Role = Literal["champion", "challenger", "predecessor"]


@dataclass(frozen=True, eq=False)
class Served:
    """A model in service.

    Attributes:
        scorer: the model.
        role: the alerts of champions reach analysts, those of challengers the platform; those of
            predecessors nobody, but for units that were open when the successor came.
    """

    scorer: BundleScorer
    role: Role = "champion"

    @property
    def detector(self) -> str:
        """Name of its detector."""
        return self.scorer.detector.name

    @property
    def early(self) -> bool:
        """Whether it scores units while they grow."""
        view = self.scorer.view
        return self.scorer.detector.early and view.WhichOneof("unit") != "event"

    @property
    def seconds(self) -> float:
        """How long its units last at most."""
        view = self.scorer.view
        if view.WhichOneof("unit") == "event":
            return 0.0
        return float(seconds_of(view.window.every) or 86_400)

    @cached_property
    def definition(self) -> str:
        """Equal for models whose units mean the same, whichever features they read."""
        scorer = self.scorer
        templates = scorer.templating.dictionary.version if scorer.templating else ""
        return "/".join((source_hash(scorer.source), view_hash(scorer.view), templates))

    @cached_property
    def reads(self) -> frozenset[str]:
        """The fields of the source that it needs."""
        fields = reads(self.scorer.view, self.scorer.bundle.feature_names)
        if self.scorer.templating:
            fields = (fields - {TEMPLATE}) | {self.scorer.source.message}
        return frozenset(fields)


def by_view(served: Iterable[Served]) -> Mapping[str, list[Served]]:
    """Models by the open units that they share."""
    shared: dict[str, list[Served]] = {}
    for one in served:
        shared.setdefault(one.definition, []).append(one)
    return {_identity(definition, models): models for definition, models in shared.items()}


def _identity(definition: str, served: Sequence[Served]) -> str:
    """Changes with all that decides what is kept of a unit."""
    features = sorted({name for one in served for name in one.scorer.bundle.feature_names})
    early = str(any(one.early for one in served))
    text = "\x1f".join((definition, early, *features))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class ViewUnits:
    """The units of one view, of which no more is kept than the models in service read.

    Args:
        connection: of the thread that scores.
        served: models of one view.
        environment: its name.
        inputs: names of the inputs by number.
        begins: event time (µs) of the first unit that counts; None: all do.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        served: Sequence[Served],
        environment: str,
        inputs: Sequence[str],
        begins: int | None = None,
    ) -> None:
        first = served[0]
        self._connection, self._environment = connection, environment
        self._inputs = tuple(inputs)
        self.served = tuple(served)
        self.source = first.scorer.source.name
        self.source_key = source_hash(first.scorer.source)
        self.view: FeatureView = first.scorer.view
        self._templating: Templating | None = first.scorer.templating
        self._features = sorted({n for one in served for n in one.scorer.bundle.feature_names})
        self._fields = sorted({field for one in served for field in one.reads})
        self._begins, self._ends, self._handed_over = begins, None, _LONG_AGO
        self._open: OpenUnits | None = None
        self._single: PreparedQuery | None = None

    @property
    def name(self) -> str:
        """Name of the feature view."""
        return self.view.name

    @property
    def of_events(self) -> bool:
        """Whether each unit is one event."""
        return self.view.WhichOneof("unit") == "event"

    @property
    def units(self) -> int:
        """How many units are open."""
        return self._open.units if self._open else 0

    @property
    def nbytes(self) -> int:
        """Memory that the events of open units take."""
        return self._open.nbytes if self._open else 0

    @property
    def over(self) -> bool:
        """Whether its successor has taken over, and no unit of its own is open."""
        return self._ends is not None and not self.units

    def serve(self, served: Sequence[Served]) -> None:
        """Score with other models of the same view."""
        self.served = tuple(served)

    def detectors(self) -> set[str]:
        """Names of the detectors that are served."""
        return {one.detector for one in self.served}

    def hand_over(self, ends: int) -> None:
        """Predecessors count for the units that begin before `ends`, no others."""
        self._handed_over = ends

    def boundary(self, newest: int) -> int:
        """Event time (µs) at which those units begin that no event up to `newest` belongs to."""
        if self.of_events or self._open is None:
            return newest
        return newest // self._open.length * self._open.length + self._open.length

    def retire(self, ends: int) -> None:
        """See through the units that begin before `ends`; a successor has the rest."""
        if self._ends is None:
            self._ends = ends if self._open else -1

    def add(self, events: pa.Table) -> tuple[list[Units], int, int]:
        """Put events into units.

        Args:
            events: of the source, with the input's number and the watermark of each.

        Returns:
            Units that are complete by one event, and those that are wanted as they grow; how many
            events were late; and how many of their messages have no template.
        """
        if self._ends is not None and self._open is None:
            return [], 0, 0
        events = self._of_its_time(events)
        if not events.num_rows:
            return [], 0, 0
        columns = [*dict.fromkeys(["event_time", "raw_line", "raw_hash", *self._fields])]
        events = events.select([*columns, INPUT, BEFORE])
        events, unknown = self._templated(events)
        if self.of_events:
            return [self._events(events)], 0, unknown
        if self._open is None:
            self._open = self._new_units(events.schema)
        grown, late = self._open.add(events)
        return grown, late, unknown

    def close(self, watermark: int, most: int) -> Iterator[Units]:
        """The units that are complete, until about `most` events have been looked at."""
        if self._open is not None:
            yield from self._open.close(watermark, most)

    def evict(self) -> list[Units]:
        """Close units before their time; none if none is open."""
        evicted = self._open.evict() if self._open else None
        return [evicted] if evicted else []

    def score(
        self,
        served: Served,
        units: Units,
        arrived: float,
        watermark: int,
        slow: SlowFeatures | None = None,
    ) -> Iterator[Scored]:
        """Units as one of the models in service scores them; nothing, if it does not want them."""
        if not (units.final or served.early):
            return
        scorer = served.scorer
        scored = scorer.score_units(scorer.with_slow(units.table, slow))
        for extra in ("_events", "_last_event"):
            scored = scored.append_column(extra, units.table[extra])
        lines = _Evidence(units, self._inputs)
        part = partial(
            Scored,
            served.scorer,
            final=units.final,
            shadow=served.role == "challenger",
            arrived=arrived,
            watermark=watermark,
        )
        if served.role != "predecessor":
            yield part(units=scored, lines=lines)
            return
        before = scored["unit_start"].to_numpy().astype(np.int64) < self._handed_over
        rows = np.flatnonzero(before)
        if len(rows):
            yield part(units=scored.take(pa.array(rows)), lines=lines.of(rows))
        if len(rows) < scored.num_rows:
            yield part(units=scored.filter(pa.array(~before)), lines=_no_lines, silent=True)

    def added(self) -> Saved | None:
        """Open units that were added since this was last called; None if there never were any."""
        return self._open.added() if self._open else None

    def everything(self) -> Saved | None:
        """All open units; None if there never were any."""
        return self._open.everything() if self._open else None

    def restore(self, saved: Sequence[Saved], begins: int | None) -> None:
        """Be again what a checkpoint kept."""
        self._begins = begins
        rows = saved[0].rows
        schema = pa.schema([f for f in rows.schema if f.name not in (INPUT, "_bucket", "_unit")])
        names = [f for f in saved[0].names.schema if f.name in entity_columns(self.view)]
        given = {field.name: field for field in [*schema, *names]}
        self._open = self._new_units(pa.schema(list(given.values())))
        self._open.restore(saved)

    @property
    def begins(self) -> int | None:
        """Event time (µs) of the first unit that counts; None: all do."""
        return self._begins

    def _of_its_time(self, events: pa.Table) -> pa.Table:
        """The events of units that are its own, where a change of models divides them."""
        if self._begins is None and self._ends is None:
            return events
        times = events["event_time"].to_numpy().astype(np.int64)
        own = np.ones(len(times), bool)
        if self._begins is not None and not self.of_events:
            own &= times >= self._begins
        if self._ends is not None:
            own &= times < self._ends
        return events if own.all() else events.filter(pa.array(own))

    def _templated(self, events: pa.Table) -> tuple[pa.Table, int]:
        if self._templating is None:
            return events, 0
        self._connection.register("events", events)
        found = with_templates(self._connection, "events", self._templating)
        table = self._connection.sql(
            f"SELECT * FROM {found.relation} ORDER BY raw_line"
        ).to_arrow_table()
        self._connection.unregister("events")
        return table, found.unknown

    def _events(self, events: pa.Table) -> Units:
        """Units of one event each, in the order of the events."""
        if self._single is None:
            files = ", ".join(literal(name) for name in self._inputs)
            entity = entity_columns(self.view)
            self._single = PreparedQuery(
                self._connection,
                events.schema,
                f"""SELECT environment, {listed([*entity])}, {unit_sql(self.view)} AS unit,
                           event_time AS unit_start, event_time AS event_timestamp
                           {selected_features(self.view, self._features)},
                           1::BIGINT AS _events, event_time AS _last_event,
                           {INPUT}, raw_line AS _line, raw_hash AS _hash
                    FROM (SELECT *, {literal(self._environment)} AS environment,
                                 list_extract([{files}], {INPUT} + 1) AS raw_file FROM {{relation}})
                    WHERE {present_sql(self.view)}""",
            )
        rows = self._single.run(events)
        bounds = np.arange(rows.num_rows + 1)
        return Units(rows.drop_columns(EVIDENCE), True, rows.select(EVIDENCE), bounds)

    def _new_units(self, schema: pa.Schema) -> OpenUnits:
        return OpenUnits(
            self._connection,
            self.view,
            self._features,
            pa.schema([field for field in schema if field.name not in (INPUT, BEFORE)]),
            self._environment,
            self._inputs,
            early=any(one.early for one in self.served),
        )


class _Evidence:
    """The lines of a unit by its row."""

    def __init__(self, units: Units, inputs: Sequence[str], rows: Numbers | None = None) -> None:
        self._units, self._inputs, self._rows = units, inputs, rows

    def of(self, rows: Numbers) -> "_Evidence":
        """The same for some of the rows, which are numbered anew."""
        return _Evidence(self._units, self._inputs, rows)

    def __call__(self, row: int) -> list[Line]:
        if self._rows is not None:
            row = int(self._rows[row])
        begin, end = self._units.bounds[row : row + 2].tolist()
        rows = self._units.evidence.slice(
            max(begin, end - _MOST_LINES), min(end - begin, _MOST_LINES)
        )
        return [
            Line(self._inputs[int(one[INPUT])], one["_line"], one["_hash"])
            for one in rows.to_pylist()
        ]


def _no_lines(_: int) -> list[Line]:
    return []
