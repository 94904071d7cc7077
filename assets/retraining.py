"""What calls for a retraining, and what keeps it back.

The sensor keeps no state: what was called for stands in the case store's table `triggers`, which
the models follow, so that a look that is repeated calls for nothing twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg

from assets.factory import Factory
from resources.stores import CaseStoreResource, LakeResource
from triage import CaseStore
from triage.triggers import Trigger, TriggerKind
from whetstone.catalog.catalog_pb2 import Action, Detector
from whetstone.errors import InputError
from whetstone.lake import Lake, Place
from whetstone.ledger import LakeLedger
from whetstone.retraining.budget import left_today
from whetstone.retraining.cadence import due_start, next_start
from whetstone.retraining.calendar import freeze_at
from whetstone.retraining.history import drift_history
from whetstone.retraining.holds import holds
from whetstone.retraining.policy import Decision, decide
from whetstone.versions import Key

_SHOWN = 5
_EARLIER = 200


@dataclass(frozen=True)
class Standing:
    """What keeps models and releases as they are, and how many models may be made anew today.

    Attributes:
        holds: assets that are not made anew for now, with the reason.
        left: None: any number.
        freeze: the change freeze that lasts; empty: none.
    """

    holds: Mapping[str, str]
    left: int | None
    freeze: str


def sensor(factory: Factory) -> dg.SensorDefinition:
    """The sensor that calls for retrainings; what it calls for, `keep_up_to_date` starts."""

    @dg.sensor(
        name="retrain_on_drift_and_cadence",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Calls for retrainings: drift that persists, the cadence of each detector.",
    )
    def retrain_on_drift_and_cadence(
        context: dg.SensorEvaluationContext, lake: LakeResource, cases: CaseStoreResource
    ) -> dg.SkipReason:
        now = datetime.now(UTC)
        with cases.open() as store:
            called = store.add_triggers(calls(factory, lake.open(), store, now))
        for trigger in called:
            context.log.info(f"{trigger.detector} is to be retrained: {trigger.reason}")
        return dg.SkipReason(_in_words(factory, called, now))

    return retrain_on_drift_and_cadence


def calls(factory: Factory, lake: Lake, cases: CaseStore, now: datetime) -> list[Trigger]:
    """What calls for a retraining at this moment, as far as it is not among the triggers."""
    return [*_drift_calls(factory, lake, cases, now), *_cadence_calls(factory, lake, now)]


def decisions(factory: Factory, lake: Lake, now: datetime) -> list[Decision]:
    """What the drift policies of all detectors call for; of retrainings earlier ones as well."""
    return [
        decision
        for detector in factory.catalog.detectors.values()
        for decision in _decided(detector, lake, now.astimezone(UTC).date())
    ]


def standing(
    factory: Factory,
    lake: Lake,
    cases: CaseStore,
    now: datetime,
    active: frozenset[Key] = frozenset(),
) -> Standing:
    """What keeps retrainings back at this moment; `active` is being made already."""
    settings = factory.settings
    names = list(factory.catalog.detectors)
    pauses = {pause.detector: pause.story for pause in cases.pauses(now)}
    freeze = _freeze(factory, now)
    held = holds(names, pauses, freeze, decisions(factory, lake, now))
    if not settings.retrainings_a_day:
        return Standing(held, None, freeze)
    ledger, today = LakeLedger(lake), now.astimezone(UTC).date().isoformat()
    made = {name: made for name in names if (made := ledger.made(f"model/{name}", None))}
    again = sum((f"model/{name}", None) in active for name in made)
    of_today = [
        manifest.facts
        for name, model in made.items()
        if model.made_at >= today and (manifest := lake.manifest(Place("model", name)))
    ]
    return Standing(held, left_today(settings.retrainings_a_day, of_today, again, now), freeze)


def next_starts(factory: Factory, now: datetime) -> dict[str, datetime]:
    """When the cadence retrains detectors next, the soonest first."""
    found = {
        name: start
        for name, detector in factory.catalog.detectors.items()
        if (start := next_start(detector.cadence, name, now))
    }
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _freeze(factory: Factory, now: datetime) -> str:
    if factory.settings.calendar is None:
        return ""
    try:
        freeze = freeze_at(factory.settings.calendar, now)
    except InputError as error:
        # Whether something is frozen is not known, so it is.
        return str(error)
    return freeze.story if freeze else ""


def _decided(
    detector: Detector,
    lake: Lake,
    today: date,
    retrained_for: Mapping[str, list[date]] | None = None,
) -> list[Decision]:
    if not detector.drift.rules:
        return []
    return decide(detector, drift_history(lake, detector.name, today), today, retrained_for)


def _drift_calls(
    factory: Factory, lake: Lake, cases: CaseStore, now: datetime
) -> Iterable[Trigger]:
    wanted = [each for each in decisions(factory, lake, now) if each.action == Action.RETRAIN]
    for name in dict.fromkeys(decision.detector for decision in wanted):
        earlier: dict[str, list[date]] = {}
        for trigger in cases.triggers(name, limit=_EARLIER):
            if trigger.kind is TriggerKind.DRIFT and trigger.day:
                signal = trigger.trigger_id.split(":")[2]
                earlier.setdefault(signal, []).append(trigger.day)
        detector = factory.catalog.detector(name)
        for decision in _decided(detector, lake, now.astimezone(UTC).date(), earlier):
            if decision.action == Action.RETRAIN:
                again = f":{decision.day}" if earlier.get(decision.signal) else ""
                yield Trigger(
                    f"{decision.key}{again}",
                    name,
                    TriggerKind.DRIFT,
                    decision.reason,
                    "drift policy",
                    now,
                    decision.day,
                )


def _cadence_calls(factory: Factory, lake: Lake, now: datetime) -> Iterable[Trigger]:
    ledger = LakeLedger(lake)
    for name, detector in factory.catalog.detectors.items():
        if not detector.cadence.cron:
            continue
        made = ledger.made(f"model/{name}", None)
        made_at = datetime.fromisoformat(made.made_at) if made else None
        if start := due_start(detector.cadence, name, now, made_at):
            yield Trigger(
                f"cadence:{name}:{start:%Y-%m-%dT%H:%M}Z",
                name,
                TriggerKind.CADENCE,
                f"its cadence: {detector.cadence.cron} ({detector.cadence.time_zone or 'UTC'})",
                "cadence",
                now,
                start.date(),
            )


def _in_words(factory: Factory, called: list[Trigger], now: datetime) -> str:
    if called:
        told = [f"{trigger.detector}: {trigger.reason}" for trigger in called[:_SHOWN]]
        more = [f"and {len(called) - _SHOWN} more"] if len(called) > _SHOWN else []
        return f"called for: {'; '.join([*told, *more])}"
    detectors = factory.catalog.detectors.values()
    watched = sum(bool(detector.drift.rules) for detector in detectors)
    upcoming = next_starts(factory, now)
    soon = next(iter(upcoming.items()), None)
    start = f"; next by cadence: {soon[0]} at {soon[1]:%Y-%m-%d %H:%M} UTC" if soon else ""
    return f"nothing calls for a retraining; the drift of {watched} detectors is watched{start}"
