"""`/rules`: what is expected for a time, what each rule hid, and who decided on it."""

import json
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from triage.access import LOCAL, Permission, Principal, needs
from triage.desk import Desk, OfDesk
from triage.judging.matching import CHECKED, Rule
from triage.judging.rules import DAYS, MOST_DAYS, Rules, Wanted, is_due
from triage.pages.names import names
from triage.pages.rendering import page
from triage.queue import Queue
from whetstone.errors import InputError

router = APIRouter()
Reader = Annotated[Principal, needs(Permission.READ)]
Judge = Annotated[Principal, needs(Permission.JUDGE)]
Approver = Annotated[Principal, needs(Permission.APPROVE)]
RuleId = Annotated[str, Path(max_length=64)]
Reason = Annotated[str, Form(max_length=1_000)]
Days = Annotated[int, Form(ge=1, le=MOST_DAYS)]
GroupId = Annotated[str, Query(max_length=64)]
AlertId = Annotated[str, Query(max_length=128)]
_SHOWN_DAYS = 14


@router.get("/rules")
def rules(request: Request, desk: OfDesk, reader: Reader) -> Response:
    """The rules, with what each did."""
    known, now = Rules(desk.database), datetime.now(UTC).replace(tzinfo=None)
    shown = [
        {
            "rule": rule,
            "hidden": known.hidden(rule.rule_id),
            "in_force": rule.in_force(now),
            "due": is_due(rule, now),
            "judges": reader.may(Permission.JUDGE, rule.environment),
            "approves": reader.may(Permission.APPROVE, rule.environment)
            and (rule.proposed_by != reader.name or _alone(reader)),
        }
        for rule in known.rules(reader.environments(Permission.READ))
    ]
    values = {"rules": shown, "checked": CHECKED, "days": DAYS, "most_days": MOST_DAYS}
    values |= {"names": names(desk, reader)}
    return page(request, "rules.html", {**values, "shown_days": _SHOWN_DAYS})


@router.get("/rules/new")
def new_rule(
    request: Request, desk: OfDesk, judge: Judge, group_id: GroupId = "", alert_id: AlertId = ""
) -> Response:
    """A form for a rule about alerts like those of a group, or like one alert."""
    wanted, title, entity = _like(desk, judge, group_id, alert_id)
    values = {
        "wanted": wanted,
        "names": names(desk, judge),
        "title": title,
        "entity": entity,
        "hides": Rules(desk.database).would_hide(wanted),
        "rule_id": uuid.uuid4().hex,
        "most_days": MOST_DAYS,
        "checked": CHECKED,
    }
    return page(request, "rule_new.html", values)


@router.post("/rules")
def propose(
    desk: OfDesk,
    judge: Judge,
    environment: Annotated[str, Form(max_length=200)],
    detector: Annotated[str, Form(max_length=200)],
    reason: Reason,
    pattern: Annotated[str, Form(max_length=64)] = "",
    entity: Annotated[str, Form(max_length=4_000)] = "",
    days: Days = DAYS,
    rule_id: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Propose a rule; somebody else puts it into force."""
    judge.check(Permission.JUDGE, environment)
    wanted = Wanted(environment, detector, pattern or None, _entity(entity), reason, days)
    rule = Rules(desk.database).propose(wanted, judge.name, rule_id or None)
    return _back(desk, judge, rule, "rule.proposed")


@router.post("/rules/{rule_id}/approve")
def approve(desk: OfDesk, approver: Approver, rule_id: RuleId) -> Response:
    """Put a rule into force."""
    known = _of(desk, approver, rule_id, Permission.APPROVE)
    rule = known.approve(rule_id, approver.name, own=_alone(approver))
    return _back(desk, approver, rule, "rule.approved")


@router.post("/rules/{rule_id}/prolong")
def prolong(desk: OfDesk, approver: Approver, rule_id: RuleId, days: Days = DAYS) -> Response:
    """Let a rule hold for longer, having seen what it hid."""
    known = _of(desk, approver, rule_id, Permission.APPROVE)
    rule = known.prolong(rule_id, approver.name, days, own=_alone(approver))
    return _back(desk, approver, rule, "rule.prolonged")


@router.post("/rules/{rule_id}/suspend")
def suspend(desk: OfDesk, judge: Judge, rule_id: RuleId, reason: Reason) -> Response:
    """Suspend a rule: what it hid comes back."""
    rule = _of(desk, judge, rule_id, Permission.JUDGE).suspend(rule_id, judge.name, reason)
    return _back(desk, judge, rule, "rule.suspended")


@router.post("/rules/{rule_id}/end")
def end(desk: OfDesk, judge: Judge, rule_id: RuleId, reason: Reason) -> Response:
    """End a rule: it hides nothing new."""
    rule = _of(desk, judge, rule_id, Permission.JUDGE).end(rule_id, judge.name, reason)
    return _back(desk, judge, rule, "rule.ended")


def _alone(principal: Principal) -> bool:
    """Whether nobody logs in here, so that there is nobody else who could approve."""
    return principal == LOCAL


def _of(desk: Desk, principal: Principal, rule_id: str, permission: Permission) -> Rules:
    known = Rules(desk.database)
    try:
        environment = known.rule(rule_id).environment
    except InputError:
        environment = None
    if environment is None or not principal.may(Permission.READ, environment):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such rule")
    principal.check(permission, environment)
    return known


def _like(
    desk: Desk, judge: Principal, group_id: str, alert_id: str
) -> tuple[Wanted, str, dict[str, str]]:
    """A proposal about the pattern of a group or alert, its title and its entity."""
    try:
        if alert_id:
            group_id = desk.cases.alert(alert_id).group_id or ""
        case = Queue(desk.database).case(group_id, limit=1).case
    except InputError:
        # The message would name alerts of all environments.
        case = None
    if case is None or not judge.may(Permission.READ, case.environment):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such alert or group")
    judge.check(Permission.JUDGE, case.environment)
    entity = {str(name): str(value) for name, value in case.entity.items()}
    return Wanted(case.environment, case.detector, case.pattern, {}, "-"), case.title, entity


def _entity(text: str) -> dict[str, Any]:
    """Lines `column value`, or an object of JSON."""
    text = text.strip()
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        raise InputError('entity: {"src_ip": "10.1.0.0/16"}, columns and values as text')
    pairs = [line.partition(" ") for line in text.splitlines() if line.strip()]
    return {name: value.strip() for name, _, value in pairs}


def _back(desk: Desk, principal: Principal, rule: Rule, what: str) -> Response:
    details = {"environment": rule.environment, "rule": rule.rule_id}
    desk.trail.append(principal.name, what, rule.detector, details)
    return RedirectResponse(f"/rules#rule-{rule.rule_id}", HTTPStatus.SEE_OTHER)
