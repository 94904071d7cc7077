"""`/label`: what it asks, of whom, and that a verdict given there counts."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from tests.triage.browser import PHONE, barriers, browsing, scrolls_sideways, visiting
from tests.triage.scorer_records import DAY, of_batch
from tests.triage.servers import Served, serving
from triage import Alert
from triage.access import Tokens
from triage.learning import Probes

HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("label")) as running:
        alerts = [looking(f"alert{number}", f"path{number}") for number in range(5)]
        running.cases.replace_alerts(DAY, "brute", alerts)
        near = looking("probe", HOSTILE, 0.4)
        Probes(running.cases.database).register(DAY, "brute", [near])
        yield running


def looking(alert_id: str, value: str, score: float = 0.9) -> Alert:
    explanation = [{"feature": "path", "value": value, "contribution": 0.4}]
    return replace(of_batch(alert_id, score), explanation=explanation)


def test_it_asks_about_a_random_slice_and_what_would_teach_most(served: Served) -> None:
    page = served.get("/label")
    assert page.status == 200
    assert page.text.count('id="item-slice-') == 3
    assert page.text.count('id="item-teaches-') == 3, "nothing is asked twice"
    assert 'id="item-teaches-probe"' in page.text
    assert page.text.count('action="/alerts/probe/verdict"') == 1


def test_text_of_logs_is_shown_and_does_nothing(served: Served) -> None:
    page = served.get("/label").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_the_detector_can_be_chosen(served: Served) -> None:
    page = served.get("/label?detector=other").text
    assert "Nothing is waiting" in page
    assert "Nothing to ask" in page
    assert served.get("/label?detector=brute").text.count("data-item tabindex") == 6


def test_once_the_slice_is_judged_its_precision_stands_there(served: Served) -> None:
    page = served.get("/label").text
    members = [part.partition('"')[0] for part in page.split('id="item-slice-')[1:]]
    for number, alert_id in enumerate(members):
        value = "true_positive" if number else "false_positive"
        fields = {"value": value, "verdict_id": f"v{number}"}
        given = served.form(f"/alerts/{alert_id}/verdict", fields)
        assert given.status in (200, 303)
    after = served.get("/label").text
    assert "item-slice-" not in after
    assert '<td class="number">0.667</td>' in after


def test_the_keys_of_the_queue_judge_here_too_and_nothing_bars_the_way(served: Served) -> None:
    with browsing() as browser, visiting(browser, served.url, size=PHONE) as page:
        page.goto("/label?detector=brute")
        assert barriers(page) == []
        assert not scrolls_sideways(page)
        first = page.locator("[data-item]").first
        name = first.get_attribute("id") or ""
        page.keyboard.press("u")
        expect(first.locator(".told")).to_have_text("unsure")
        expect(page.locator("[data-item].chosen")).not_to_have_id(name)
    (verdict,) = served.cases.alert(name.removeprefix("item-teaches-")).verdicts
    assert verdict.value == "unsure"


def test_whoever_sees_one_environment_is_asked_about_no_other(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # A token of the file speaks for scorers, who are asked nothing.
    tokens = Tokens({"b" * 32: "berlin"})
    with serving(tmp_path_factory.mktemp("guarded"), tokens) as guarded:
        answer = guarded.get("/label", authorization=f"Bearer {'b' * 32}")
        assert answer.status == 403
