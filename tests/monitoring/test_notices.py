"""What owners are told: which conditions, to whom, in which words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from monitoring.notices import Notice, addresses, conditions, harmless, messages
from monitoring.overview import Known, Service, overview

DAY = "2026-11-20"
SERVICE = Service("v1", "2026-11-14T08:00:00", 1)


def told(**facts: Any) -> list[tuple[str, str]]:
    known = Known("ssh", "SSH", ["team:detection"], alerts=[1], service=SERVICE, **facts)
    found = overview([known], [DAY], made_at=datetime(2026, 11, 21, tzinfo=UTC))
    return [(c.subject, c.kind) for c in conditions(found, "http://reports")]


def test_owners_are_told_of_what_is_bad_and_not_of_warnings() -> None:
    drift = {DAY: {"verdict": "drift", "reasons": ["moved"]}}
    quality = {"verdict": "bad", "reasons": ["precision 0.1"]}
    assert told(drift=drift, quality=quality) == [("ssh", "drift"), ("ssh", "quality")]
    warn = {"verdict": "warn", "reasons": ["moved a little"]}
    assert told(drift={DAY: warn}, quality=warn) == []


def test_owners_are_told_of_a_refused_challenger_missed_attacks_and_blindness() -> None:
    canaries = {"planted": 2, "found": 1, "missed": ["spray"]}
    quality = {"verdict": "ok", "canaries": canaries, "blind_share": 0.06}
    kinds = told(quality=quality, evaluation={"gate": "failed", "reasons": ["worse"]})
    assert kinds == [("ssh", "canaries"), ("ssh", "blindness"), ("ssh", "gate")]


def test_a_condition_leads_to_its_report() -> None:
    drift = {DAY: {"verdict": "drift", "report": f"reports/ssh/ssh_drift_{DAY}.html"}}
    known = Known("ssh", "SSH", alerts=[1], drift=drift)
    found = overview([known], [DAY], made_at=datetime(2026, 11, 21, tzinfo=UTC))
    (condition,) = conditions(found, "http://reports/")
    assert condition.link == f"http://reports/ssh/ssh_drift_{DAY}.html"


def test_owners_without_an_address_are_stood_for_by_anybody() -> None:
    known = {"team:a": ["one", "two"], "*": ["all"]}
    assert addresses(["team:a", "team:b"], known) == ["team:a#0", "team:a#1"]
    assert addresses(["team:b"], known) == ["*#0"]
    assert addresses([], known) == ["*#0"]
    assert addresses(["team:b"], {"team:a": ["one"]}) == []


def test_few_notices_come_one_by_one_and_many_as_a_digest() -> None:
    some = [Notice(f"d{n}", "drift", "moved", "http://reports/x") for n in range(3)]
    assert [message.title for message, _ in messages(some)] == [
        f"Whetstone: d{n}: drift" for n in range(3)
    ]
    many = [*some, Notice("d3", "drift", "moved", over=True)]
    ((digest, about),) = messages(many)
    assert digest.title == "Whetstone: 3 new notices, 1 over"
    assert "- d0: drift: moved http://reports/x\n" in digest.body
    assert digest.body.endswith("- d3: drift is over")
    assert about == tuple(many)


def test_a_digest_of_a_thousand_stays_readable() -> None:
    ((digest, about),) = messages([Notice(f"d{n}", "drift", "x" * 10_000) for n in range(1000)])
    assert digest.body.count("\n") == 40
    assert digest.body.endswith("and 960 more: see the overview")
    assert len(digest.body) < 10_000
    assert len(about) == 1000


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("<!channel> <@U123>", "‹!channel› ‹＠U123›"),
        ("@everyone", "＠everyone"),
        ("[login](http://evil.test)", "(login)(http :// evil.test)"),
        ("a\r\nBcc: victim@evil.test", "a Bcc: victim＠evil.test"),
        ("\x1b[31mred\x07", "\\x1b(31mred\\x07"),
        ("safe\u202egpj.exe", "safe\\x202egpj.exe"),
        ("**bold** *x* __y__", "bold x y"),
        ("x" * 1_000_000, "x" * 499 + "…"),
    ],
)
def test_text_of_logs_calls_nobody_and_links_nowhere(hostile: str, shown: str) -> None:
    assert harmless(hostile) == shown
    ((message, _),) = messages([Notice("ssh", "drift", hostile)])
    assert message.body == shown


def test_a_title_is_one_line_whatever_the_subject_is() -> None:
    ((message, _),) = messages([Notice("a\r\nBcc: x@y", "drift\n", "moved")])
    assert message.title == "Whetstone: a Bcc: x＠y: drift"
