"""Owners are told: a sensor looks at what stands, notes what is new or over, and sends it."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from assets.automation import active_keys
from assets.factory import Factory
from triage.outbox import Delivery, Outbox, Standing
from whetstone.lake import Lake
from whetstone.ledger import LakeLedger
from whetstone.settings import Settings

if TYPE_CHECKING:
    from monitoring.notices import Condition

EVERY_SECONDS = 60
_LOOKED_BACK = timedelta(days=7)
_MOST_RUNS = 100
# A look ends in time for the next one; what is left is sent then.
_MOST_SECONDS = 30.0


def sensor(factory: Factory) -> dg.SensorDefinition:
    """The sensor that tells owners; it says so where nobody has an address."""

    @dg.sensor(
        name="notify_owners",
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells owners of drift, bad quality, missed canaries, refused challengers,"
        " blindness and failures, once each, and when it is over. Addresses: WHETSTONE_NOTIFY.",
    )
    def notify_owners(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if not any(factory.settings.notify.values()):
            return dg.SkipReason("no addresses: set WHETSTONE_NOTIFY")
        now = datetime.now(UTC)
        with closing(Outbox(factory.settings.case_store)) as outbox:
            recorded = outbox.record(standing(factory, context.instance, now), now)
            sent, failed = deliver(outbox, factory.settings, now)
        if failed:
            context.log.warning(f"{failed} notices could not be sent; they are tried again")
        return dg.SkipReason(
            f"{recorded.began} began, {recorded.ended} over; {sent} sent, {failed} failed"
        )

    return notify_owners


def standing(factory: Factory, instance: dg.DagsterInstance, now: datetime) -> list[Standing]:
    """All that owners should know at this moment, with the addresses that are told."""
    from monitoring.notices import Condition, addresses, conditions
    from monitoring.overview.facts import read_overview

    settings = factory.settings
    # Each detector's newest reports say how it stands; the days before are for the eye.
    overview = read_overview(factory.catalog, settings, now=now, shown=1)
    found: list[Condition] = [
        *conditions(overview, settings.reports_url),
        *_pages(factory, now),
        *_failures(factory, instance, now),
    ]
    return [
        Standing(c.subject, c.kind, c.text, c.link, addresses(c.owners, settings.notify))
        for c in found
    ]


def deliver(outbox: Outbox, settings: Settings, now: datetime) -> tuple[int, int]:
    """Send what is due; returns how many notices were sent, and how many could not be."""
    from monitoring.notices import Notice, messages
    from monitoring.sending import send

    began, sent, failed = monotonic(), 0, 0
    by_address: dict[str, list[Delivery]] = {}
    for delivery in outbox.due(now):
        by_address.setdefault(delivery.address, []).append(delivery)
    for address, waiting in by_address.items():
        url = _url_of(address, settings)
        if url is None:
            outbox.drop(waiting)
            continue
        of_notice = {Notice(d.subject, d.kind, d.text, d.link, d.over): d for d in waiting}
        for message, told in messages(list(of_notice)):
            deliveries = [of_notice[notice] for notice in told]
            if monotonic() - began < _MOST_SECONDS and send(url, message):
                outbox.sent(deliveries)
                sent += len(deliveries)
            else:
                outbox.failed(deliveries, now)
                failed += len(deliveries)
    return sent, failed


def _url_of(address: str, settings: Settings) -> str | None:
    owner, _, place = address.rpartition("#")
    urls = settings.notify.get(owner, [])
    return urls[int(place)].get_secret_value() if int(place) < len(urls) else None


def _pages(factory: Factory, now: datetime) -> "Iterator[Condition]":
    """What a detector's drift policy wants its owners to know."""
    from assets.retraining import decisions
    from monitoring.notices import Condition
    from whetstone.catalog.catalog_pb2 import Action

    for decision in decisions(factory, Lake(factory.settings.lake), now):
        if decision.action == Action.PAGE:
            owners = factory.catalog.detectors[decision.detector].owners
            kind = f"drift policy ({decision.signal})"
            yield Condition(decision.detector, kind, decision.reason, list(owners))


def _failures(
    factory: Factory, instance: dg.DagsterInstance, now: datetime
) -> "Iterator[Condition]":
    """Assets that failed lately and have not been made since."""
    from monitoring.notices import Condition

    ledger = LakeLedger(Lake(factory.settings.lake))
    failed = RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=now - _LOOKED_BACK)
    keys = active_keys(instance.get_runs(failed, limit=_MOST_RUNS))
    stories: dict[str, str] = {}
    for asset, day in sorted(keys, key=str):
        node = factory.graph.nodes.get(asset)
        if node is None or node.daily != (day is not None):
            continue
        attempt = ledger.attempt(asset, day)
        if attempt is not None and attempt.error:
            stories[asset] = f"{attempt.error} (day {day})" if day else attempt.error
    for asset, story in stories.items():
        yield Condition(asset, "failure", story, _owners(factory, asset))


def _owners(factory: Factory, asset: str) -> list[str]:
    catalog, name = factory.catalog, asset.partition("/")[2]
    rooms = (catalog.detectors, catalog.golden_datasets, catalog.feature_views, catalog.sources)
    named: Iterable[str] = next((room[name].owners for room in rooms if name in room), ())
    return list(named)
