"""Verdicts, rules and receipts as the pages send and show them, over HTTP."""

import re
from collections.abc import Iterator
from itertools import count

import pytest
from judged_alerts import group_of, in_queue, some_alerts, store_alerts, values
from servers import Served, serving

from triage.access import LOCAL
from triage.judging.judgements import Judgements
from triage.judging.rules import Rules, Wanted
from triage.judging.verdicts import Said

HOSTILE = "<script>alert(1)</script>\u202e"
HTMX = {"HX_Request": "true"}


NUMBERS = count()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("desk")
    # The detectors are none of the catalog.
    (directory / "catalog").mkdir()
    with serving(directory, catalog=directory / "catalog") as served:
        yield served


@pytest.fixture
def alert(desk: Served) -> str:
    """The first of thirty alerts alike, of a detector of the test's own."""
    detector = f"d{next(NUMBERS)}"
    store_alerts(desk.cases, some_alerts(30, f"{detector}-", detector=detector, feature=detector))
    return f"{detector}-000"


def test_a_plain_form_goes_back_to_where_it_came_from(desk: Served, alert: str) -> None:
    path = f"/alerts/{alert}/verdict"
    form = {"value": "false_positive", "reason": "rare", "note": HOSTILE, "verdict_id": "v" + path}
    answer = desk.form(path, {**form, "back": "/?state=open"})
    assert (answer.status, answer.headers["Location"]) == (303, "/?state=open")
    (given,) = desk.cases.alert(alert).verdicts
    assert (given.by, given.reason, given.note) == (LOCAL.name, "rare", HOSTILE)
    # Sent again, it changes nothing.
    assert desk.form(path, form).headers["Location"] == f"/alerts/{alert}"
    assert desk.cases.alert(alert).verdicts == (given,)


@pytest.mark.parametrize("back", ["//evil.example/", "https://evil.example/", "/\\evil"])
def test_a_form_leads_to_no_other_site(desk: Served, alert: str, back: str) -> None:
    answer = desk.form(f"/alerts/{alert}/verdict", {"value": "unsure", "back": back})
    assert answer.headers["Location"] == "/"


def test_htmx_gets_a_toast_whose_undo_takes_it_back(desk: Served, alert: str) -> None:
    form = {"value": "unsure", "verdict_id": f"u-{alert}"}
    toast = desk.form(f"/alerts/{alert}/verdict", form, **HTMX)
    assert (toast.status, toast.headers["HX-Trigger"]) == (200, "judged")
    undo = re.search(r'data-undo method="post" action="([^"]+)"', toast.text)
    assert undo and f"/receipts/u-{alert}" in toast.text
    answer = desk.form(undo[1], {}, **HTMX)
    assert (answer.status, "Taken back" in answer.text) == (200, True)
    assert desk.cases.alert(alert).verdicts == ()


def test_a_toast_tells_who_says_otherwise(desk: Served, alert: str) -> None:
    Judgements(desk.cases.database).give(alert, Said.checked("unsure"), "zoe")
    Judgements(desk.cases.database).give(alert, Said.checked("true_positive"), "bob")
    path = f"/alerts/{alert}/verdict"
    toast = desk.form(path, {"value": "benign_expected"}, **HTMX)
    assert "bob says otherwise" in toast.text
    assert "otherwise" not in desk.form(path, {"value": "true_positive"}, **HTMX).text


@pytest.mark.parametrize("scope", ["group", "pattern"])
def test_a_group_is_judged_with_one_form_and_undone_with_another(
    desk: Served, alert: str, scope: str
) -> None:
    path = f"/groups/{group_of(desk.cases, alert)}/verdict"
    batch = f"b-{scope}-{alert}"
    toast = desk.form(
        path, {"value": "false_positive", "verdict_id": batch, "scope": scope}, **HTMX
    )
    assert "30 alerts" in toast.text
    detector = alert.partition("-")[0]
    assert set(map(tuple, values(desk.cases, detector=detector).values())) == {("false_positive",)}
    assert desk.form(f"/verdicts/{batch}/undo", {}).headers["Location"] == f"/receipts/{batch}"
    assert set(map(tuple, values(desk.cases, detector=detector).values())) == {()}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"value": "maybe"}, 422),
        ({}, 422),
        ({"value": "unsure", "reason": "rare"}, 422),
        ({"value": "unsure", "span": "{}"}, 422),
        ({"value": "unsure", "verdict_id": "x" * 201}, 422),
        ({"value": "unsure", "note": "x" * 10_001}, 422),
    ],
)
def test_what_says_nothing_is_refused(
    desk: Served, alert: str, fields: dict[str, str], status: int
) -> None:
    assert desk.form(f"/alerts/{alert}/verdict", fields).status == status
    assert desk.cases.alert(alert).verdicts == ()


def test_what_is_not_there_is_not_found(desk: Served) -> None:
    assert desk.form("/alerts/nothing/verdict", {"value": "unsure"}).status == 404
    assert desk.form("/verdicts/nothing/undo", {}).status == 404
    assert desk.get("/receipts/nothing").status == 404
    assert desk.form("/rules/nothing/approve", {}).status == 404


def test_a_receipt_tells_what_was_said_and_what_it_waits_for(desk: Served, alert: str) -> None:
    form = {"value": "false_positive", "verdict_id": f"r-{alert}", "note": HOSTILE}
    desk.form(f"/alerts/{alert}/verdict", form)
    page = desk.get(f"/receipts/r-{alert}")
    assert page.status == 200
    assert "was stored" in page.text and "Nothing further yet" in page.text
    assert "<script>alert" not in page.text and "\u202e" not in page.text
    assert f"/receipts/r-{alert}" in desk.get("/receipts").text
    assert f"/receipts/r-{alert}" in desk.get("/receipts?mine=true").text


def test_a_rule_is_proposed_from_a_group_and_put_into_force(desk: Served, alert: str) -> None:
    group = group_of(desk.cases, alert)
    page = desk.get(f"/rules/new?group_id={group}")
    assert page.status == 200 and "30" in page.text
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    del fields["csrf"], fields["back"]
    proposal = {**fields, "entity": "src_ip 10.1.0.0/16", "reason": HOSTILE, "days": "9"}
    assert desk.form("/rules", proposal).status == 303
    assert desk.form("/rules", proposal).status == 303
    (rule,) = [r for r in Rules(desk.cases.database).rules() if r.rule_id == fields["rule_id"]]
    assert (rule.entity, rule.days, rule.proposed_by) == ({"src_ip": "10.1.0.0/16"}, 9, LOCAL.name)
    mine = {a for a in in_queue(desk.cases) if a.startswith(alert[:-3])}
    assert len(mine) == 30
    # Nobody else sits at this machine, so the same person may.
    assert desk.form(f"/rules/{rule.rule_id}/approve", {}).status == 303
    left = {a for a in in_queue(desk.cases) if a.startswith(alert[:-3])}
    assert len(left) < 10
    shown = desk.get("/rules").text
    assert "in force" in shown and "<script>alert" not in shown and "\u202e" not in shown
    assert desk.form(f"/rules/{rule.rule_id}/prolong", {"days": "20"}).status == 303
    assert desk.form(f"/rules/{rule.rule_id}/suspend", {"reason": "no"}).status == 303
    assert {a for a in in_queue(desk.cases) if a.startswith(alert[:-3])} == mine
    assert desk.form(f"/rules/{rule.rule_id}/end", {"reason": "over"}).status == 303


def test_a_rule_may_be_proposed_with_json_and_needs_a_condition(desk: Served) -> None:
    place = {"environment": "berlin", "detector": "brute", "reason": "expected"}
    assert desk.form("/rules", place).status == 422
    assert desk.form("/rules", {**place, "entity": "{"}).status == 422
    assert desk.form("/rules", {**place, "entity": '{"src_ip": "10.1.2.3"}'}).status == 303


def test_a_rule_hides_no_page_of_its_proposer_s(desk: Served, alert: str) -> None:
    pattern = desk.cases.alert(alert).pattern
    detector = alert.partition("-")[0]
    Rules(desk.cases.database).propose(Wanted("berlin", detector, pattern, {}, "why"), "ada")
    assert "Put into force" in desk.get("/rules").text
