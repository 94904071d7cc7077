"""All pages but those with tests of their own: readable for everybody, on a phone, in the dark."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser

from tests.triage.browser import PHONE, barriers, browsing, scrolls_sideways, visiting
from tests.triage.scorer_records import of_batch
from tests.triage.servers import Served, serving
from tests.triage.test_contribute_page import IDEA, LABELS, offer
from triage.intake.jobs import Jobs

PREVIEW = {
    "parsed": {"lines": 10, "events": 9, "skipped": 0, "rejects": {"no match": 1}},
    "rejects": [{"reason": "no match", "lines": 1, "first_line": 3, "example": "x" * 150}],
    "records": [{f"column_{number}": "a long value of a log" for number in range(12)}],
    "units": 3,
    "labelled": {"attack": 2, "benign": 1},
    "unmatched": 1,
    "unmatched_units": ["nobody"],
    "repeated": 0,
    "known": {"train": 1},
    "conflicts": 1,
    "conflicting": [
        {"unit": "u" * 60, "at": "2026-03-01", "label": "a", "against": "b", "by": "ada"}
    ],
    "new": 1,
}
FINDING = {
    "verdict": "worth it",
    "because": "it brings more than chance",
    "lift": [],
    "missing": ["drift: no production days"],
    "leaks": [{"feature": "f", "name": "future", "passed": True, "detail": ""}],
    "cost": {"per_event": 0.5, "before": 4.0},
    "hints": ["it could be shorter"],
    "snippet": "features {\n" + "  definition: " + "x" * 200 + "\n}",
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("desk"), workers=False) as served:
        day = datetime.now(UTC).date()
        served.cases.replace_alerts(day, "brute", [of_batch()])
        yield served


@pytest.fixture(scope="module")
def pages(desk: Served) -> list[str]:
    alert = desk.cases.alerts()[0]
    jobs = Jobs(desk.cases.database)
    tried = desk.form("/ideas", {"definition": IDEA}).headers["Location"]
    upload = offer(desk, LABELS).headers["Location"]
    for _ in range(2):
        job, kind = jobs.claim() or ("", "")
        jobs.end(job, PREVIEW if kind == "upload" else FINDING, None)
    desk.form(f"/alerts/{alert.alert_id}/verdict", {"value": "unsure", "verdict_id": "v1"})
    rule = {"alert_id": alert.alert_id, "reason": "a scanner of ours", "days": "30"}
    desk.form("/rules", {**rule, "environment": alert.environment, "detector": alert.detector})
    return [
        "/rules",
        f"/rules/new?alert_id={alert.alert_id}",
        "/receipts",
        "/receipts/v1",
        "/contribute",
        upload,
        "/ideas",
        tried,
        "/settings",
        "/settings/people",
        "/settings/tokens",
        "/settings/webhooks",
        "/audit",
        "/nothing/here",
    ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as started:
        yield started


def test_no_page_has_barriers_or_scrolls_sideways(
    desk: Served, browser: Browser, pages: list[str]
) -> None:
    wrong: dict[str, object] = {}
    with visiting(browser, desk.url, theme="dark", size=PHONE) as page:
        for place in pages:
            page.goto(place)
            if found := barriers(page):
                wrong[place] = found
            elif scrolls_sideways(page):
                wrong[place] = "scrolls sideways"
    assert wrong == {}
