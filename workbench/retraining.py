"""`whetstone retrain`, `pause` and `resume`, and what `whetstone status` says of retraining."""

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage import CaseStore
from triage.pauses import ALL
from triage.triggers import person_trigger
from whetstone import console
from whetstone.catalog import load_catalog
from whetstone.catalog.catalog_pb2 import Action
from whetstone.cli_options import AsJson
from whetstone.errors import InputError
from whetstone.lake import Lake
from whetstone.settings import settings

if TYPE_CHECKING:
    from assets.factory import Factory

_SHOWN = 10
By = Annotated[str, typer.Option(help="Who decides.")]
Reason = Annotated[str, typer.Option(help="Why.")]
Paused = Annotated[str, typer.Argument(help="Detector, as in the catalog; default: all.")]


def retrain(
    detector: Annotated[str, typer.Argument(help="Detector, as in the catalog.")],
    by: By,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Call for a retraining; it starts unless a pause, a freeze or the budget holds it.

    Somebody's call with the same reason counts once a day.

    Example: `whetstone retrain ssh_bruteforce_gb --by ada --reason "a new bastion host"`
    """
    load_catalog(settings().catalog).detector(detector)
    trigger = person_trigger(detector, by, reason)
    with _cases() as cases:
        new = bool(cases.add_triggers([trigger]))
    if as_json:
        console.show_json({"trigger": trigger.trigger_id, "detector": detector, "new": new})
    elif new:
        console.show(
            f"{detector} is to be retrained; `whetstone status` shows what holds it, if so"
        )
    else:
        console.show(f"{trigger.by} called for it today with that reason: nothing new")


def pause(
    by: By,
    reason: Reason,
    detector: Paused = ALL,
    until: Annotated[
        str | None, typer.Option(help="When it ends, ISO 8601, UTC unless it names a zone.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Neither retrain nor release a detector, or any, until then or until `whetstone resume`.

    What calls for a retraining meanwhile is kept, and made up for once afterwards. Parsing,
    scoring, alerts and reports go on; so does a first training.

    Example: `whetstone pause --by ada --reason "audit week" --until 2026-12-01`
    """
    _check(detector)
    with _cases() as cases:
        begun = cases.pause(detector, by, reason, _instant(until))
    _show(detector, {"paused": True, "until": begun.until, "story": begun.story}, as_json)


def resume(by: By, detector: Paused = ALL, as_json: AsJson = False) -> None:
    """End a pause; what was called for meanwhile is retrained now.

    Example: `whetstone resume --by ada`
    """
    _check(detector)
    with _cases() as cases:
        ended = cases.resume(detector, by)
        others = [each.story for each in cases.pauses() if each.detector in (ALL, detector)]
    story = f"resumed by {by}; it was paused by {ended.by}: {ended.reason}"
    left = f" ({others[0]})" if others else ""
    _show(detector, {"paused": bool(others), "until": None, "story": story + left}, as_json)


COMMANDS = (retrain, pause, resume)


def read_retraining(factory: "Factory", lake: Lake, cases: CaseStore) -> dict[str, Any]:
    """What calls for retrainings and what keeps them back, as plain values."""
    from assets.retraining import decisions, next_starts, standing  # Dagster takes seconds

    now = datetime.now(UTC)
    kept = standing(factory, lake, cases, now)
    return {
        "freeze": kept.freeze,
        "pauses": [
            {"detector": p.detector, "by": p.by, "reason": p.reason, "until": _text(p.until)}
            for p in cases.pauses(now)
        ],
        "budget_left": kept.left,
        "drifting": [
            {
                "detector": each.detector,
                "action": Action.Name(each.action).lower(),
                "since": each.since.isoformat(),
                "why": each.reason,
            }
            for each in decisions(factory, lake, now)
        ],
        "triggers": [
            {
                "time_utc": f"{each.at:%Y-%m-%d %H:%M}",
                "detector": each.detector,
                "kind": each.kind.value,
                "by": each.by,
                "why": each.reason,
            }
            for each in cases.triggers(limit=_SHOWN)
        ],
        "next": [
            {"detector": name, "time_utc": f"{start:%Y-%m-%d %H:%M}"}
            for name, start in list(next_starts(factory, now).items())[:_SHOWN]
        ],
    }


def show_retraining(found: dict[str, Any]) -> None:
    """Print it for people, as far as there is something to say."""
    for name, title in (
        ("pauses", "paused"),
        ("drifting", "drift that persists"),
        ("triggers", "called for, newest first"),
        ("next", "next by cadence"),
    ):
        if found[name]:
            console.show_table(title, found[name])
    if found["freeze"]:
        console.show(found["freeze"])
    if found["budget_left"] is not None:
        console.show(f"retrainings left today: {found['budget_left']}")


def _check(detector: str) -> None:
    if detector != ALL:
        load_catalog(settings().catalog).detector(detector)


def _show(detector: str, told: dict[str, Any], as_json: bool) -> None:
    name = "all detectors" if detector == ALL else detector
    if as_json:
        console.show_json({"detector": detector, **told, "until": _text(told["until"])})
    else:
        console.show(f"{name}: {told['story']}")


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"--until {text}: write a day or a time, such as 2026-12-01 or 2026-12-01T06:00+01:00"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _text(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%MZ}"


def _cases() -> closing[CaseStore]:
    settings().home.mkdir(parents=True, exist_ok=True)
    return closing(CaseStore(settings().case_store))
