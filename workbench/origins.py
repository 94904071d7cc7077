"""Who or what changed what people and sensors feed: files, contributions, verdicts, triggers."""

import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from resources.roots import detectors_of
from triage import CaseStore
from triage.judging.judgements import Judgements
from whetstone.catalog import Catalog
from whetstone.contributions import accepted_contributions
from whetstone.quarantine import history
from whetstone.settings import Settings

SHOWN = 5


def origins(
    root: str,
    day: str | None,
    since: datetime | None,
    until: datetime,
    catalog: Catalog,
    settings: Settings,
    cases: CaseStore,
) -> list[str]:
    """What came to a root in a span of time, a line each; of very much the newest.

    Args:
        root: such as `landing/sshd`.
        day: of a root that has days.
        since: UTC; None: from the beginning.
        until: UTC.
        catalog: says which detectors learn from a golden dataset.
        settings: where things lie.
        cases: verdicts and triggers.
    """
    kind, _, name = root.partition("/")
    match kind:
        case "landing":
            found = _landed(settings.landing, name, day or "")
        case "contributions":
            found = _contributed(settings.contributions, name)
        case "verdicts":
            found = (v for d in detectors_of(catalog, name) for v in _verdicts(cases, d))
        case _:
            found = _triggers(cases, name)
    lines = [
        f"{at:%Y-%m-%d %H:%M} {text}"
        for at, text in sorted(found, reverse=True)
        if (since is None or at >= _floor(since, at)) and at <= until
    ]
    more = [f"and {len(lines) - SHOWN} more before"] if len(lines) > SHOWN else []
    return [*lines[:SHOWN], *more]


def _floor(since: datetime, at: datetime) -> datetime:
    """What is recorded to the second may seem to lie before what it follows."""
    return since if at.microsecond else since.replace(microsecond=0)


def _landed(landing: Path, source: str, day: str) -> Iterator[tuple[datetime, str]]:
    for file in landing.glob(f"*/{source}/{day}/*"):
        with suppress(FileNotFoundError):  # somebody took it away this very moment
            landed = file.stat()
            if stat.S_ISREG(landed.st_mode) and not file.name.startswith("."):
                at = datetime.fromtimestamp(landed.st_ctime, UTC)
                yield at, f"{file.name} landed from {file.parts[-4]}"


def _contributed(root: Path, dataset: str) -> Iterator[tuple[datetime, str]]:
    for each in accepted_contributions(root, dataset):
        note = f" ({each.note})" if each.note else ""
        yield (
            datetime.fromisoformat(each.accepted_at),
            f"contribution {each.id} by {each.contributor}: {each.raw_name}{note}",
        )
    for mark in history(root, dataset):
        text = f"{mark.kind} {mark.name} {mark.state} by {mark.by}: {mark.reason}"
        yield datetime.fromisoformat(mark.at), text


def _verdicts(cases: CaseStore, detector: str) -> Iterator[tuple[datetime, str]]:
    for verdict in Judgements(cases.database).of_detector(detector):
        text = f"{verdict.value} by {verdict.by} on alert {verdict.alert_id} of {detector}"
        yield verdict.at.replace(tzinfo=UTC), text
        if verdict.retracted is not None:
            taken = f"{verdict.retracted_by} took back: {text}"
            yield verdict.retracted.replace(tzinfo=UTC), taken


def _triggers(cases: CaseStore, detector: str) -> Iterator[tuple[datetime, str]]:
    for trigger in cases.triggers(detector):
        at = trigger.at.replace(tzinfo=UTC)
        yield at, f"{trigger.kind} by {trigger.by}: {trigger.reason}"
