"""What the platform knows of a detector's quality: gathered for `quality/<detector>`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from assets.factory import Factory, Work
from whetstone.canaries import canaries_found
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.engine import open_engine
from whetstone.lake import Place
from whetstone.lineage import ALERTS
from whetstone.releases import Bundle
from whetstone.scoring.calibration import Expected
from whetstone.scoring.run import BundleScorer

if TYPE_CHECKING:
    from monitoring.quality import Evidence
    from monitoring.quality.blindness import Blindness
    from monitoring.quality.estimate_series import DayEstimate
    from monitoring.quality.figures import Estimate
    from monitoring.quality.label_free import Companion, ScoredDay
    from monitoring.quality.retrainings import Published
    from triage import CaseStore

SERIES = "part.parquet"
FLOOR = 0.05
"""Least precision where the definition names none."""
_JUDGED_DAYS, _KNOWN_DAYS = 7, 21
_MOST = 100_000
_MOMENTS = ("at", "event_timestamp", "unit_start", "raised")


@dataclass(frozen=True)
class Gathered:
    """The evidence, what it is about, and the newest instant of the data."""

    evidence: "Evidence"
    model_version: str
    at: datetime


def gather(factory: Factory, work: Work, detector: Detector) -> Gathered:
    """Everything there is on a detector."""
    from monitoring.quality import Evidence
    from monitoring.quality.label_free import estimated, estimated_by_day, known_by

    lake = work.stores.lake
    evaluation = lake.manifest(Place("evaluation", detector.name))
    assert evaluation is not None, "the plan makes it first"
    release = lake.manifest(Place("release", detector.name))
    bundle = _bundle(work, detector.name, release.version if release else None)
    scorer = None if bundle is None else BundleScorer(bundle)
    version = scorer.version if scorer else evaluation.facts["challenger"]
    scored = _scored(work, detector.name)
    before = _series(work)
    with work.stores.cases.open() as cases:
        alerts, verdicts = _alerts(work, cases, detector.name)
        sampled = _sampled(cases, detector.name)
        shadow = _shadow(cases, detector.name)
        blind, newest = _blindness(factory, work, cases, detector)
    at = _newest(scored, alerts, newest, evaluation.made_at)
    dataset = factory.catalog.golden_datasets[detector.golden_dataset]
    training_set = Place("training_set", detector.name)
    known = known_by(scorer, lake.part(training_set)) if scorer else None
    with open_engine(lake.root) as connection:
        companions = _companions(factory, work, detector) if known and alerts.num_rows else []
        evidence = Evidence(
            evaluation=_measures(evaluation.facts, bundle),
            verdicts=verdicts,
            sampled=sampled,
            alerts=alerts,
            technique=dataset.technique,
            canaries=canaries_found(scorer, dataset, at) if scorer else (),
            classes=known.by_class() if known else {},
            estimated=estimated(connection, scored, version, known, companions),
            series=(*before, *estimated_by_day(connection, scored, version, known, before)),
            blindness=blind,
            published=_published(work, detector.name),
            shadow=shadow,
            gate=evaluation.facts.get("numbers") or {},
            floor=detector.gate.min_precision or FLOOR,
        )
    return Gathered(evidence, version, at)


def _bundle(work: Work, detector: str, version: str | None) -> Bundle | None:
    releases = work.stores.releases.open()
    return None if version is None else releases.load(detector, version)


def _measures(facts: Any, bundle: Bundle | None) -> dict[str, Any]:
    """The test of the model in service: today's, or that of its training if another was tried."""
    version = None if bundle is None else bundle.manifest["version"]
    if bundle is None or version == facts["challenger"]:
        return {**facts["metrics"]["test"], "baselines": facts["baselines"]}
    return dict(bundle.manifest["metrics"])


def _series(work: Work) -> "list[DayEstimate]":
    """The estimates of days as they were made then."""
    from monitoring.quality.estimate_series import from_table

    file = work.stores.lake.directory(work.place) / SERIES
    return from_table(pq.read_table(file)) if file.exists() else []


def _scored(work: Work, detector: str) -> "list[ScoredDay]":
    """The days that were scored and whose rows are there, ascending."""
    from monitoring.quality.label_free import ScoredDay

    lake = work.stores.lake
    found: list[ScoredDay] = []
    for day in lake.days_with_rows("scores", detector)[-_KNOWN_DAYS:]:
        place = Place("scores", detector, day)
        made = lake.manifest(place)
        if made is None:
            continue
        facts = made.facts
        value = facts.get("expected_false_alerts")
        expected = (
            value
            if value is None
            else Expected(
                facts["expected_false_alerts_low"], value, facts["expected_false_alerts_high"]
            )
        )
        file = lake.directory(place) / SERIES
        found.append(ScoredDay(day, file, facts["alerts"], facts["model_version"], expected))
    return found


def _companions(factory: Factory, work: Work, detector: Detector) -> "list[Companion]":
    """Other detectors of the same units that are in service."""
    from monitoring.quality.label_free import Companion, known_by

    lake = work.stores.lake
    found: list[Companion] = []
    for other in factory.catalog.detectors.values():
        release = lake.manifest(Place("release", other.name))
        same = other.golden_dataset == detector.golden_dataset and other.name != detector.name
        if not same or release is None:
            continue
        bundle = _bundle(work, other.name, release.version)
        assert bundle is not None, "it was published"
        training_set = lake.part(Place("training_set", other.name))
        known = known_by(BundleScorer(bundle), training_set)
        files = {each.day: each.file for each in _scored(work, other.name)}
        if known is not None and files:
            found.append(Companion(other.name, files, known))
    return found


def _alerts(work: Work, cases: "CaseStore", detector: str) -> tuple[pa.Table, pa.Table]:
    """Alerts that stand, with when each was raised and by whom; and the verdicts on them."""
    listed = cases.alerts(detector=detector, limit=_MOST)
    known = {each.alert_id: each for each in listed if not each.probe}
    told = cases.raised(detector)
    made = _made(work)
    alerts = [
        {
            "alert_id": alert.alert_id,
            "environment": alert.environment,
            "event_timestamp": alert.event_timestamp,
            "unit_start": alert.unit_start,
            "day": str(alert.day),
            "model_version": alert.model_version,
            "live": alert.status is not None,
            "way": "live" if alert.alert_id in told else "batch",
            "raised": told.get(alert.alert_id, made.get(str(alert.day))),
        }
        for alert in known.values()
        if alert.state != "withdrawn"
    ]
    verdicts = [
        {
            "alert_id": verdict.alert_id,
            "verdict": str(verdict.value),
            "by": verdict.by,
            "at": verdict.at,
            "environment": known[verdict.alert_id].environment,
            "event_timestamp": known[verdict.alert_id].event_timestamp,
        }
        for verdict in cases.verdicts(detector)
        if verdict.alert_id in known
    ]
    return (
        _table(
            alerts,
            *("alert_id", "environment", "event_timestamp", "unit_start"),
            *("day", "model_version", "live", "way", "raised"),
        ),
        _table(verdicts, "alert_id", "verdict", "by", "at", "environment", "event_timestamp"),
    )


def _sampled(cases: "CaseStore", detector: str) -> "Estimate":
    from monitoring.quality.figures import Estimate
    from triage.learning import Slices

    found = Slices(cases.database).precision(detector)
    if found.value is None:
        reason = f"not computable: none of {found.drawn} alerts drawn at random has a verdict"
        return Estimate(None, reason=reason)
    return Estimate(found.value, found.low, found.high)


def _made(work: Work) -> dict[str, datetime]:
    """When the alerts of each day were made last."""
    lake = work.stores.lake
    layer, name = ALERTS.split("/")
    manifests = {day: lake.manifest(Place(layer, name, day)) for day in lake.days(layer, name)}
    return {
        day: datetime.fromisoformat(made.made_at).astimezone(UTC).replace(tzinfo=None)
        for day, made in manifests.items()
        if made is not None and made.made_at
    }


def _shadow(cases: "CaseStore", detector: str) -> list[dict[str, Any]]:
    from triage.incoming import Role, stored_alert

    records = cases.records(Role.CHALLENGER, detector=detector, limit=_MOST)
    alerts = [stored_alert(record) for record in records]
    return [
        {
            "alert_id": alert.alert_id,
            "environment": alert.environment,
            "event_timestamp": alert.event_timestamp,
            "model_version": alert.model_version,
        }
        for alert in alerts
    ]


def _blindness(
    factory: Factory, work: Work, cases: "CaseStore", detector: Detector
) -> "tuple[Sequence[Blindness], str]":
    """What was not seen of the last days, and the newest day of any source."""
    from monitoring.quality.blindness import blindness
    from monitoring.quality.told import told_by
    from monitoring.quality.traffic import traffic_of

    lake, catalog = work.stores.lake, factory.catalog
    source = catalog.source_of(catalog.golden_datasets[detector.golden_dataset]).name
    landed = lake.days_with_rows("parsed", source)[-_KNOWN_DAYS:]
    newest = max((day for name in catalog.sources for day in lake.days("parsed", name)), default="")
    if not landed:
        return (), newest
    rejected = set(lake.days_with_rows("rejects", source))
    serviced = [e.name for e in catalog.environments.values() if detector.name in e.detectors]
    told = [
        each
        for scorer in cases.scorers()
        if (each := told_by(scorer.environment, scorer.heard, scorer.digest, source))
    ]
    with open_engine(lake.root) as connection:
        traffic = traffic_of(
            connection,
            {day: lake.part(Place("parsed", source, day)) for day in landed},
            {day: lake.part(Place("rejects", source, day)) for day in landed if day in rejected},
        )
    judged = [day for day in _days_until(newest) if day >= landed[0]]
    now = datetime.now(UTC).replace(tzinfo=None)
    return blindness(traffic, told, serviced, judged, now), newest


def _days_until(newest: str) -> list[str]:
    last = date.fromisoformat(newest)
    return [(last - timedelta(days)).isoformat() for days in range(_JUDGED_DAYS)]


def _published(work: Work, detector: str) -> "list[Published]":
    from monitoring.quality.retrainings import SHOWN, Published

    releases = work.stores.releases.open()
    return [
        Published(
            release.version,
            datetime.fromisoformat(release.published),
            release.withdrawn is not None,
            releases.load(detector, release.version).manifest.get("metrics") or {},
        )
        for release in releases.history(detector)[-SHOWN:]
    ]


def _newest(scored: "Sequence[ScoredDay]", alerts: pa.Table, landed: str, made_at: str) -> datetime:
    """The last instant of the newest day that was seen; without any, of the evaluation's."""
    days = [*(each.day for each in scored), *alerts["day"].to_pylist(), *([landed] * bool(landed))]
    day = max(days, default=made_at[:10])
    return datetime.fromisoformat(day) + timedelta(days=1) - timedelta(microseconds=1)


def _table(rows: list[dict[str, Any]], *names: str) -> pa.Table:
    kinds = {**dict.fromkeys(_MOMENTS, pa.timestamp("us")), "live": pa.bool_()}
    return pa.Table.from_pylist(rows, pa.schema([(n, kinds.get(n, pa.string())) for n in names]))
