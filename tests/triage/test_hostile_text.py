"""Text of attackers through everything that takes text, and then every page: it stays text.

It comes as scorers' records, batch alerts and raw lines, in verdicts, views, rules, uploads, ideas,
tokens and logs, and in the addresses of the pages themselves.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import quote, urlencode

import pytest
from fastapi.routing import iter_route_contexts

from tests.hostile_text import HOSTILE, MEGABYTE, OWN, UNSEEN, Dom
from tests.triage import evidence_world as world
from tests.triage.browser import browsing, visiting
from tests.triage.scorer_records import a_record
from tests.triage.servers import Answer, Served, serving
from triage.pages.asked import Asked
from whetstone.audit import AuditLog
from whetstone.settings import Settings

MOST_BYTES = 700_000
SHORT = f"""'"><x-owned onclick="{OWN}">{{{{7*7}}}}\x1b[31m\u202e"""
LINES = f"a1b2c3d4{world.OPEN}"
_NOT_FOUND_BY_ROUTE = ("/groups/", "/rules/new", "/receipts/", "/contribute/", "/ideas/")
_URLS = ("href", "src", "action", "formaction", "hx-get", "hx-post", "xlink:href")
_OWN_TAGS = frozenset(
    re.findall(
        r"\w+",
        "html head meta title link script body a header svg path rect circle text g nav div span"
        " form input button kbd main dialog h1 h2 h3 dl dt dd p section ol ul li table thead tbody"
        " tr th td select option optgroup label textarea details summary time strong b small code"
        " pre mark figure figcaption aside fieldset legend em br hr q",
    )
)


@dataclass(frozen=True)
class Attacked:
    """A server that has taken all of it, the addresses of its pages, and what forms answered."""

    served: Served
    pages: list[str]
    answers: list[Answer]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    settings = world.installation(tmp_path_factory.mktemp("home"))
    world.store(settings, "sshd", {world.OPEN: raw_lines()})
    with serving(settings.home, catalog=settings.catalog) as served:
        alerts = report(served) + score(served)
        answers = say(served, settings, alerts)
        yield Attacked(served, addresses(served, alerts), answers)


def raw_lines() -> list[str]:
    """Whoever guesses passwords chooses the names of the accounts."""
    short = [text for text in HOSTILE if text is not MEGABYTE]
    guesses = [
        f"{world.DAY}T10:00:{n:02}+00:00 gate1 sshd[4000]: Failed password for invalid user"
        f" {name} from {world.ATTACKER} port {40000 + n} ssh2"
        for n, name in enumerate([*short, "\udcff\udcfe", "y" * 100_000])
    ]
    return [*guesses, *short, "\udcff"]


def report(served: Served) -> list[str]:
    """A record a text, which stands in each of its fields; notices and a scorer's own words."""
    records = [
        a_record(
            f"aa{n}",
            environment=text[:200],
            detector=text[:200],
            model_version=text[:200],
            source=text[:200],
            unit=text[:10_000],
            entity={text[:200]: text[:10_000], "src_ip": text[:10_000]},
            explanation=[
                {
                    "feature": text[:200],
                    "value": text[:10_000],
                    "contribution": 0.4,
                    "member": text,
                },
                {"feature": text[:200], "value": text[:10_000], "contribution": 0.3, "position": n},
                {"feature": "x", "value": 1.0, "contribution": 0.1, "position": {text: text}},
            ],
            lines=[{"input": text, "line": 1, "text": text}, {"input": [text], "line": 2}],
            context=[{"source": text, "event_time": text, "fields": {text: text, "x": [text]}}],
            related=[{"alert": text, "detector": text}],
            group=text,
        )
        for n, text in enumerate(HOSTILE)
        if text is not MEGABYTE
    ]
    big = [a_record("bb0", lines=[{"input": "x", "line": 1, "text": MEGABYTE}])]
    for sent in (records, big):
        taken(served.post("/api/alerts", {"records": sent}))
    for text in (text[:200] for text in HOSTILE):
        digest = {"text": text, text: [text]}
        body = {"environment": text, "scorer": text, "digest": digest}
        taken(served.post("/api/scorers", body))
    return [record["whetstone"]["alert"] for record in records + big]


def score(served: Served) -> list[str]:
    """What the day's batch finds; nobody bounds its texts but the platform itself."""
    guessing = world.guessing(world.OPEN, world.ATTACKER)
    alerts = [
        replace(
            guessing,
            alert_id=f"cc{n}",
            detector="hdfs_block_sequence",
            unit=text,
            entity={"block": text, text: text},
            explanation=[{"feature": text, "value": text, "contribution": 1.0, "position": 3}],
        )
        for n, text in enumerate(HOSTILE)
    ]
    day = date.fromisoformat(world.DAY)
    served.cases.replace_alerts(day, guessing.detector, [guessing])
    served.cases.replace_alerts(day, "hdfs_block_sequence", alerts)
    return [LINES, *(alert.alert_id for alert in alerts)]


def say(served: Served, settings: Settings, alerts: list[str]) -> list[Answer]:
    """What people write into forms, and the answers: what a form refuses it shows again."""
    trail = AuditLog(settings.triage_audit)
    answers: list[Answer] = []

    def send(path: str, **fields: str) -> None:
        answers.append(served.form(path, fields))

    verdict = f"/alerts/{LINES}/verdict"
    for number, text in enumerate(HOSTILE):
        trail.append(f"x{text[:300]}", "reidentify", f"x{text[:2_000]}", {"x": text[:2_000]})
        note = {"value": "false_positive", "note": text[:9_000], "verdict_id": f"v{number}"}
        send(f"/alerts/{alerts[number]}/verdict", **note)
    for text in (HOSTILE[0], HOSTILE[2], HOSTILE[7], SHORT):
        about = json.dumps({"src_ip": text})
        send("/views", name=text[:80], query=f"entity={quote(text[:100])}")
        send("/rules", environment=world.OPEN, detector="x", reason=text, entity=about)
        send("/ideas", definition=text)
        send("/settings/tokens", label=text[:60], scopes="read", environments="*")
        send(verdict, value=text, reason=text[:30], span=text)
        send(verdict, value="unsure", back=text)
        send(verdict, value="unsure", back="//elsewhere.example/")
        send("/theme", theme=text, back=f"javascript:{OWN}")
        send("/alerts/aa0/identity", why=text)
    files = {"raw": (f"{HOSTILE[0]}.log", "\x1b[2J"), "labels": ("l.csv", HOSTILE[0])}
    about = {"dataset": "ssh_bruteforce", "note": SHORT}
    return [*answers, served.upload("/contribute", about, files)]


def taken(answer: Answer) -> None:
    assert answer.status == 200, answer.text[:500]


def addresses(served: Served, alerts: list[str]) -> list[str]:
    """Every page, with what there is put into its address, and with hostile text in it."""
    pages = links_on(served, "/?state=all", "/contribute", "/ideas", "/rules", "/receipts")
    groups = [f"/groups/{served.cases.alert(each).group_id}" for each in alerts[::3]]
    pages += [*groups, *links_on(served, groups[0])]
    for context in iter_route_contexts(served.app.routes):
        path = str(context.path)
        asked = getattr(context, "methods", None) or ()
        if "GET" not in asked or path.startswith(("/api", "/health", "/openapi", "/login/")):
            continue
        name = path.partition("{")[2].partition("}")[0]
        hostile = quote(SHORT, safe="")
        pages += [
            path.replace(f"{{{name}}}", each)
            for each in [*(alerts if name == "alert_id" else []), hostile]
        ]
        given = {param.name for param in getattr(context, "dependant").query_params}  # noqa: B009
        query = urlencode(dict.fromkeys({*given, *Asked.model_fields, "back"}, SHORT))
        pages.append(f"{path.replace(f'{{{name}}}', alerts[0])}?{query}")
    texts = ("entity", "pattern", "environment", "detector", "technique", "after")
    pages += [f"/?{urlencode({name: SHORT, 'state': 'all'})}" for name in texts]
    pages += ["/?by=pattern&state=all", "/?state=all", "/?state=judged"]
    return sorted(set(pages))


def links_on(served: Served, *pages: str) -> list[str]:
    """Where some pages lead to within the site, at most thirty addresses each."""
    found: list[str] = []
    for page in pages:
        tags = Dom(served.get(page).text).tags
        links = {attributes.get("href") or "" for tag, attributes in tags if tag == "a"}
        found += sorted(link for link in links if link.startswith(_NOT_FOUND_BY_ROUTE))[:30]
    return found


def wrong(answer: Answer) -> list[str]:
    """What a page must not hold, and holds."""
    if answer.status in (303, 307):
        return [] if _leads_within(answer.headers["Location"]) else ["leads elsewhere"]
    if answer.status >= 500:
        return [f"status {answer.status}"]
    policy = answer.headers["Content-Security-Policy"]
    found = [] if "script-src 'self';" in f"{policy};" else [f"policy: {policy}"]
    found += [f"character {ord(c):#x}" for c in sorted(UNSEEN & set(answer.text))]
    if len(answer.text.encode()) > MOST_BYTES:
        found.append(f"{len(answer.text.encode()):,} bytes")
    if "49 ${" in answer.text or ">49\x1b" in answer.text:
        found.append("a template was evaluated")
    for tag, attributes in Dom(answer.text).tags:
        found += [f"<{tag}>"] if tag not in _OWN_TAGS else []
        found += [f"<{tag} {name}>" for name in attributes if _acts(name)]
        urls = ((name, (attributes.get(name) or "/").strip()) for name in _URLS)
        found += [f"<{tag} {name}={url[:60]}>" for name, url in urls if not _leads_within(url)]
        if tag == "script" and not (attributes.get("src") or "").startswith("/static/"):
            found.append("a script in the page")
    return found


def _acts(attribute: str) -> bool:
    return attribute.startswith(("on", "hx-on")) or attribute in ("style", "srcdoc", "autofocus")


def _leads_within(url: str) -> bool:
    return url.startswith(("/", "#", "?", "http://127.0.0.1:3001/")) and not url.startswith("//")


def test_no_page_makes_anything_of_it(attacked: Attacked) -> None:
    assert len(attacked.pages) > 100
    found = {page: wrong(attacked.served.get(page)) for page in attacked.pages}
    found |= {str(n): wrong(answer) for n, answer in enumerate(attacked.answers)}
    assert {page: problems for page, problems in found.items() if problems} == {}


def test_nothing_of_it_is_hidden(attacked: Attacked) -> None:
    for n, (text, shown) in enumerate(
        [
            (HOSTILE[0], HOSTILE[0]),
            ("{{7*7}}", HOSTILE[7]),
            ("DROP TABLE", HOSTILE[8]),
            ("\\x1b[31mred\\x07", "the escapes of a terminal"),
            ("safe\\u202egpj.exe", "marks of direction"),
        ]
    ):
        number = (0, 7, 8, 11, 12)[n]
        for page in (f"/alerts/aa{number}", f"/alerts/cc{number}"):
            assert text in Dom(attacked.served.get(page).text).text, (page, shown)
    lines = Dom(attacked.served.get(f"/alerts/{LINES}/lines").text).text
    for text in (HOSTILE[0], "\\x1b[2J", "\\x00", "{{7*7}}"):
        assert text in lines, text
    assert "more)" in Dom(attacked.served.get("/alerts/cc17").text).text, "a megabyte is cut"


def test_tables_outlive_the_statements_in_their_texts(attacked: Attacked) -> None:
    assert attacked.served.cases.alert(LINES).alert_id == LINES
    assert attacked.served.get("/health").status == 200


def test_nothing_of_it_runs_in_a_browser(attacked: Attacked) -> None:
    looked_at = [
        "/?state=all",
        "/rules",
        "/receipts",
        "/audit",
        f"/?{urlencode({'entity': SHORT})}",
    ]
    alerts = ["/alerts/aa0", "/alerts/cc2", f"/alerts/{LINES}"]
    with browsing() as browser, visiting(browser, attacked.served.url) as page:
        for path in [*looked_at, *alerts]:
            page.goto(path)
            if path in alerts:
                page.wait_for_selector("#lines .faint")
            assert page.get_attribute("html", "data-owned") is None, path
            assert page.locator("x-owned, [onerror], [onclick], [onload]").count() == 0, path
