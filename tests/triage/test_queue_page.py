"""The queue and the page of a group, as analysts use them: in a real browser, by keyboard."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.triage.browser import PHONE, WIDE, barriers, browsing, scrolls_sideways, visiting
from tests.triage.servers import Served, serving
from triage import Alert, schema
from triage.access import Tokens

DAY = date(2026, 3, 2)
GUESSING, SCANNING = "ssh_bruteforce_gb", "network_scan_iforest"
ATTACKER, GUEST, SCANNER = "203.0.113.7", "198.51.100.9", "10.0.0.5"
HOSTILE = "<script>document.title='owned'</script>\x1b[31m\u202egnp.exe"
OF_OSLO = "o" * 32


def an_alert(alert_id: str, detector: str, environment: str, who: str, **more: Any) -> Alert:
    hour = more.pop("hour", 8)
    at = datetime.combine(DAY, time(hour))
    return Alert(
        alert_id=alert_id,
        detector=detector,
        model_version="1",
        environment=environment,
        source="sshd",
        unit=who,
        entity={"src_ip": who},
        unit_start=at - timedelta(minutes=5),
        event_timestamp=at,
        score=0.9 - hour / 1000,
        threshold=0.5,
        explanation=[{"feature": "failures", "value": 31, "contribution": 0.4}],
        **more,
    )


ALERTS = [
    *(
        an_alert(f"a{n}", GUESSING, "oslo", ATTACKER, hour=n, per_day=0.1, events=20)
        for n in (1, 2)
    ),
    an_alert("a3", GUESSING, "oslo", ATTACKER, hour=3, per_day=0.1, events=1200),
    an_alert("bb", GUESSING, "oslo", GUEST, per_day=0.5, events=1),
    an_alert("cc", GUESSING, "berlin", HOSTILE, per_day=0.8),
    an_alert("d1", SCANNING, "berlin", SCANNER, per_day=4),
    an_alert("d2", SCANNING, "berlin", "10.0.0.6", per_day=5),
]
"""In cases, the highest risk first: the attacker's three, the guest, the hostile one, two scans."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("desk")) as served:
        yield served


@pytest.fixture
def desk(running: Served) -> Served:
    """The server, its store as it was before anybody judged anything."""
    with running.cases.database.writing() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(table.delete())
    fill(running)
    return running


def fill(served: Served) -> None:
    for detector in (GUESSING, SCANNING):
        found = [alert for alert in ALERTS if alert.detector == detector]
        served.cases.replace_alerts(DAY, detector, found)


@contextmanager
def at(browser: Browser, desk: Served, path: str = "/", **how: Any) -> Iterator[Page]:
    """Somebody who looks at a page."""
    with visiting(browser, desk.url, **how) as page:
        page.goto(path)
        yield page


def chosen(page: Page) -> str:
    """Whom the chosen item is about."""
    return page.locator(".item.chosen .about").inner_text()


def said(desk: Served) -> dict[str, str]:
    """The verdicts that count: alert -> value."""
    judged = desk.cases.alerts(state="judged")
    return {alert.alert_id: alert.verdicts[-1].value.value for alert in judged}


def listed(desk: Served, path: str) -> list[str]:
    """Whom the items of a queue are about, in order."""
    about = re.findall(
        r'<li class="item".*?<span class="about">(.*?)</div>', text(desk, path), re.S
    )
    return [re.findall(r"<b>(.*?)</b>", each)[-1] for each in about]


def text(desk: Served, path: str) -> str:
    answer = desk.get(path)
    assert answer.status == 200, answer.text
    return answer.text


def test_a_morning_by_keyboard(browser: Browser, desk: Served) -> None:
    with at(browser, desk) as page:
        assert ATTACKER in chosen(page)
        page.keyboard.press("j")
        assert GUEST in chosen(page)
        page.keyboard.press("k")
        page.keyboard.press("f")
        expect(page.locator(".toast")).to_have_text(re.compile("folds 3 alerts"))
        assert said(desk) == {}

        page.keyboard.press("Shift+T")
        expect(page.locator(".item.given")).to_have_count(1)
        assert said(desk) == dict.fromkeys(("a1", "a2", "a3"), "true_positive")
        assert GUEST in chosen(page)
        page.keyboard.press("Shift+B")
        expect(page.locator(".item.given")).to_have_count(2)
        assert said(desk)["bb"] == "benign_expected"
        assert "<script>" in chosen(page)

        page.keyboard.press("z")
        expect(page.locator(".item.given")).to_have_count(1)
        assert GUEST in chosen(page)
        assert "bb" not in said(desk)
        page.keyboard.press("u")
        expect(page.locator(".item.given")).to_have_count(2)
        assert said(desk)["bb"] == "unsure"

        page.reload()
        expect(page.locator(".item")).to_have_count(3)
        page.keyboard.press("Enter")
        page.wait_for_url("**/alerts/cc")


def test_the_way_back_leads_to_where_one_was(browser: Browser, desk: Served) -> None:
    with at(browser, desk, "/?environment=oslo&state=all") as page:
        page.keyboard.press("Shift+T")
        expect(page.locator(".item.given")).to_have_count(1)
        assert GUEST in chosen(page)
        page.keyboard.press("o")
        page.wait_for_url("**/alerts/bb")
        page.get_by_role("link", name="Queue").last.click()
        page.wait_for_url("**/?environment=oslo&state=all")
        assert GUEST in chosen(page)


def test_back_from_an_alert_is_where_one_came_from(browser: Browser, desk: Served) -> None:
    with at(browser, desk, "/?environment=oslo&state=all") as page:
        page.keyboard.press("j")
        page.keyboard.press("o")
        page.wait_for_url("**/alerts/bb")
        page.keyboard.press("q")
        page.wait_for_url("**/?environment=oslo&state=all")
        assert GUEST in chosen(page)

        page.keyboard.press("k")
        page.keyboard.press("o")
        page.wait_for_url("**/groups/*")
        group = page.url
        page.keyboard.press("j")
        page.keyboard.press("o")
        page.wait_for_url("**/alerts/a2")
        page.keyboard.press("j")
        page.wait_for_url("**/alerts/a3")
        page.keyboard.press("q")
        page.wait_for_url(group)
        expect(page.locator(".item.chosen .title")).to_have_attribute("href", "/alerts/a2")
        page.keyboard.press("q")
        page.wait_for_url("**/?environment=oslo&state=all")
        assert ATTACKER in chosen(page)


def test_back_from_an_alert_is_the_page_that_named_it(browser: Browser, desk: Served) -> None:
    desk.cases.give_verdict("bb", "unsure", by="ada", verdict_id="v1")
    with at(browser, desk) as page:
        page.goto("/receipts/v1")
        page.get_by_role("link", name="alert bb").click()
        page.wait_for_url("**/alerts/bb")
        expect(page.get_by_role("link", name="← Receipt")).to_be_visible()
        assert barriers(page) == []
        page.keyboard.press("q")
        page.wait_for_url("**/receipts/v1")
    with at(browser, desk, "/alerts/bb") as page:
        page.keyboard.press("q")
        page.wait_for_url(f"{desk.url}/")


def test_a_mouse_hits_what_it_aims_at(browser: Browser, desk: Served) -> None:
    with at(browser, desk) as page:
        page.locator(".item").last.locator("a[data-open]").click()
        page.wait_for_url("**/alerts/d2")
        page.goto("/")
        page.get_by_role("button", name=f"unsure: {SCANNER}").click()
        expect(page.locator(".item.given")).to_have_count(1)
        assert said(desk) == {"d1": "unsure"}


def test_all_keys_are_on_the_page_and_do_nothing_while_one_writes(
    browser: Browser, desk: Served
) -> None:
    with at(browser, desk) as page:
        page.keyboard.press("?")
        assert page.get_by_role("dialog").get_by_text("take the last verdict back").is_visible()
        page.keyboard.press("t")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.keyboard.press("/")
        page.keyboard.type(GUEST[:4] + "bu")
        page.keyboard.press("Escape")
        assert page.locator("#queue .empty, .item").count() > 0
        assert said(desk) == {}


def test_filters_narrow_the_queue_where_one_is_and_can_be_kept(
    browser: Browser, desk: Served
) -> None:
    with at(browser, desk) as page:
        page.keyboard.press("/")
        page.keyboard.type(GUEST[:5])
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/?entity={GUEST[:5]}&state=open")
        expect(page.locator(".item")).to_have_count(1)
        page.get_by_label("State").select_option("all")
        page.wait_for_url("**state=all")
        page.get_by_text("Keep this view").click()
        page.get_by_role("textbox", name="Name").fill("guests")
        page.get_by_role("button", name="Keep").click()
        kept = page.get_by_role("link", name="guests")
        expect(kept).to_have_attribute("aria-current", "true")
        page.goto("/")
        kept.click()
        expect(page.locator(".item")).to_have_count(1)
        page.goto("/settings")
        page.get_by_role("button", name="Forget guests").click()
        expect(page.get_by_text("None yet")).to_be_visible()


@pytest.mark.parametrize(
    ("asked", "about"),
    [
        ("", [ATTACKER, GUEST, "&lt;script", SCANNER, "10.0.0.6"]),
        ("environment=oslo", [ATTACKER, GUEST]),
        (f"detector={SCANNING}", [SCANNER, "10.0.0.6"]),
        ("technique=T1110&environment=&first=&last=", [ATTACKER, GUEST, "&lt;script"]),
        (f"technique=T1110&detector={SCANNING}", []),
        ("first=2026-03-03", []),
        ("first=2026-03-02&last=2026-03-02&entity=10.", [SCANNER, "10.0.0.6"]),
        ("state=judged", []),
        ("by=pattern", [ATTACKER, "&lt;script", SCANNER]),
    ],
)
def test_filters_by_address(running: Served, asked: str, about: list[str]) -> None:
    if not running.cases.alerts(limit=1):
        fill(running)
    found = listed(running, f"/?{asked}")
    assert len(found) == len(about)
    assert all(one.startswith(start) for one, start in zip(found, about, strict=True))


def test_an_address_that_asks_for_nonsense_is_told_so(running: Served) -> None:
    for asked in ("state=broken", "first=yesterday", "after=nonsense"):
        answer = running.get(f"/?{asked}")
        assert answer.status == 422
        assert asked.partition("=")[0] in answer.text


def test_an_item_says_what_it_folds_and_what_its_risk_is_made_of(
    browser: Browser, desk: Served
) -> None:
    with at(browser, desk) as page:
        first = page.locator(".item").first
        expect(first).to_contain_text("3 alerts 1,240 events")
        made = re.findall(r"[\d.]+", first.locator(".made").inner_text().replace("\n", " "))
        risk, rarity, size, history = map(float, made)
        assert risk == pytest.approx(rarity * size * history, rel=0.02)


def test_a_pattern_is_judged_at_once(browser: Browser, desk: Served) -> None:
    with at(browser, desk, f"/?by=pattern&detector={SCANNING}") as page:
        expect(page.locator(".item")).to_contain_text("2 cases")
        page.keyboard.press("g")
        page.keyboard.press("f")
        expect(page.locator(".toast")).to_contain_text("2 alerts")
        assert said(desk) == dict.fromkeys(("d1", "d2"), "false_positive")
        page.keyboard.press("o")
        page.wait_for_url("**pattern=*")
        expect(page.get_by_text("Nothing here fits")).to_be_visible()


def test_a_case_leads_to_those_that_look_like_it(browser: Browser, desk: Served) -> None:
    with at(browser, desk, f"/?detector={SCANNING}") as page:
        expect(page.locator(".item").first).to_contain_text("1 more like it")
        page.get_by_role("link", name="1 more like it").first.click()
        expect(page.locator(".item")).to_have_count(1)
        expect(page.locator(".item")).to_contain_text("2 cases")
        page.keyboard.press("Shift+F")
        expect(page.locator(".toast")).to_contain_text("2 alerts")
    assert listed(desk, f"/?detector={SCANNING}&state=judged")
    assert "like it" not in text(desk, f"/?detector={SCANNING}&state=judged")


def test_a_group_is_judged_alert_by_alert_or_whole(browser: Browser, desk: Served) -> None:
    with at(browser, desk) as page:
        page.keyboard.press("o")
        page.wait_for_url("**/groups/*")
        expect(page.locator(".item")).to_have_count(3)
        page.keyboard.press("f")
        expect(page.locator(".item.given")).to_have_count(1)
        assert said(desk) == {"a1": "false_positive"}
        page.keyboard.press("Shift+U")
        expect(page.locator(".item.given")).to_have_count(3)
        assert set(said(desk)) == {"a1", "a2", "a3"}
        page.keyboard.press("q")
        page.wait_for_url(f"{desk.url}/")


def test_it_works_without_scripts(browser: Browser, desk: Served) -> None:
    with at(browser, desk, script=False) as page:
        page.get_by_label("Environment").select_option("oslo")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator(".item")).to_have_count(2)
        page.get_by_role("button", name=f"false positive: {GUEST}").click()
        expect(page.locator(".item")).to_have_count(1)
        assert said(desk) == {"bb": "false_positive"}
        assert "environment=oslo" in page.url
        page.get_by_role("button", name="Change to light").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "light")
        assert "environment=oslo" in page.url


def test_text_of_logs_is_seen_and_does_nothing(browser: Browser, desk: Served) -> None:
    with at(browser, desk, "/?environment=berlin") as page:
        expect(page.locator(".item").first).to_contain_text(
            r"<script>document.title='owned'</script>\x1b[31m\u202egnp.exe"
        )
        expect(page).to_have_title("Queue · Whetstone")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_kept_out(
    browser: Browser, desk: Served, theme: Literal["light", "dark"]
) -> None:
    with at(browser, desk, theme=theme, size=PHONE) as page:
        page.keyboard.press("Shift+T")
        expect(page.locator(".item.given")).to_have_count(1)
        assert barriers(page) == []
        assert not scrolls_sideways(page)
        page.get_by_text("More filters").click()
        assert page.get_by_label("Technique").is_visible()
        page.set_viewport_size({"width": 320, "height": 600})
        assert not scrolls_sideways(page)
    with at(browser, desk, "/?by=pattern", theme=theme) as page:
        page.keyboard.press("?")
        assert barriers(page) == []
        page.keyboard.press("Escape")
        page.goto(f"/groups/{desk.cases.alert('a1').group_id}")
        expect(page.locator(".item .pill.true_positive")).to_have_count(3)
        assert barriers(page) == []


def test_who_may_only_read_of_one_environment_sees_that_and_judges_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("shut"), Tokens({OF_OSLO: "oslo"})) as shut:
        fill(shut)
        bearer = {"Authorization": f"Bearer {OF_OSLO}"}
        page = shut.get("/", **bearer).text
        assert ATTACKER in page and GUEST in page
        assert SCANNER not in page and "berlin" not in page.lower()
        assert "data-verdict" not in page
        berlin = shut.cases.alert("d1").group_id
        assert shut.get(f"/groups/{berlin}", **bearer).status == 404


MORE = [an_alert(f"n{n}", GUESSING, "oslo", f"192.0.2.{n}", per_day=0.01) for n in (1, 2)]


def comes_in(desk: Served, *more: Alert) -> None:
    found = [alert for alert in ALERTS if alert.detector == GUESSING]
    desk.cases.replace_alerts(DAY, GUESSING, [*found, *more])


def half_a_minute(page: Page) -> None:
    """Let the page's clock go on, and whatever it asks for then be answered."""
    page.clock.run_for(31_000)
    page.wait_for_load_state("networkidle")


@contextmanager
def watching(browser: Browser, desk: Served, path: str = "/", **how: Any) -> Iterator[Page]:
    """Somebody who looks at a page whose clock stands still."""
    with visiting(browser, desk.url, **how) as page:
        page.clock.install()
        page.goto(path)
        yield page


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_what_comes_in_is_told_and_moves_nothing(
    browser: Browser, desk: Served, size: tuple[int, int]
) -> None:
    with watching(browser, desk, size=size) as page:
        page.keyboard.press("j")
        news = page.get_by_role("link", name="new alert")
        half_a_minute(page)
        expect(news).to_have_count(0)
        before = page.locator(".item").evaluate_all(PLACES)

        comes_in(desk, *MORE)
        half_a_minute(page)
        expect(news).to_have_text(re.compile("2 new alerts"))
        assert page.locator(".item").evaluate_all(PLACES) == before
        assert GUEST in chosen(page)
        assert barriers(page) == []
        assert not scrolls_sideways(page)

        # A verdict is no news, and neither hides it.
        page.keyboard.press("Shift+U")
        expect(page.locator(".item.given")).to_have_count(1)
        half_a_minute(page)
        expect(news).to_have_text(re.compile("2 new alerts"))

        page.keyboard.press("s")
        expect(page.locator(".item")).to_have_count(6)
        expect(news).to_have_count(0)
        expect(page.locator(".item .about", has_text="192.0.2.1")).to_be_visible()


PLACES = "all => all.map(one => [one.id, one.getBoundingClientRect().top])"


def test_only_what_fits_the_filters_is_news(browser: Browser, desk: Served) -> None:
    with watching(browser, desk, "/?environment=berlin") as page:
        news = page.get_by_role("link", name="new alert")
        comes_in(desk, *MORE)
        half_a_minute(page)
        expect(news).to_have_count(0)
        page.get_by_label("Environment").select_option("")
        expect(page.locator(".item")).to_have_count(7)
        comes_in(desk, *MORE, an_alert("n3", GUESSING, "berlin", "192.0.2.3"))
        half_a_minute(page)
        expect(news).to_have_text(re.compile("1 new alert "))


def test_news_come_into_an_empty_queue(browser: Browser, desk: Served) -> None:
    with watching(browser, desk, "/?entity=192.0.2") as page:
        expect(page.get_by_text("Nothing here fits")).to_be_visible()
        comes_in(desk, *MORE)
        half_a_minute(page)
        expect(page.get_by_role("link", name="2 new alerts")).to_be_visible()
        page.keyboard.press("s")
        expect(page.locator(".item")).to_have_count(2)
        assert "192.0.2." in chosen(page)


def test_a_page_that_nobody_looks_at_asks_for_nothing(browser: Browser, desk: Served) -> None:
    with watching(browser, desk) as page:
        asked: list[str] = []

        def noted(request: Request) -> None:
            if "/news" in request.url:
                asked.append(request.url)

        page.on("request", noted)
        page.evaluate(LOOKED_AT, False)
        comes_in(desk, *MORE)
        half_a_minute(page)
        half_a_minute(page)
        assert asked == []
        page.evaluate(LOOKED_AT, True)
        expect(page.get_by_role("link", name="2 new alerts")).to_be_visible()

        # Left for hours the page falls silent too, until a hand comes back.
        page.clock.fast_forward("02:00:00")
        page.wait_for_load_state("networkidle")
        asked.clear()
        half_a_minute(page)
        assert asked == []
        comes_in(desk, MORE[0])
        page.keyboard.press("j")
        expect(page.get_by_role("link", name="1 new alert")).to_be_visible()


LOOKED_AT = """seen => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => !seen });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}"""


def test_a_desk_that_does_not_answer_is_no_news(browser: Browser, desk: Served) -> None:
    with watching(browser, desk) as page:
        statuses = [503, 401]

        def fails(route: Route) -> None:
            route.fulfill(status=statuses.pop(), headers={"hx-redirect": "/login"}, body="later")

        page.route("**/news?*", fails)
        for _ in range(2):
            with page.expect_response("**/news?*"):
                page.clock.run_for(31_000)
        assert statuses == []
        expect(page.locator(".toast")).to_have_count(0)
        assert page.url == f"{desk.url}/"
        page.unroute("**/news?*")
        comes_in(desk, *MORE)
        half_a_minute(page)
        expect(page.get_by_role("link", name="2 new alerts")).to_be_visible()


def test_news_are_counted_from_what_is_left_when_alerts_are_taken_back(desk: Served) -> None:
    def news(since: int, told: int) -> str:
        return desk.get(f"/news?query=&since={since}&told={told}").text

    comes_in(desk, *MORE)
    assert "2 new alerts" in news(7, 0)
    assert desk.get("/news?query=&since=7&told=2").status == 204
    comes_in(desk)
    assert "new alert" not in news(9, 0) and "since=7&amp;told=0" in news(9, 0)
    comes_in(desk, MORE[0])
    assert "1 new alert " in news(7, 0)


def test_the_queue_says_what_waits_and_speaks_the_words_of_the_catalog(
    browser: Browser, desk: Served
) -> None:
    with at(browser, desk) as page:
        expect(page.get_by_text("7 alerts wait for a verdict")).to_be_visible()
        expect(page.locator(".item .why").first).to_have_text("Failed log-ins 16–31")
        expect(page.locator(".item .why").nth(1)).to_have_text("Failed log-ins = 31")
        expect(page.locator(".item .of").first).to_contain_text("T1110 Brute Force")
        page.get_by_label("Environment").select_option("berlin")
        expect(page.get_by_text("3 alerts wait for a verdict")).to_be_visible()
