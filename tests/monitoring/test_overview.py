"""The overview: what decides a detector's light, and the page that shows it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from monitoring.overview import Known, Retraining, Row, Service, Silence, overview, reasons
from monitoring.overview.page import page
from monitoring.overview.sparkline import in_words, sparkline

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
DAYS = [f"2026-11-{day:02}" for day in range(11, 21)]
TODAY = DAYS[-1]
SERVICE = Service("9752d02cc777", "2026-11-14T08:00:00", 3)


def known(name: str = "ssh", **more: Any) -> Known:
    alerts = more.pop("alerts", [None, *range(9)])
    parts = {"drift": {TODAY: {"verdict": "ok"}}, "service": SERVICE} | more
    return Known(name, name.upper(), ["team:detection"], alerts=alerts, **parts)


def one(**more: Any) -> Row:
    (row,) = overview([known(**more)], DAYS, made_at=NOW).rows
    return row


def said(**more: Any) -> list[tuple[str, str, str]]:
    return [(r.level, r.about, r.text) for r in reasons(known(**more), TODAY)]


def test_a_detector_of_which_nothing_bad_is_known_is_ok() -> None:
    row = one(quality={"verdict": "ok"}, evaluation={"gate": "passed"})
    assert (row.light, row.reasons) == ("ok", [])


def test_what_is_not_in_service_waits() -> None:
    assert one(service=None, drift={}).light == "waiting"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (
            {"drift": {TODAY: {"verdict": "drift", "reasons": ["volume doubled", "PSI 0.4"]}}},
            ("bad", "drift", f"volume doubled; PSI 0.4 (on {TODAY})"),
        ),
        (
            {"quality": {"verdict": "warn", "reasons": ["precision fell"]}},
            ("warn", "quality", "precision fell"),
        ),
        (
            {"quality": {"canaries": {"planted": 5, "found": 3, "missed": ["spray", "slow"]}}},
            ("bad", "canaries", "missed 2 of 5 planted attacks: spray, slow"),
        ),
        (
            {"quality": {"blind_share": 0.07}},
            ("warn", "blindness", "7% of the traffic could not be seen"),
        ),
        (
            {"quality": {"blind_share": 0.3}},
            ("bad", "blindness", "30% of the traffic could not be seen"),
        ),
        (
            {"evaluation": {"gate": "failed", "reasons": ["recall fell"]}},
            ("warn", "gate", "the champion stays, its challenger was refused: recall fell"),
        ),
        (
            {"evaluation": {"gate": "failed", "reasons": ["too few"]}, "service": None},
            ("bad", "gate", "not in service, the gate refused it: too few"),
        ),
        (
            {"evaluation": {"suspects": {"harmed": True, "reason": "mallory's verdicts"}}},
            ("warn", "suspects", "mallory's verdicts"),
        ),
        (
            {"drift": {DAYS[-3]: {"verdict": "ok"}}},
            ("warn", "scores", f"nothing was scored after {DAYS[-3]}; data go on to {TODAY}"),
        ),
        (
            {"silent": [Silence(e, "sshd", DAYS[0]) for e in ("berlin", "oslo", "rome", "wien")]},
            (
                "warn",
                "blindness",
                f"sshd is silent in berlin (last: {DAYS[0]}), oslo (last: {DAYS[0]}),"
                f" rome (last: {DAYS[0]}) and 1 more",
            ),
        ),
    ],
)
def test_a_light_says_why(facts: dict[str, Any], reason: tuple[str, str, str]) -> None:
    assert said(**facts) == [reason]
    assert one(**facts).light == reason[0]


def test_the_worst_reason_decides_and_comes_first() -> None:
    row = one(
        drift={TODAY: {"verdict": "warn", "reasons": ["moved"]}},
        quality={"verdict": "bad", "reasons": ["precision 0.1"]},
    )
    assert row.light == "bad"
    assert [reason.about for reason in row.reasons] == ["quality", "drift"]


def test_the_worst_detectors_come_first_and_those_that_wait_last() -> None:
    bad = {TODAY: {"verdict": "drift", "reasons": ["moved"]}}
    both = {"verdict": "bad", "reasons": ["wrong"]}
    found = overview(
        [
            known("a_waits", service=None, drift={}),
            known("b_ok"),
            known("c_bad", drift=bad),
            known("d_worse", drift=bad, quality=both),
        ],
        DAYS,
        made_at=NOW,
    )
    assert [row.detector for row in found.rows] == ["d_worse", "c_bad", "b_ok", "a_waits"]
    assert found.counts == {"bad": 2, "warn": 0, "ok": 1, "waiting": 1}


def test_precision_is_that_of_verdicts_and_an_estimate_only_where_there_are_none() -> None:
    estimate = {"value": 0.6, "low": 0.4, "high": 0.8}
    by_verdicts = one(quality={"precision": {"value": 0.9}, "estimated_precision": estimate})
    estimated = one(quality={"precision": None, "estimated_precision": estimate})
    assert by_verdicts.precision is not None and estimated.precision is not None
    assert (by_verdicts.precision.value, by_verdicts.precision.estimated) == (0.9, False)
    assert (estimated.precision.value, estimated.precision.estimated) == (0.6, True)
    assert one(quality={}).precision is None


def test_the_newest_reports_are_linked_as_they_lie_beside_the_page() -> None:
    row = one(
        drift={
            DAYS[-2]: {"report": f"reports/ssh/ssh_drift_{DAYS[-2]}.html"},
            TODAY: {"verdict": "ok", "report": f"reports/ssh/ssh_drift_{TODAY}.html"},
        },
        quality={"report": "reports/ssh/ssh_quality_2026-11-20T235900.html"},
    )
    assert row.drift_report is not None and row.quality_report is not None
    assert row.drift_report.path == f"ssh/ssh_drift_{TODAY}.html"
    assert row.quality_report.about == "2026-11-20T235900"


@pytest.mark.parametrize("path", ["javascript:alert(1)", "reports/../../etc/passwd", "", None])
def test_what_is_no_path_of_a_report_is_not_linked(path: str | None) -> None:
    row = one(drift={TODAY: {"verdict": "ok", "report": path}}, quality={"report": path})
    assert (row.drift_report, row.quality_report) == (None, None)


def test_days_without_scores_do_not_count_into_the_alerts_a_day() -> None:
    assert one(alerts=[None] * 8 + [4, 8]).alerts_a_day == 6
    assert one(alerts=[None] * 10).alerts_a_day is None


def test_a_sparkline_says_in_words_what_it_shows() -> None:
    verdicts = ["ok", "warn", "drift"]
    assert in_words(DAYS[:3], [None, 3, 7], verdicts) == (
        f"10 alerts on 2 days to {DAYS[2]}, at most 7 a day; 1 days of drift, 1 with a warning"
    )
    drawn = sparkline(DAYS[:3], [None, 3, 7], verdicts)
    assert drawn.count("<rect") == 2
    assert 'class="bars" d="M5 ' in drawn, "no bar on the day without scores"
    assert in_words(DAYS, [None] * 10) == "not scored on any of these days"


def test_the_page_tells_all_of_a_detector_in_its_row() -> None:
    of_today = {
        "verdict": "drift",
        "reasons": ["volume doubled"],
        "report": "reports/ssh/x.html",
        "environments": [{"environment": "oslo", "verdict": "warn"}],
    }
    row = known(
        drift={TODAY: of_today},
        quality={"precision": {"value": 0.91, "low": 0.8, "high": 0.97}},
        retraining=Retraining("2026-11-14T07:00:00", "verdicts/ssh changed", "passed"),
        environments={"oslo": [1] * 10},
        dashboards={"drift": "http://127.0.0.1:8000/projects/1"},
    )  # fmt: skip
    text = page(overview([row], DAYS, [Silence("oslo", "sshd", DAYS[0])], made_at=NOW))
    for part in (
        "✕ bad", "volume doubled", "0.91", "0.80 to 0.97", "9752d02cc777", "for 7 days; release 3",
        "verdicts/ssh changed", 'href="ssh/x.html"', "projects/1", "1 environments",
        "Silent sources",
    ):  # fmt: skip
        assert part in text, part


def test_a_page_of_70_detectors_in_30_environments_is_small() -> None:
    rows = [
        known(f"detector_{n}", environments={f"site_{m}": list(range(10)) for m in range(30)})
        for n in range(70)
    ]
    text = page(overview(rows, DAYS, made_at=NOW))
    assert text.count("<tbody class=") == 70
    assert len(text) < 2_000_000


def test_a_page_of_nothing_says_so() -> None:
    empty = overview([], (), made_at=NOW)
    assert "newest data: <strong>none</strong>" in page(empty)
