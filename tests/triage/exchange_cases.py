"""A case store with a little of everything that the API tells of, for its tests."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tests.triage.scorer_records import DAY, a_notice, a_record, checked, of_batch
from tests.triage.servers import Served
from triage import Alert, CaseStore
from triage.access import LOCAL, Permission
from triage.access.api_tokens import ApiTokens
from triage.access.people import People
from whetstone.audit import AuditLog

DETECTOR = "ssh_bruteforce_gb"


def brute(alert_id: str, users: float = 15.0, **more: Any) -> Alert:
    """An alert of the shipped detector of brute force."""
    parts = [
        {"feature": "users", "value": users, "contribution": 0.6},
        {"feature": "failure_share", "value": 0.9, "contribution": 0.1},
    ]
    return replace(of_batch(alert_id), detector=DETECTOR, explanation=parts, events=40, **more)


def fill(cases: CaseStore) -> None:
    """Alerts of two environments, found by scorers and by the batch, some of them judged."""
    cases.take_records(
        checked(
            a_record("r1"),
            a_record("r2", environment="oslo", score=0.8),
            a_record("r3", environment="lisbon", score=0.6),
            a_record("r4", shadow=True),
            a_notice(),
        )
    )
    found = [brute("a1"), brute("a2", 14.0), brute("a3", 12.5), brute("a4", 11.0)]
    cases.replace_alerts(DAY, DETECTOR, found)
    for alert_id in ("a1", "a2", "a3"):
        cases.give_verdict(alert_id, "true_positive", by="ada", note="<b>seen</b>")
    cases.give_verdict("r1", "false_positive", by="bob", verdict_id="v-r1")
    cases.hear("berlin", "box1", {"events": 7})


def bearer(
    served: Served, label: str, permissions: Iterable[Permission], *environments: str
) -> dict[str, str]:
    """The header of a new API token."""
    trail = AuditLog(served.home / "trail.jsonl")
    tokens = ApiTokens(served.cases.database, People(served.cases.database, trail), trail)
    secret = tokens.add(LOCAL, label, frozenset(permissions), frozenset(environments), 1)
    return {"Authorization": f"Bearer {secret}"}
