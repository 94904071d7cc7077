"""Compare two catalogs on a sample."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import FeatureView, Source
from whetstone.catalog.hashes import source_hash, view_hash
from whetstone.catalog.slow_problems import slow_name
from whetstone.catalog.templated import reads_templates
from whetstone.comparing.meaning import (
    DefinitionChange,
    Rerun,
    changes_of_definitions,
    reruns,
    vanished_assets,
)
from whetstone.comparing.samples import Sample
from whetstone.comparing.values import Side, TableChange, compare_tables, place_of_record
from whetstone.engine import open_engine
from whetstone.features import features_sql
from whetstone.parsing import Parsed, RawFile, parse_files
from whetstone.parsing.templates import Templating, mine, with_templates
from whetstone.sql import identifier

_PARTS = ("before", "after")


@dataclass(frozen=True)
class Became:
    """How many lines changed from one state to another (event, reject, skipped), and the first."""

    before: str
    after: str
    lines: int
    first: str
    reason: str
    example: str


@dataclass(frozen=True)
class SourceChange:
    """What a source makes of the sample now and then."""

    source: str
    days: tuple[str, ...]
    before: Parsed
    after: Parsed
    events: TableChange
    became: tuple[Became, ...]

    @property
    def equal(self) -> bool:
        """The sample comes out the same."""
        return self.events.equal and not self.became and self.before == self.after


@dataclass(frozen=True)
class ViewChange:
    """What a feature view makes of the sample now and then."""

    view: str
    units: TableChange


@dataclass(frozen=True)
class Retraining:
    """A detector that the change reaches.

    `features` are those of its features that came out different in the sample; None without one.
    """

    detector: str
    certain: bool
    cause: str
    features: tuple[str, ...] | None


@dataclass(frozen=True)
class Comparison:
    """What the change from one catalog to another does."""

    definitions: tuple[DefinitionChange, ...]
    sources: tuple[SourceChange, ...]
    views: tuple[ViewChange, ...]
    reruns: tuple[Rerun, ...]
    vanished: tuple[str, ...]
    retrainings: tuple[Retraining, ...]
    unsampled: tuple[str, ...]


def sources_to_sample(before: Catalog, after: Catalog) -> list[str]:
    """The sources of both catalogs whose events or features the change may touch."""
    return [
        name
        for name, source in after.sources.items()
        if name in before.sources
        and (
            source_hash(source) != source_hash(before.sources[name])
            or _zones(before, name) != _zones(after, name)
            or _views_to_compare(before, after, name)
        )
    ]


def compare(
    before: Catalog,
    after: Catalog,
    samples: Mapping[str, Sequence[Sample]],
    max_line_bytes: int,
) -> Comparison:
    """Compare two catalogs.

    Args:
        before: the one.
        after: the other, as it is now.
        samples: raw lines by source; a source without is judged by its definition alone.
        max_line_bytes: longer lines are rejects.
    """
    sources: list[SourceChange] = []
    views: list[ViewChange] = []
    touched = sources_to_sample(before, after)
    with open_engine() as connection:
        for name in touched:
            if samples.get(name):
                sample = _Sampled(connection, before, after, name, samples[name], max_line_bytes)
                sources.append(sample.source_change())
                views += sample.view_changes()
    found = reruns(before, after)
    return Comparison(
        tuple(changes_of_definitions(before, after)),
        tuple(sources),
        tuple(views),
        tuple(found),
        tuple(vanished_assets(before, after)),
        tuple(_retrainings(after, found, views)),
        tuple(name for name in touched if not samples.get(name)),
    )


class _Sampled:
    """The events of a source, as both catalogs see them."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        before: Catalog,
        after: Catalog,
        source: str,
        samples: Sequence[Sample],
        max_line_bytes: int,
    ):
        self._connection = connection
        self._catalogs = dict(zip(_PARTS, (before, after), strict=True))
        self._name = source
        self._samples = samples
        self._parsed = {
            part: self._parse(part, catalog, max_line_bytes)
            for part, catalog in self._catalogs.items()
        }

    def source_change(self) -> SourceChange:
        before, after = (
            Side(f"events_{part}", [field.name for field in catalog.source(self._name).fields])
            for part, catalog in self._catalogs.items()
        )
        key = ("environment", "raw_file", "raw_line", "raw_hash")
        return SourceChange(
            self._name,
            tuple(sample.day for sample in self._samples),
            self._parsed["before"],
            self._parsed["after"],
            compare_tables(self._connection, before, after, key, "event_time", place_of_record()),
            tuple(self._became()),
        )

    def view_changes(self) -> list[ViewChange]:
        before, after = self._catalogs.values()
        changes: list[ViewChange] = []
        for name in _views_reading(before, after, self._name):
            sides: list[Side] = []
            for part, catalog in self._catalogs.items():
                view = catalog.feature_views[name]
                events = self._templated(part, catalog.source(self._name), view)
                self._connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE units_{part} AS {features_sql(view, events)}"
                )
                sides.append(Side(f"units_{part}", [feature.name for feature in view.features]))
            key = ("environment", "unit", "unit_start")
            place = "environment || ' ' || unit || ' ' || unit_start::VARCHAR"
            change = compare_tables(self._connection, sides[0], sides[1], key, "unit_hash", place)
            if not change.equal or _edited(before.feature_views[name], after.feature_views[name]):
                changes.append(ViewChange(name, change))
        return changes

    def _templated(self, part: str, source: Source, view: FeatureView) -> str:
        """The sample's events, with the sample's own templates where the view reads them."""
        events = f"events_{part}"
        if not reads_templates(source, view):
            return events
        templating = Templating(source.message, mine(self._connection, events, source.message))
        return with_templates(self._connection, events, templating, f"templates_{part}").relation

    def _parse(self, part: str, catalog: Catalog, max_line_bytes: int) -> Parsed:
        """The sample as events_… and rejects_…: every day by itself, as the platform does it."""
        lines = events = skipped = 0
        rejects: Counter[str] = Counter()
        source: Source = catalog.source(self._name)
        for number, sample in enumerate(self._samples):
            files = [_in_zone(file, catalog) for file in sample.files]
            parsed = parse_files(self._connection, source, files, sample.day, max_line_bytes)
            lines, events = lines + parsed.lines, events + parsed.events
            skipped += parsed.skipped
            rejects.update(parsed.rejects)
            for table in ("events", "rejects"):
                target = identifier(f"{table}_{part}")
                make = (
                    f"INSERT INTO {target}"
                    if number
                    else f"CREATE OR REPLACE TEMP TABLE {target} AS"
                )
                self._connection.execute(f"{make} SELECT * FROM {table}")
        return Parsed(lines, events, skipped, dict(rejects))

    def _became(self) -> list[Became]:
        """Lines that are events for one and not for the other."""
        states = "".join(
            f"""{part} AS (
                SELECT raw_file, raw_line,
                       CASE WHEN bool_or(rejected) THEN 'reject' ELSE 'event' END AS state,
                       max(reason) AS reason, any_value(raw) AS raw
                FROM (SELECT raw_file, raw_line, false AS rejected, NULL AS reason, NULL AS raw
                      FROM events_{part}
                      UNION ALL SELECT raw_file, raw_line, true, reason, raw FROM rejects_{part})
                GROUP BY ALL
            ), """
            for part in _PARTS
        )
        found = self._connection.execute(
            f"""WITH {states} changed AS (
                    SELECT raw_file, raw_line, coalesce(b.state, 'skipped') AS was,
                           coalesce(a.state, 'skipped') AS is_now,
                           coalesce(a.reason, b.reason, '') AS reason,
                           coalesce(a.raw, b.raw, '') AS raw
                    FROM before b FULL JOIN after a USING (raw_file, raw_line)
                    WHERE was <> is_now OR a.reason IS DISTINCT FROM b.reason
                )
                SELECT was, is_now, count(*), min(raw_file || ':' || raw_line), reason,
                       left(arg_min(raw, raw_line), 200)
                FROM changed GROUP BY was, is_now, reason
                ORDER BY count(*) DESC, was, is_now, reason"""
        ).fetchall()
        return [Became(*row) for row in found]


def _retrainings(
    after: Catalog, found: Sequence[Rerun], views: Sequence[ViewChange]
) -> list[Retraining]:
    values = {view.view: view.units for view in views}
    retrainings: list[Retraining] = []
    for rerun in found:
        layer, _, name = rerun.asset.partition("/")
        if layer != "model":
            continue
        detector = after.detectors[name]
        view = after.view_of(after.golden_datasets[detector.golden_dataset]).name
        used = {view: detector.features, **{slow.view: slow.features for slow in detector.slow}}
        changed = None
        if values.keys() & used:
            differing = {(v, column.column) for v in values for column in values[v].changed}
            changed = tuple(
                feature if v == view else slow_name(v, feature)
                for v, features in used.items()
                for feature in features
                if (v, feature) in differing
            )
        retrainings.append(Retraining(name, rerun.certain, rerun.cause, changed))
    return retrainings


def _views_to_compare(before: Catalog, after: Catalog, source: str) -> list[str]:
    return [
        name
        for name in _views_reading(before, after, source)
        if _edited(before.feature_views[name], after.feature_views[name])
    ]


def _views_reading(before: Catalog, after: Catalog, source: str) -> list[str]:
    return [
        name
        for name, view in after.feature_views.items()
        if view.source == source
        and name in before.feature_views
        and before.feature_views[name].source == source
    ]


def _edited(before: FeatureView, after: FeatureView) -> bool:
    return view_hash(before) != view_hash(after)


def _zones(catalog: Catalog, source: str) -> dict[str, str]:
    return {
        name: environment.time_zone
        for name, environment in catalog.environments.items()
        if source in environment.sources
    }


def _in_zone(file: RawFile, catalog: Catalog) -> RawFile:
    environment = catalog.environments.get(file.environment)
    zone = environment.time_zone if environment else ""
    return RawFile(file.path, file.environment, file.name, zone or "UTC")
