"""Layer `quality`: is the detector still good at what it is for?"""

from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow.parquet as pq

from assets.evidence import SERIES, gather
from assets.factory import Factory, Look, Made, Work
from assets.reporting import bullets, link
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.lake import version_of

if TYPE_CHECKING:
    from monitoring.quality import QualityResult

CANARIES, SIGHT, FLOOR = "canaries_found", "sees_its_traffic", "quality_floor"
_CHECKS = {
    CANARIES: "The model in service finds every planted attack of its golden dataset.",
    SIGHT: "At most a fifth of the newest day's traffic could not be seen.",
    FLOOR: "Not bad: canaries, sight, core recall and precision by verdicts hold.",
}


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """One asset a detector."""
    return [_quality(factory, detector) for detector in factory.catalog.detectors.values()]


def _quality(factory: Factory, detector: Detector) -> dg.AssetsDefinition:
    settings = factory.settings
    asset = f"quality/{detector.name}"
    key = dg.AssetKey(asset.split("/"))

    def make(work: Work) -> Made:
        from monitoring.quality import facts_of, quality, render_quality
        from monitoring.quality.estimate_series import to_table

        gathered = gather(factory, work, detector)
        result = quality(detector.name, gathered.model_version, gathered.evidence, gathered.at)
        rendered = render_quality(result, settings.reports / detector.name, settings.workspace)
        facts = {**facts_of(result), "report": str(rendered.html.relative_to(settings.home))}
        series = to_table(each.estimate for each in result.series)
        with work.stores.lake.stage(work.place) as staged:
            pq.write_table(series, staged.path(SERIES))
            manifest = work.commit(staged, version_of(facts), result.alerts, facts)
        return Made(
            manifest,
            {
                **_numbers(result),
                "verdict": result.verdict,
                "reasons": bullets(result.reasons),
                "report": link(settings, rendered.html),
                "dashboard": dg.MetadataValue.url(settings.dashboards_url),
            },
            checks=_checks(key, result),
        )

    return factory.asset(
        asset,
        Look(
            description=f"How good {detector.display_name} is: what analysts said of its alerts,"
            " held-out and planted attacks, precision without labels, and what it could not see.",
            kinds=frozenset({"evidently", "html"}),
            owners=detector.owners,
            tags=dict(detector.tags),
        ),
        make,
        checks=[
            dg.AssetCheckSpec(name, asset=key, description=description)
            for name, description in _CHECKS.items()
        ],
    )


def _numbers(result: "QualityResult") -> dict[str, Any]:
    best = result.best_estimate
    took = result.time_to_detect
    numbers = {
        "precision_from_verdicts": result.precision.value,
        "estimated_precision": best[1].value if best else None,
        "core_recall": result.core_recall.value,
        "canaries": len(result.canaries),
        "canaries_missed": len(result.missed_canaries),
        "blind_share": result.blind_share,
        "labelled_share": result.labelled_share.value,
        "alerts": result.alerts,
        "alerts_per_day": result.alerts_per_day,
        "seconds_to_detect": took[0].median_seconds if took else None,
    }
    return {name: value for name, value in numbers.items() if value is not None}


def _checks(key: dg.AssetKey, result: "QualityResult") -> list[dg.AssetCheckResult]:
    from monitoring.quality.verdict import MOST_BLIND

    scores = {each.name: each.to_dict() for each in result.canaries}
    unseen = {
        part.environment: {name: vars(loss) for name, loss in part.losses.items()}
        for part in result.blindness
        if part.day == result.blindness[0].day
    }
    return [
        dg.AssetCheckResult(
            asset_key=key,
            check_name=CANARIES,
            passed=not result.missed_canaries,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={
                "planted": len(result.canaries),
                "missed": ", ".join(result.missed_canaries) or "none",
                "canaries": dg.MetadataValue.json(scores),
            },
        ),
        dg.AssetCheckResult(
            asset_key=key,
            check_name=SIGHT,
            passed=result.blind_share is None or result.blind_share <= MOST_BLIND,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "blind_share": "not known" if result.blind_share is None else result.blind_share,
                "environments": dg.MetadataValue.json(unseen),
            },
        ),
        dg.AssetCheckResult(
            asset_key=key,
            check_name=FLOOR,
            passed=result.verdict != "bad",
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"reasons": bullets(result.reasons), **_numbers(result)},
        ),
    ]
