"""What is wrong with the drift policy and the cadence of a detector (pure)."""

from collections.abc import Iterator

from whetstone.catalog.catalog_pb2 import Action, Cadence, Detector, DriftPolicy, Signal
from whetstone.catalog.sandbox import time_zones
from whetstone.catalog.units import seconds_of

Found = Iterator[tuple[str, str]]

MOST_DAYS = 30
"""Days in a row that a rule of a drift policy may ask for."""
_FIELDS_OF_CRON = 5


def retraining_problems(detector: Detector) -> Found:
    """What is wrong with `drift` and `cadence`, each problem with its field."""
    yield from _drift_problems(detector.drift)
    if detector.HasField("cadence"):
        yield from _cadence_problems(detector.cadence)


def _drift_problems(policy: DriftPolicy) -> Found:
    seen: set[tuple[int, int]] = set()
    for number, rule in enumerate(policy.rules):
        path = f"drift.rules[{number}]"
        if not rule.signal:
            yield f"{path}.signal", f"write one of {', '.join(Signal.keys()[1:])}"
        if not rule.action:
            yield f"{path}.action", f"write one of {', '.join(Action.keys()[1:])}"
        if not 1 <= rule.days <= MOST_DAYS:
            yield f"{path}.days", f"{rule.days}: write days in a row from 1 to {MOST_DAYS}"
        if rule.signal and rule.action and (rule.signal, rule.action) in seen:
            both = f"{Signal.Name(rule.signal)} and {Action.Name(rule.action)}"
            yield path, f"{both} stand in a rule already: one of them would decide nothing"
        seen.add((rule.signal, rule.action))


def _cadence_problems(cadence: Cadence) -> Found:
    zone = cadence.time_zone
    if zone and zone not in time_zones():
        what = f"{zone!r} is no IANA name; write UTC or one such as Europe/Oslo"
        yield "cadence.time_zone", what
        return
    if not cadence.cron:
        yield "cadence.cron", 'write a cron expression such as "0 3 * * 2", or leave cadence out'
        return
    if cadence.jitter and not seconds_of(cadence.jitter):
        yield "cadence.jitter", f'{cadence.jitter!r} is no duration; write one such as "6h"'
        return
    from cronsim import CronSimError  # a catalog without cadences does without it

    from whetstone.retraining.cadence import shortest_period

    if len(cadence.cron.split()) != _FIELDS_OF_CRON:
        yield "cadence.cron", f"{cadence.cron!r}: write five fields, such as 0 3 * * 2"
        return
    try:
        period = shortest_period(cadence.cron)
    except CronSimError as error:
        yield "cadence.cron", f"{cadence.cron!r}: {error}"
        return
    if period is None:
        yield "cadence.cron", f"{cadence.cron!r} never comes"
    elif (seconds_of(cadence.jitter) or 0) > period.total_seconds():
        what = f"{cadence.jitter} is longer than the {period} between two starts"
        yield "cadence.jitter", f"{what}: they would overtake one another"
