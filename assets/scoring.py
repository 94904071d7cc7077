"""Layers `scores` and `alerts`: the champion on a day's events."""

import math
from dataclasses import replace
from datetime import date

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.columns import unit_schema
from assets.factory import Factory, Look, Made, Work
from triage import Alert
from triage.learning import NEAR, Probes, Slices, probes_among
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.catalog.validation import entity_columns
from whetstone.engine import open_engine
from whetstone.lake import Lake, Place
from whetstone.lineage import ALERTS
from whetstone.scoring.alerts import MOST_TEXT, alert_id, explanation
from whetstone.scoring.history import lake_history
from whetstone.scoring.run import BundleScorer, alerts_of, nearest_below
from whetstone.sql import literal
from whetstone.unit_events import evidence_of

_SHOWN = 10
_RAREST = ("alert", "detector", "environment", "unit", "a day", "why")


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """One asset of scores a detector, and the alerts of all."""
    detectors = factory.catalog.detectors.values()
    return [*(_scores(factory, detector) for detector in detectors), _alerts(factory)]


def _scores(factory: Factory, detector: Detector) -> dg.AssetsDefinition:
    catalog = factory.catalog
    dataset = catalog.golden_datasets[detector.golden_dataset]
    source = catalog.source_of(dataset)
    serviced = [e.name for e in catalog.environments.values() if detector.name in e.detectors]

    def make(work: Work) -> Made:
        lake = work.stores.lake
        scorer = BundleScorer(work.stores.releases.open().load(detector.name))
        events = lake.part(Place("parsed", source.name, work.day))
        names = ", ".join(literal(name) for name in serviced) or "NULL"
        relation = (
            f"(SELECT * FROM read_parquet({literal(str(events))}) WHERE environment IN ({names}))"
        )
        with open_engine(lake.root) as connection, lake.stage(work.place) as staged:
            views = catalog.feature_views
            history = lake_history(connection, lake, views, scorer.slow, work.day)
            scored = scorer.score_events(connection, relation, history)
            connection.register("scored", scored)
            connection.execute("CREATE TEMP TABLE scores AS FROM scored")
            content = staged.write(connection, "scores")
            alerts = alerts_of(scored).num_rows
            expected = _expected_alerts(scorer, content.rows)
            facts = {"model_version": scorer.version, "alerts": alerts, **expected}
            manifest = work.commit(staged, content.version, content.rows, facts)
        return Made(
            manifest,
            {
                "dagster/row_count": content.rows,
                "alerts": alerts,
                "alert_rate": alerts / content.rows if content.rows else 0.0,
                **expected,
                "model_version": scorer.version,
            },
        )

    return factory.asset(
        f"scores/{detector.name}",
        Look(
            description=f"Every unit of the day as the champion of {detector.display_name} scores"
            " it. Days that have passed keep the scores of the champion of their time.",
            kinds=frozenset({"duckdb", "onnx"}),
            owners=detector.owners,
            tags=dict(detector.tags),
            columns=[
                *unit_schema(catalog.view_of(dataset)),
                dg.TableColumn("score", "DOUBLE", description="Higher is worse"),
                dg.TableColumn("threshold", "DOUBLE", description="From it on, an alert"),
                dg.TableColumn("is_alert", "BOOLEAN"),
                dg.TableColumn("model_version", "VARCHAR"),
            ],
        ),
        make,
    )


def _alerts(factory: Factory) -> dg.AssetsDefinition:
    def make(work: Work) -> Made:
        lake = work.stores.lake
        releases = work.stores.releases.open()
        counts: dict[str, int] = {}
        found: list[Alert] = []
        earlier: list[str] = []
        day = date.fromisoformat(work.day)
        with work.stores.cases.open() as cases:
            cases.weigh(factory.catalog.environments)
            for detector in factory.catalog.detectors.values():
                place = Place("scores", detector.name, work.day)
                made = lake.manifest(place)
                if made is None:
                    continue
                if made.expired_at:  # its alerts stand: what they were found in is gone
                    earlier.append(detector.name)
                    continue
                bundle = releases.load(detector.name, made.facts["model_version"])
                scorer, rows = BundleScorer(bundle), pq.read_table(lake.part(place))
                fired = alerts_of(rows)
                alerts = alerts_from(scorer, fired, made.rows)
                alerts = _with_events(lake, work.day, scorer, fired, alerts)
                cases.replace_alerts(day, detector.name, alerts)
                near = alerts_from(scorer, nearest_below(rows, NEAR), made.rows)
                Probes(cases.database).register(day, detector.name, probes_among(near))
                counts[detector.name] = len(alerts)
                found += alerts
            Slices(cases.database).draw(day)
        with open_engine(lake.root) as connection, lake.stage(work.place) as staged:
            known = _known_alerts(lake, work.place, earlier)
            connection.register("found", pa.concat_tables([_table(found), known]))
            connection.execute("CREATE TEMP TABLE alerts AS FROM found")
            content = staged.write(connection, "alerts")
            manifest = work.commit(staged, content.version, content.rows, counts)
        return Made(
            manifest,
            {
                "dagster/row_count": content.rows,
                "by_detector": dg.MetadataValue.json(counts),
                "rarest": _rarest(found),
            },
        )

    return factory.asset(
        ALERTS,
        Look(
            description="Alerts of the day, with the features that weigh most; analysts judge them"
            " in triage and with `whetstone verdict`.",
            kinds=frozenset({"duckdb", "parquet"}),
            columns=[dg.TableColumn(field.name, str(field.type)) for field in _SCHEMA],
        ),
        make,
    )


_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("alert_id", "detector", "model_version")),
        *((name, pa.string()) for name in ("environment", "source", "unit")),
        *((name, pa.timestamp("us")) for name in ("unit_start", "event_timestamp")),
        *((name, pa.float64()) for name in ("score", "threshold", "per_day")),
    ]
)


def _known_alerts(lake: Lake, place: Place, detectors: list[str]) -> pa.Table:
    """What the day's alerts of some detectors are by now."""
    made = lake.manifest(place) if detectors else None
    if made is None or made.expired_at:
        return _SCHEMA.empty_table()
    known = pq.ParquetFile(lake.part(place)).read(_SCHEMA.names).cast(_SCHEMA)
    return known.filter(pc.field("detector").isin(detectors))


def _expected_alerts(scorer: BundleScorer, units: int) -> dict[str, float]:
    """False alerts to expect on a day with so many units; nothing without a calibration."""
    if scorer.calibration is None:
        return {}
    expected = scorer.calibration.a_day(scorer.bundle.threshold, units)
    return {
        "expected_false_alerts": expected.value,
        "expected_false_alerts_low": expected.low,
        "expected_false_alerts_high": expected.high,
    }


def alerts_from(scorer: BundleScorer, rows: pa.Table, units: int) -> list[Alert]:
    """Alerts with explanations from scored rows that are alerts, of a day with so many units."""
    entity = entity_columns(scorer.view)
    explanations = scorer.explain(rows)
    calibration = scorer.calibration
    per_day: list[float | None] = [None] * rows.num_rows
    if calibration is not None:
        per_day = calibration.many_a_day(rows["score"].to_numpy(), units).tolist()
    return [
        Alert(
            alert_id=alert_id(scorer.view, scorer.detector.name, row),
            detector=scorer.detector.name,
            model_version=row["model_version"],
            environment=row["environment"],
            source=scorer.source.name,
            unit=row["unit"],
            entity={name: str(row[name]) for name in entity},
            unit_start=row["unit_start"],
            event_timestamp=row["event_timestamp"],
            score=row["score"],
            threshold=row["threshold"],
            explanation=explanation(why),
            per_day=rarity,
        )
        for row, why, rarity in zip(rows.to_pylist(), explanations, per_day, strict=True)
    ]


def _with_events(
    lake: Lake, day: str, scorer: BundleScorer, rows: pa.Table, alerts: list[Alert]
) -> list[Alert]:
    """The alerts with the number of events of their units, while the day's events are there."""
    if scorer.view.WhichOneof("unit") == "event":
        return [replace(alert, events=1) for alert in alerts]
    place = Place("parsed", scorer.source.name, day)
    parsed = lake.manifest(place)
    if not alerts or parsed is None or parsed.expired_at:
        return alerts
    with open_engine(lake.root) as connection:
        events = f"read_parquet({literal(str(lake.part(place)))})"
        found = evidence_of(connection, events, scorer.view, rows)
    return [replace(a, events=its.events) for a, its in zip(alerts, found, strict=True)]


def _rarest(alerts: list[Alert]) -> dg.TableMetadataValue:
    """The alerts that fewest benign units would raise; a table, in which log text stays text."""
    ranked = sorted(alerts, key=lambda a: (math.inf if a.per_day is None else a.per_day, -a.score))
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "alert": alert.alert_id,
                    "detector": alert.detector,
                    "environment": alert.environment,
                    "unit": alert.unit[:MOST_TEXT],
                    "a day": "" if alert.per_day is None else f"{alert.per_day:.3g}",
                    "why": alert.why(),
                }
            )
            for alert in ranked[:_SHOWN]
        ],
        dg.TableSchema([dg.TableColumn(name) for name in _RAREST]),
    )


def _table(alerts: list[Alert]) -> pa.Table:
    return pa.Table.from_pylist(
        [{name: getattr(alert, name) for name in _SCHEMA.names} for alert in alerts], _SCHEMA
    )
