"""What receivers are told of a change: CloudEvents 1.0 in JSON.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md; `sequence` is the extension of
that name. `data` is put together when it is sent, so that what was erased meanwhile is told nobody.
Text in it comes from logs, and is hostile.
"""

import json
from typing import Any

from triage.cases import CaseStore
from triage.exchange.changes import ChangeKind, Happened
from triage.exchange.posting import Letter
from triage.exchange.told_verdicts import told_verdicts
from triage.incoming import iso
from triage.shapes import AlertView, VerdictView
from whetstone.errors import InputError

SOURCE = "/whetstone"


def letter(cases: CaseStore, change: Happened) -> Letter | None:
    """The request's key and body; None: what it is about is no longer there."""
    data = _data(cases, change)
    if data is None:
        return None
    event = {
        "specversion": "1.0",
        "id": change.change_id,
        "source": SOURCE,
        "type": str(change.kind),
        "subject": change.subject,
        "time": iso(change.at),
        "sequence": str(change.place),
        "datacontenttype": "application/json",
        "data": {"environment": change.environment, **change.detail, **data},
    }
    return Letter(change.change_id, json.dumps(event).encode())


def _data(cases: CaseStore, change: Happened) -> dict[str, Any] | None:
    match change.kind:
        case ChangeKind.ALERT_OPENED:
            return _of_alert(cases, change.subject)
        case ChangeKind.VERDICT_GIVEN | ChangeKind.VERDICT_RETRACTED:
            return _of_verdict(cases, change)
        case ChangeKind.RELEASE_PUBLISHED:
            return {"detector": change.subject}
        case _:
            return {"rule_id": change.subject}


def _of_alert(cases: CaseStore, alert_id: str) -> dict[str, Any] | None:
    try:
        alert = AlertView.model_validate(cases.alert(alert_id))
    except InputError:
        return None
    return {"alert": alert.model_dump(mode="json")}


def _of_verdict(cases: CaseStore, change: Happened) -> dict[str, Any] | None:
    for told in told_verdicts(cases.database, [change]):
        verdict = VerdictView.model_validate(told.verdict).model_dump(mode="json")
        return {"alert_id": told.verdict.alert_id, "detector": told.detector, "verdict": verdict}
    return None
