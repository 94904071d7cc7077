"""The page of an alert: all that helps to judge it, quickly, and nobody behind a pseudonym."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.triage import evidence_world as world
from tests.triage.browser import PHONE, barriers, browsing, scrolls_sideways, visiting
from tests.triage.scorer_records import a_record
from tests.triage.servers import Served, serving
from triage.pages.techniques import TECHNIQUES
from triage.records import Alert
from whetstone.audit import AuditLog
from whetstone.catalog import load_catalog
from whetstone.settings import Settings

ON_DAY = date(2026, 3, 1)


@dataclass(frozen=True)
class Site:
    """A served installation with alerts on its landed lines."""

    served: Served
    settings: Settings
    pseudonym: str

    @property
    def path(self) -> str:
        return f"/alerts/a1b2c3d4{world.OPEN}"

    @property
    def shut_path(self) -> str:
        return f"/alerts/a1b2c3d4{world.SHUT}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = world.installation(tmp_path_factory.mktemp("home"))
    hidden = world.sshd_lines(world.HIDDEN)
    world.store(settings, "sshd", {world.OPEN: world.sshd_lines(), world.SHUT: hidden})
    world.store(settings, "hdfs", {world.OPEN: world.hdfs_lines()})
    pseudonym = world.pseudonym(settings, world.SHUT)
    first = world.guessing(world.OPEN, world.ATTACKER)
    with serving(settings.home, catalog=settings.catalog) as served:
        again = [moved(first, number) for number in range(1, 4)]
        shut = world.guessing(world.SHUT, pseudonym)
        served.cases.replace_alerts(ON_DAY, first.detector, [first, *again, shut])
        served.cases.replace_alerts(ON_DAY, "hdfs_block_sequence", [world.deleting()])
        served.cases.give_verdict(again[0].alert_id, "false_positive", "ada", "a scanner of ours")
        served.cases.give_verdict(again[1].alert_id, "true_positive", "ben")
        yield Site(served, settings, pseudonym)


def moved(alert: Alert, number: int) -> Alert:
    """The same some windows later, with a lower score."""
    later = timedelta(minutes=5 * number)
    return replace(
        alert,
        alert_id=f"{alert.alert_id}{number}",
        unit_start=alert.unit_start + later,
        event_timestamp=alert.event_timestamp + later,
        score=alert.score - number / 100,
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


class Text(HTMLParser):
    """What a page says."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said = ""
        self.feed(html)
        self.said = " ".join(self.said.split())

    def handle_data(self, data: str) -> None:
        self.said += f" {data}"


def said(site: Site, path: str) -> str:
    answer = site.served.get(path)
    assert answer.status == 200, answer.text
    return Text(answer.text).said


def test_it_says_what_who_when_and_why(site: Site) -> None:
    page = said(site, site.path)
    for words in (
        "SSH brute force",
        world.ATTACKER,
        "2026-03-01 10:00:00 to 2026-03-01 10:05:00 UTC in berlin",
        "failures",
        "+0.61",
        "-0.05",
        "0.2 benign units a day score as high",
    ):
        assert words in page, words


def test_it_says_what_looks_like_it_and_what_was_said_of_that(site: Site) -> None:
    page = said(site, site.path)
    assert "4 alerts look like this (it is one of them), in 1 group" in page
    assert "2 judged: 1 as an attack, 1 as none." in page
    assert "“a scanner of ours”" in page


def test_one_goes_through_the_group_the_worst_first(site: Site) -> None:
    first = site.served.get(site.path).text
    assert "alert 1 of 4" in first and 'rel="prev"' not in first
    assert f'<a rel="next" data-key="j" href="{site.path}1">' in first
    last = site.served.get(f"{site.path}3").text
    assert 'rel="next"' not in last
    assert f'<a rel="prev" data-key="k" href="{site.path}2">' in last


def test_lines_and_hours_are_pages_of_their_own_and_parts_for_htmx(site: Site) -> None:
    for part in ("lines", "timeline"):
        whole = site.served.get(f"{site.path}/{part}").text
        alone = site.served.get(f"{site.path}/{part}", hx_request="true").text
        assert whole.startswith("<!DOCTYPE html>") and "<html" not in alone
        assert alone.strip() in whole
    at = world.sshd_lines()[0].index(world.ATTACKER)
    assert (
        f'<mark class="subject" data-at="{at}" title="src_ip">{world.ATTACKER}</mark>'
        in alone_lines(site, site.path)
    )
    assert "60 of its events" in said(site, f"{site.path}/timeline")


def alone_lines(site: Site, path: str) -> str:
    return site.served.get(f"{path}/lines", hx_request="true").text


def test_an_element_of_a_sequence_is_drawn_where_it_stands(site: Site) -> None:
    page = said(site, "/alerts/b10cc0de")
    assert "Events" in page and "at 3" in page and "e11" in page
    assert "+4 e11" in Text(alone_lines(site, "/alerts/b10cc0de")).said


def test_no_page_of_a_protected_environment_shows_who_it_is(site: Site) -> None:
    for part in ("", "/lines", "/timeline", "/card"):
        page = site.served.get(site.shut_path + part).text
        assert world.HIDDEN not in page and "gate1" not in page, part
    record = a_record(
        "5c0fe4ed", environment=world.SHUT, unit=site.pseudonym, entity={"src_ip": site.pseudonym}
    )
    record["whetstone"]["lines"] = [
        {"input": "tcp:514", "line": 1, "text": f"Failed password from {world.HIDDEN}"}
    ]
    assert site.served.post("/api/alerts", {"records": [record]}).status == 200
    for part in ("", "/lines", "/timeline"):
        assert world.HIDDEN not in site.served.get(f"/alerts/5c0fe4ed{part}").text, part


def test_who_is_behind_it_is_shown_with_a_reason_on_record_and_only_then(site: Site) -> None:
    path = f"{site.shut_path}/identity"
    without = site.served.form(path, {"why": " "})
    assert without.status == 422 and world.HIDDEN not in without.text
    assert world.HIDDEN not in said(site, site.shut_path)
    answer = site.served.form(path, {"why": "incident 4711"})
    assert answer.status == 200 and world.HIDDEN in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    for log in (site.settings.privacy_audit, site.settings.triage_audit):
        entry = AuditLog(log).read().entries[-1]
        assert (entry.what, entry.why) == ("reidentify", "incident 4711")
    assert site.served.get(path).status == 405, "there is no address at which it could be read"
    assert "Look behind" not in site.served.get(site.path).text, "nothing is hidden there"


def test_unknown_alerts_and_cards_say_so(site: Site) -> None:
    assert site.served.get("/alerts/ffff").status == 404
    assert site.served.get("/alerts/ffff/lines").status == 404
    assert "whetstone releases init" in said(site, f"{site.path}/card")


def test_a_browser_fetches_lines_and_hours_and_nothing_stands_in_the_way(
    site: Site, browser: Browser
) -> None:
    with visiting(browser, site.served.url) as page:
        page.goto(site.path)
        page.wait_for_selector("#lines mark.subject")
        page.wait_for_selector("#timeline rect.events")
        assert barriers(page) == []
        page.emulate_media(color_scheme="dark")
        assert barriers(page) == []
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert not scrolls_sideways(page)


def test_keys_lead_through_the_group_and_what_is_selected_becomes_the_span(
    site: Site, browser: Browser
) -> None:
    with visiting(browser, site.served.url) as page:
        page.goto(f"{site.path}1")
        page.keyboard.press("j")
        page.wait_for_url(f"**{site.path}2")
        page.keyboard.press("k")
        page.wait_for_url(f"**{site.path}1")
        page.goto(site.path)
        page.wait_for_selector("#lines mark.subject")
        select(page, "#lines mark.subject")
        page.wait_for_function("document.querySelector('[name=span]').value !== ''")
        at = world.sshd_lines()[0].index(world.ATTACKER)
        assert page.evaluate("JSON.parse(document.querySelector('[name=span]').value)") == {
            "line": 0,
            "start": at,
            "end": at + len(world.ATTACKER),
        }


def select(page: Page, selector: str) -> None:
    page.evaluate(
        """selector => {
            const node = document.querySelector(selector).firstChild;
            document.getSelection().setBaseAndExtent(node, 0, node, node.data.length);
        }""",
        selector,
    )


def test_a_unit_of_all_time_is_drawn(site: Site) -> None:
    long = replace(
        world.guessing(world.OPEN, world.ATTACKER),
        alert_id="10a9",
        unit_start=datetime.fromisoformat("0001-01-01T00:00:00"),
        event_timestamp=datetime.fromisoformat("9999-12-31T23:59:59"),
    )
    site.served.cases.replace_alerts(ON_DAY, "unknown", [replace(long, detector="unknown")])
    for part in ("", "/lines", "/timeline"):
        assert site.served.get(f"/alerts/10a9{part}").status == 200, part


def test_on_a_phone_the_hours_begin_where_the_alert_is(browser: Browser, site: Site) -> None:
    with visiting(browser, site.served.url, size=PHONE) as page:
        page.goto(site.path)
        expect(page.locator("#timeline rect.events").first).to_be_attached()
        middle = page.locator("#timeline circle.this").evaluate(
            "one => one.getBoundingClientRect().x / window.innerWidth"
        )
        assert 0.4 < middle < 0.6
        assert not scrolls_sideways(page)


def test_the_catalogs_techniques_have_names() -> None:
    catalog = load_catalog(Path(__file__).parents[2] / "catalog")
    named = {golden.technique for golden in catalog.golden_datasets.values()} - {""}
    assert named <= set(TECHNIQUES)
