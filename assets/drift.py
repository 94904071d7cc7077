"""Layer `drift`: has a day moved away from the training data, and from the days before it?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from assets.day_alerts import alerts_of_day
from assets.factory import Factory, Look, Made, Work
from assets.reporting import bullets, link
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.catalog.slow import feature_names
from whetstone.column_lineage import FEATURE, FIELD, Column, column_lineage
from whetstone.dictionaries import dictionary_of
from whetstone.errors import NotReadyError
from whetstone.lake import Place, version_of
from whetstone.lineage import TRAILING_DAYS, Input
from whetstone.parsing.templates import TemplateDictionary

if TYPE_CHECKING:
    from monitoring.drift import DriftResult
    from monitoring.sketches import Day

_NUMBERS = ("share_drifted", "score_psi", "alert_rate")


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """One asset a detector."""
    return [_drift(factory, detector) for detector in factory.catalog.detectors.values()]


def _drift(factory: Factory, detector: Detector) -> dg.AssetsDefinition:
    settings = factory.settings
    asset = f"drift/{detector.name}"
    key = dg.AssetKey(asset.split("/"))

    def make(work: Work) -> Made:
        from monitoring.drift import drift, render_drift
        from monitoring.drift.report import Shown
        from monitoring.sketches.files import reference_sketch

        *before, current = _days(factory, detector, work)
        if current.day != work.day:
            raise NotReadyError(f"scores/{detector.name}[{work.day}] do not exist: make them first")
        features = feature_names(detector)
        reference = reference_sketch(
            work.stores.lake, detector.name, features, current.scores.threshold
        )
        dictionary = _dictionary(factory, detector, work)
        result = drift(
            detector.name,
            current,
            reference,
            before,
            features,
            dictionary=dictionary,
            verdicts=_verdicts(work, detector.name),
            lineage=_lineage(factory, detector),
        )
        shown = Shown(
            reference,
            current,
            _examples(factory, detector, work, result, dictionary),
            _alerts(factory, detector, work),
        )
        rendered = render_drift(result, shown, settings.reports / detector.name, settings.workspace)
        facts = {**result.facts(), "report": str(rendered.html.relative_to(settings.home))}
        with work.stores.lake.stage(work.place) as staged:
            manifest = work.commit(staged, version_of(facts), result.rows, facts)
        numbers = {name: float(facts[name]) for name in _NUMBERS if facts[name] is not None}
        return Made(
            manifest,
            {
                **numbers,
                "verdict": result.verdict,
                "reasons": bullets(result.reasons),
                "causes": bullets(_causes(result)),
                "report": link(settings, rendered.html),
                "dashboard": dg.MetadataValue.url(settings.dashboards_url),
            },
            checks=[_check(key, work.day, result, numbers, rendered.html, factory)],
        )

    return factory.asset(
        asset,
        Look(
            description=f"Has the day moved away from what {detector.display_name} was trained on,"
            f" or from the {TRAILING_DAYS} days before? Features, templates, scores, alert rate,"
            " volume, verdicts, with the causes ranked and lines that show them.",
            kinds=frozenset({"evidently", "html"}),
            owners=detector.owners,
            tags=dict(detector.tags),
        ),
        make,
        checks=[
            dg.AssetCheckSpec(
                "no_drift",
                asset=key,
                description="The day looks like the training data and like the days before.",
            )
        ],
    )


def _days(factory: Factory, detector: Detector, work: Work) -> list["Day"]:
    """The day and those before it as far as they exist, ascending; from their sketches."""
    from monitoring.sketches import Day
    from monitoring.sketches.files import events_sketch, scores_sketch

    lake, features = work.stores.lake, feature_names(detector)
    source = factory.catalog.source_of(factory.catalog.golden_datasets[detector.golden_dataset])
    found = list[Day]()
    for day in Input("", days_before=TRAILING_DAYS).days(work.day):
        scores = scores_sketch(lake, detector.name, day, features)
        if scores is not None:
            found.append(Day(day, scores, events_sketch(lake, source, day)))
    return found


def _dictionary(factory: Factory, detector: Detector, work: Work) -> TemplateDictionary | None:
    """The templates that the champion knows, or where it reads none, those of its source."""
    bundle = work.stores.releases.open().load(detector.name)
    if bundle.templates is not None:
        return bundle.templates
    dataset = factory.catalog.golden_datasets[detector.golden_dataset]
    return dictionary_of(work.stores.lake, factory.catalog.source_of(dataset).name)


def _lineage(factory: Factory, detector: Detector) -> Mapping[str, Sequence[str]]:
    """The fields of events that the values of each feature come from."""
    lineage = column_lineage(factory.catalog)
    view = factory.catalog.view_of(factory.catalog.golden_datasets[detector.golden_dataset])
    owners = {name: (view.name, name) for name in detector.features}
    for slow in factory.catalog.slow_of(detector):
        pairs = zip(slow.names, slow.features, strict=True)
        owners |= {name: (slow.view.name, feature) for name, feature in pairs}
    return {
        name: sorted(
            column.name
            for column in lineage.up(Column(FEATURE, owner, feature), rows=False)
            if column.kind == FIELD
        )
        for name, (owner, feature) in owners.items()
    }


def _examples(
    factory: Factory,
    detector: Detector,
    work: Work,
    result: "DriftResult",
    dictionary: TemplateDictionary | None,
) -> list[Any]:
    from monitoring.drift.examples import DayRows

    catalog = factory.catalog
    dataset = catalog.golden_datasets[detector.golden_dataset]
    rows = DayRows(
        lake=work.stores.lake,
        landing=factory.settings.landing,
        source=catalog.source_of(dataset),
        view=catalog.view_of(dataset),
        detector=detector.name,
        day=work.day,
        quotable=frozenset(
            name for name, e in catalog.environments.items() if not e.HasField("privacy")
        ),
        template_of=lambda mask: (dictionary.match(mask) if dictionary else None) or mask,
    )
    return [rows.showing(cause.where) for cause in result.causes]


def _alerts(factory: Factory, detector: Detector, work: Work) -> list[Any]:
    part = work.stores.lake.part(Place("scores", detector.name, work.day))
    alerts = pq.read_table(part, filters=[("is_alert", "==", True)])
    return alerts_of_day(factory, work, detector, alerts)


def _verdicts(work: Work, detector: str) -> pa.Table:
    with work.stores.cases.open() as cases:
        given = [(v.at, str(v.value)) for v in cases.verdicts(detector)]
    at = pa.array([at for at, _ in given], pa.timestamp("us"))
    return pa.table({"at": at, "verdict": pa.array([value for _, value in given], pa.string())})


def _causes(result: "DriftResult") -> list[str]:
    return [
        f"{cause.kind} {cause.what}"
        f"{f' in {cause.environment}' if cause.environment else ''}: {cause.detail}"
        for cause in result.causes
    ]


def _check(
    key: dg.AssetKey,
    day: str,
    result: "DriftResult",
    numbers: Mapping[str, float],
    html: Path,
    factory: Factory,
) -> dg.AssetCheckResult:
    """One check: what each signal says is among its metadata."""
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="no_drift",
        passed=result.verdict != "drift",
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "day": day,
            "reasons": bullets(result.reasons),
            **{f"signal/{name}": signal.verdict for name, signal in result.signals.items()},
            **numbers,
            "report": link(factory.settings, html),
        },
    )
