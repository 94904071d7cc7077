"""Verdicts in and out over the API, page by page, each for whom it concerns."""

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.triage.exchange_cases import bearer, fill
from tests.triage.servers import PATIENCE, Answer, Served, serving
from triage.access import Permission
from triage.exchange.repeated import Asked, Repeated

NEXT = re.compile(r'<([^>]+)>; rel="next"')


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("exchange"), workers=False) as served:
        fill(served.cases)
        yield served


@pytest.fixture(scope="module")
def soar(api: Served) -> dict[str, str]:
    """A token that judges in two of the three environments."""
    return bearer(api, "soar", [Permission.READ, Permission.JUDGE], "berlin", "oslo")


def walked(api: Served, path: str, listed: str, headers: dict[str, str]) -> list[Any]:
    """All entries of a listing, by following its links."""
    found: list[Any] = []
    while path:
        answer = api.get(path, **headers)
        assert answer.status == 200, answer.text
        found += answer.json[listed]
        following = NEXT.search(answer.headers["Link"])
        path = following[1] if following else ""
    return found


def test_a_token_of_several_environments_sees_all_of_them_and_no_others(
    api: Served, soar: dict[str, str]
) -> None:
    for path, listed in (
        ("/api/alerts?limit=2", "alerts"),
        ("/api/groups?state=all&limit=1", "groups"),
        ("/api/patterns?state=all&limit=1", "patterns"),
    ):
        found = walked(api, path, listed, soar)
        assert {entry["environment"] for entry in found} == {"berlin", "oslo"}, path
        assert api.get(f"{path}&environment=lisbon", **soar).status == 403
    records = walked(api, "/api/records/champion?limit=1", "records", soar)
    assert sorted(record["event"]["id"] for record in records) == ["r1", "r2"]


def test_links_lead_through_a_listing_without_loss_or_repetition(
    api: Served, soar: dict[str, str]
) -> None:
    whole = api.get("/api/alerts", **soar).json["alerts"]
    paged = walked(api, "/api/alerts?limit=1", "alerts", soar)
    assert [a["alert_id"] for a in paged] == [a["alert_id"] for a in whole]
    assert len(whole) == 6
    first = re.search(
        r'<([^>]+)>; rel="first"', api.get("/api/alerts?limit=1", **soar).headers["Link"]
    )
    assert first is not None
    assert first[1] == "/api/alerts?limit=1"


def test_alerts_are_listed_by_day(api: Served, soar: dict[str, str]) -> None:
    assert api.get("/api/alerts?last_day=2026-03-01", **soar).json["alerts"] == []
    both = "/api/alerts?first_day=2026-03-02&last_day=2026-03-02"
    assert len(api.get(both, **soar).json["alerts"]) == 6
    assert "first_day: " in api.get("/api/alerts?first_day=1772409600", **soar).error


def test_a_group_is_read_with_its_alerts(api: Served, soar: dict[str, str]) -> None:
    groups = api.get("/api/groups?state=all&detector=ssh_bruteforce_gb", **soar).json["groups"]
    (group,) = groups
    whole = api.get(f"/api/groups/{group['group_id']}", **soar).json
    assert whole["group"] == group
    assert {alert["alert_id"] for alert in whole["alerts"]} == {"a1", "a2", "a3", "a4"}
    lisbon = api.get("/api/groups?environment=lisbon").json["groups"][0]["group_id"]
    assert api.get(f"/api/groups/{lisbon}", **soar).status == 404


def give(api: Served, alert_id: str, headers: dict[str, str], **said: Any) -> Answer:
    return api.post(f"/api/alerts/{alert_id}/verdicts", said, **headers)


def test_a_verdict_is_given_and_taken_back_and_both_are_told(
    api: Served, soar: dict[str, str]
) -> None:
    before = api.get("/api/verdicts", **soar).json["after"]
    given = give(api, "a4", soar, value="unsure", reason="too_little", note="who?")
    assert given.status == 200
    verdict_id = given.json["verdict_id"]
    assert (given.json["by"], given.json["value"]) == ("token:soar", "unsure")

    told = api.get(f"/api/verdicts?after={before}", **soar).json
    (change,) = told["changes"]
    assert (change["change"], change["alert_id"], change["retracted"]) == ("given", "a4", None)
    assert change["verdict"]["reason"] == "too_little"

    gone = api.send("DELETE", f"/api/verdicts/{verdict_id}", None, soar)
    assert gone.json == {"verdict_ids": [verdict_id]}
    (taken_back,) = api.get(f"/api/verdicts?after={told['after']}", **soar).json["changes"]
    assert taken_back["change"] == "retracted"
    assert taken_back["retracted_by"] == "token:soar"
    assert api.get(f"/api/receipts/{verdict_id}", **soar).json["stage"] == "retracted"


def test_the_changes_of_verdicts_are_those_of_the_environments_that_one_may_read(
    api: Served, soar: dict[str, str]
) -> None:
    api.cases.give_verdict("r3", "unsure", by="eve")
    mine = walked(api, "/api/verdicts?limit=2", "changes", soar)
    assert {change["environment"] for change in mine} == {"berlin"}
    every = walked(api, "/api/verdicts?limit=2", "changes", {})
    assert {change["environment"] for change in every} == {"berlin", "lisbon"}
    places = [change["place"] for change in every]
    assert places == sorted(set(places))


def test_many_verdicts_are_stored_together_or_not_at_all(api: Served, soar: dict[str, str]) -> None:
    def body(*alert_ids: str) -> dict[str, Any]:
        return {"verdicts": [{"alert_id": a, "value": "benign_expected"} for a in alert_ids]}

    before = api.get("/api/verdicts", **soar).json["after"]
    refused = api.post("/api/verdicts", body("r1", "r2", "r3"), **soar)
    assert (refused.status, refused.error) == (404, "verdicts.2.alert_id: no such alert")
    assert api.get("/api/verdicts", **soar).json["after"] == before
    given = api.post("/api/verdicts", body("r2", "r1"), **soar).json["verdicts"]
    assert [verdict["alert_id"] for verdict in given] == ["r2", "r1"]
    page = api.get("/api/receipts?by=token:soar&limit=1", **soar)
    assert len(page.json["receipts"]) == 1
    assert NEXT.search(page.headers["Link"])


def test_what_one_may_not_see_or_say_is_refused(api: Served, soar: dict[str, str]) -> None:
    assert give(api, "r3", soar, value="unsure").status == 404
    assert give(api, "a4", soar, value="maybe").status == 422
    assert "reason" in give(api, "a4", soar, value="unsure", reason="backup").error
    assert api.send("DELETE", "/api/verdicts/v-r1", None, soar).status == 404
    viewer = bearer(api, "viewer", [Permission.READ], "berlin")
    assert give(api, "a4", viewer, value="unsure").status == 403
    assert api.get("/api/webhooks", **soar).status == 403


def test_a_request_that_comes_twice_is_answered_as_the_first_time(
    api: Served, soar: dict[str, str]
) -> None:
    quoted, bare = ({**soar, "Idempotency-Key": key} for key in ('"k-1"', "k-1"))
    first = give(api, "a4", quoted, value="true_positive")
    assert first.status == 200
    api.cases.give_verdict("a4", "unsure", by="token:soar")
    again = give(api, "a4", bare, value="true_positive")
    assert again.json == first.json
    changed = give(api, "a4", quoted, value="false_positive")
    assert (changed.status, "another request" in changed.error) == (422, True)
    elsewhere = bearer(api, "other", [Permission.JUDGE], "berlin")
    other = give(api, "a4", {**elsewhere, "Idempotency-Key": "k-1"}, value="unsure")
    assert other.json["by"] == "token:other"


def test_the_key_of_a_refused_request_stays_free(api: Served, soar: dict[str, str]) -> None:
    keyed = {**soar, "Idempotency-Key": '"k-2"'}
    assert give(api, "a4", keyed, value="unsure", reason="backup").status == 422
    assert give(api, "a4", keyed, value="unsure").status == 200


def test_while_the_first_request_is_worked_off_the_second_waits(
    api: Served, soar: dict[str, str]
) -> None:
    said = {"value": "unsure", "reason": None, "note": "", "span": None, "verdict_id": None}
    body = json.dumps(said, separators=(",", ":")).encode()
    asked = Asked.of("token:soar", "k-3", "/alerts/a4/verdicts", body)
    assert Repeated(api.cases.database).begin(asked) is None
    waiting = give(api, "a4", {**soar, "Idempotency-Key": '"k-3"'}, value="unsure")
    assert (waiting.status, "being worked off" in waiting.error) == (409, True)


def test_of_many_requests_with_one_key_at_once_one_is_worked_off(
    api: Served, soar: dict[str, str]
) -> None:
    answers: list[Answer] = []
    keyed = {**soar, "Idempotency-Key": '"k-4"'}
    threads = [
        threading.Thread(target=lambda: answers.append(give(api, "a4", keyed, value="unsure")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert {answer.status for answer in answers} <= {200, 409}
    assert len({answer.text for answer in answers if answer.status == 200}) == 1


def test_a_key_that_is_none_is_refused(api: Served, soar: dict[str, str]) -> None:
    for key in ("", "a b", '"a\\"b"', "x" * 201):
        answer = give(api, "a4", {**soar, "Idempotency-Key": key}, value="unsure")
        assert (answer.status, "Idempotency-Key" in answer.error) == (422, True), key


def test_a_path_says_what_it_takes(api: Served) -> None:
    answer = api.send("PUT", "/api/alerts", None, {})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")


def test_each_operation_is_described_with_a_name_of_its_own_and_its_problems(
    api: Served,
) -> None:
    paths = api.get("/openapi.json").json["paths"]
    operations = [
        (path, operation)
        for path, methods in paths.items()
        if path.startswith("/api/")
        for operation in methods.values()
    ]
    names = [operation["operationId"] for _, operation in operations]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)
    for path, operation in operations:
        told = set(operation["responses"])
        assert {"401", "403", "422", "503"} <= told
        assert ("404" in told) >= ("_id}" in path)
        assert operation["description"]
