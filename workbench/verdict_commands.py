"""`whetstone verdict` and `whetstone receipt`: what an alert was, and what saying so changed."""

from contextlib import closing
from typing import Annotated, Any

import typer

from triage import Alert, CaseStore, Verdict
from triage.judging.judgements import Judgements
from triage.judging.progress import note_progress
from triage.judging.receipts import Receipt, Receipts, happened
from triage.judging.verdicts import Said
from whetstone import console
from whetstone.catalog import load_catalog
from whetstone.cli_options import AsJson
from whetstone.errors import InputError
from whetstone.lake import Lake
from whetstone.settings import settings


def verdict(
    alert: Annotated[str, typer.Argument(help="Alert id, or its beginning.")],
    by: Annotated[str, typer.Option(help="Who judges.")],
    value: Annotated[
        str, typer.Argument(help="true_positive, false_positive, benign_expected or unsure.")
    ] = "",
    note: Annotated[str, typer.Option(help="Why.")] = "",
    reason: Annotated[str, typer.Option(help="Why, in a word that fits the verdict.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take your verdict on it back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what an alert was; the detector learns from it. Or take back what you said.

    Example: `whetstone verdict 3fa9c1 false_positive --by ada --reason ordinary`
    """
    with _cases() as cases:
        judged = cases.alert(alert)
        judgements = Judgements(cases.database)
        if undo:
            given = _taken_back(judgements, judged, by)
        else:
            said = Said.checked(value, reason, note)
            given = judgements.give(judged.alert_id, said, by)
    if as_json:
        console.show_json(_plain(judged, given))
    elif undo:
        console.show(f"{given.value} by {given.by} on {judged.detector} {judged.unit}: taken back.")
    else:
        console.show(
            f"{given.value} by {given.by} on {judged.detector} {judged.unit} in"
            f" {judged.environment}: kept. `whetstone receipt {given.verdict_id}` shows what it"
            " changes."
        )


def receipt(
    verdict_id: Annotated[str, typer.Argument(metavar="VERDICT_ID", help="Of the verdict.")],
    as_json: AsJson = False,
) -> None:
    """Show what a verdict changed: dataset, model, the gate's word, release, who serves it.

    Example: `whetstone receipt 0c9d…`, with an id that `whetstone verdict` printed
    """
    with _cases() as cases:
        receipts = Receipts(cases.database)
        found = receipts.of(verdict_id)
        detector = load_catalog(settings().catalog).detectors.get(found.detector)
        if detector is not None:
            _note(cases, detector.golden_dataset)
            found = receipts.of(verdict_id)
    if as_json:
        console.show_json({**found.as_dict(), "lines": _lines(found)})
        return
    for line in _lines(found):
        console.show(line)
    for step in found.steps:
        if step.kind == "evaluation":
            measures = [{"measure": name, **both} for name, both in step.detail["metrics"].items()]
            console.show_table(f"{step.name}, model {step.version}", measures)
    if found.waits:
        console.show(f"nothing further yet: {found.waits}")


def _taken_back(judgements: Judgements, alert: Alert, by: str) -> Verdict:
    mine = [verdict for verdict in alert.verdicts if verdict.by == by.strip()]
    if not mine:
        raise InputError(f"--by {by}: has said nothing of alert {alert.alert_id} that stands")
    return judgements.retract(mine[-1].verdict_id, by.strip())[0]


def _note(cases: CaseStore, dataset: str) -> None:
    detectors = load_catalog(settings().catalog).detectors.values()
    learners = [each.name for each in detectors if each.golden_dataset == dataset]
    note_progress(cases.database, Lake(settings().lake), dataset, learners)


def _plain(judged: Alert, given: Verdict) -> dict[str, Any]:
    return {
        "verdict": given.verdict_id,
        "alert": judged.alert_id,
        "detector": judged.detector,
        "environment": judged.environment,
        "unit": judged.unit,
        "value": str(given.value),
        "by": given.by,
        "reason": given.reason,
        "retracted": given.retracted is not None,
    }


def _lines(found: Receipt) -> list[str]:
    return [f"{at:%Y-%m-%d %H:%M:%S} {text}" for at, text in happened(found)]


def _cases() -> closing[CaseStore]:
    settings().home.mkdir(parents=True, exist_ok=True)
    return closing(CaseStore(settings().case_store))


COMMANDS = (verdict, receipt)
