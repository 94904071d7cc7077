"""Layers `drift` and `quality`: is the detector still sharp?"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from assets.factory import Factory, Look, Made, Work
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.catalog.slow import feature_names
from whetstone.engine import open_engine
from whetstone.lake import Place, version_of
from whetstone.lineage import ALERTS
from whetstone.sql import literal


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """Two assets a detector: its drift by day, and its quality."""
    return [
        asset
        for detector in factory.catalog.detectors.values()
        for asset in (_drift(factory, detector), _quality(factory, detector))
    ]


def _drift(factory: Factory, detector: Detector) -> dg.AssetsDefinition:
    settings = factory.settings
    asset = f"drift/{detector.name}"
    key = dg.AssetKey(asset.split("/"))

    def make(work: Work) -> Made:
        from monitoring.drift import drift, render_drift

        lake = work.stores.lake
        reference = pq.read_table(lake.part(Place("release", detector.name)))
        current = pq.read_table(lake.part(Place("scores", detector.name, work.day)))
        features = feature_names(detector)
        result = drift(detector.name, work.day, reference, current, features)
        rendered = render_drift(
            result, reference, current, settings.reports / detector.name, settings.workspace
        )
        facts = {
            "verdict": result.verdict,
            "reasons": list(result.reasons),
            "share_drifted": result.share_drifted,
            "score_psi": result.scores.psi.value,
            "alert_rate": result.scores.alert_rate.current,
            "report": str(rendered.html.relative_to(settings.home)),
        }
        with lake.stage(work.place) as staged:
            manifest = work.commit(staged, version_of(facts), current.num_rows, facts)
        numbers = {
            name: float(facts[name])
            for name in ("share_drifted", "score_psi", "alert_rate")
            if facts[name] is not None
        }
        return Made(
            manifest,
            {
                **numbers,
                "verdict": result.verdict,
                "reasons": dg.MetadataValue.md(_bullets(result.reasons)),
                "report": _link(settings.reports_url, settings.reports, rendered.html),
                "dashboard": dg.MetadataValue.url(settings.dashboards_url),
            },
            checks=[
                dg.AssetCheckResult(
                    asset_key=key,
                    check_name="no_drift",
                    passed=result.verdict != "drift",
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={
                        "day": work.day,
                        "reasons": dg.MetadataValue.md(_bullets(result.reasons)),
                        **numbers,
                    },
                )
            ],
        )

    return factory.asset(
        asset,
        Look(
            description=f"Has the day moved away from what {detector.display_name} was trained on?"
            " Features, scores and alert rate against the golden reference.",
            kinds=frozenset({"evidently", "html"}),
            owners=detector.owners,
            tags=dict(detector.tags),
        ),
        make,
        checks=[
            dg.AssetCheckSpec(
                "no_drift", asset=key, description="The day looks like the training data."
            )
        ],
    )


def _quality(factory: Factory, detector: Detector) -> dg.AssetsDefinition:
    settings = factory.settings

    def make(work: Work) -> Made:
        from monitoring.quality import quality, render_quality

        lake = work.stores.lake
        evaluation = lake.manifest(Place("evaluation", detector.name))
        release = lake.manifest(Place("release", detector.name))
        assert evaluation is not None, "the plan makes it first"
        facts = evaluation.facts
        result = quality(
            detector.name,
            release.version if release else facts["challenger"],
            {**facts["metrics"]["test"], "baselines": facts["baselines"]},
            _verdicts(work, detector.name),
            _alerts(work, detector.name),
        )
        rendered = render_quality(result, settings.reports / detector.name, settings.workspace)
        shown: dict[str, Any] = {
            "verdict": result.verdict,
            "precision_from_verdicts": result.precision.value,
            "labelled_share": result.labelled_share.value,
            "alerts": result.alerts,
            "report": str(rendered.html.relative_to(settings.home)),
        }
        with lake.stage(work.place) as staged:
            manifest = work.commit(staged, version_of(shown), result.alerts, shown)
        return Made(
            manifest,
            {
                **{name: value for name, value in shown.items() if value is not None},
                "reasons": dg.MetadataValue.md(_bullets(result.reasons)),
                "report": _link(settings.reports_url, settings.reports, rendered.html),
                "dashboard": dg.MetadataValue.url(settings.dashboards_url),
            },
        )

    return factory.asset(
        f"quality/{detector.name}",
        Look(
            description=f"How good {detector.display_name} is: held-out examples beside baselines,"
            " and what analysts said of its alerts.",
            kinds=frozenset({"evidently", "html"}),
            owners=detector.owners,
            tags=dict(detector.tags),
        ),
        make,
    )


def _verdicts(work: Work, detector: str) -> pa.Table:
    with work.stores.cases.open() as cases:
        rows = [
            {
                "alert_id": verdict.alert_id,
                "verdict": str(verdict.value),
                "by": verdict.by,
                "at": verdict.at,
                "environment": alert.environment,
                "event_timestamp": alert.event_timestamp,
            }
            for verdict in cases.verdicts(detector)
            for alert in (cases.alert(verdict.alert_id),)
        ]
    names = ("alert_id", "verdict", "by", "at", "environment", "event_timestamp")
    schema = pa.schema(
        [(n, pa.timestamp("us") if n in ("at", "event_timestamp") else pa.string()) for n in names]
    )
    return pa.Table.from_pylist(rows, schema)


def _alerts(work: Work, detector: str) -> pa.Table:
    lake = work.stores.lake
    glob = lake.glob(*ALERTS.split("/"))
    with open_engine(lake.root) as connection:
        return connection.sql(
            f"SELECT alert_id, environment, event_timestamp FROM read_parquet({literal(glob)})"
            f" WHERE detector = {literal(detector)}"
        ).to_arrow_table()


def _link(url: str, reports: Path, html: Path) -> dg.UrlMetadataValue:
    return dg.MetadataValue.url(f"{url}/{html.relative_to(reports)}")


def _bullets(reasons: Iterable[str]) -> str:
    return "\n".join(f"- {reason}" for reason in reasons) or "nothing stands out"
