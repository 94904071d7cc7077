"""From an alert to the reports on it, and what the names of reports tell."""

from datetime import date, datetime
from pathlib import Path

import pytest

from tests.triage.scorer_records import DAY, NOON, a_record, of_batch
from tests.triage.servers import serving
from triage.report_links import links_of
from whetstone.reports import ReportName, Reports, read_name, report_name


def written(directory: Path, *names: str) -> Reports:
    for name in names:
        path = directory / "reports" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return Reports(directory / "reports", "http://reports/")


def test_a_report_s_name_tells_detector_kind_and_the_time_of_its_data() -> None:
    assert report_name("ssh", "drift", date(2026, 3, 2)).path == "ssh/ssh_drift_2026-03-02.html"
    quality = report_name("ssh_gb", "quality", datetime.fromisoformat("2026-03-02T12:00:05"))
    assert quality.path == "ssh_gb/ssh_gb_quality_2026-03-02T120005.html"
    for name in (report_name("ssh", "drift", DAY), quality):
        assert read_name(f"{name.stem}.html") == name


def test_names_of_detectors_may_look_like_kinds() -> None:
    found = read_name("web_drift_v2_quality_2026-03-02.html")
    assert found == ReportName("web_drift_v2", "quality", "2026-03-02")


@pytest.mark.parametrize("name", ["overview.html", "ssh_drift.html", "ssh_drift_2026-03-02.txt"])
def test_what_is_no_report_has_no_such_name(name: str) -> None:
    assert read_name(name) is None


def test_an_alert_leads_to_the_report_on_its_day_and_the_newest_on_quality(tmp_path: Path) -> None:
    reports = written(
        tmp_path,
        "brute/brute_drift_2026-03-01.html",
        "brute/brute_drift_2026-03-02.html",
        "brute/brute_quality_2026-03-01.html",
        "brute/brute_quality_2026-03-01T235959.html",
        "brute_force/brute_force_drift_2026-03-02.html",
    )
    with serving(tmp_path, reports_url=reports.url) as api:
        api.cases.replace_alerts(DAY, "brute", [of_batch()])
        (alert,) = api.get("/api/alerts").json["alerts"]
        assert alert["day"] == "2026-03-02"
        assert alert["report"] == "http://reports/brute/brute_drift_2026-03-02.html"
        quality = "http://reports/brute/brute_quality_2026-03-01T235959.html"
        assert alert["quality_report"] == quality
        assert api.get(f"/api/alerts/{alert['alert_id']}").json["alert"] == alert


def test_an_alert_without_reports_leads_nowhere(tmp_path: Path) -> None:
    with serving(tmp_path) as api:
        api.cases.replace_alerts(NOON.date(), "brute", [of_batch()])
        (alert,) = api.get("/api/alerts").json["alerts"]
        assert (alert["report"], alert["quality_report"]) == (None, None)


def test_a_scorer_cannot_name_a_detector_that_leads_out_of_the_reports(tmp_path: Path) -> None:
    reports = written(tmp_path, "../outside/outside_drift_2026-03-02.html")
    with serving(tmp_path, reports_url=reports.url) as api:
        for place, name in enumerate(("../outside", "*", "a\0b")):
            api.post("/api/alerts", {"records": [a_record(f"{place}", detector=name)]})
        found = api.cases.alerts()
        assert found
        assert {link.report for link in links_of(reports, found)} == {None}
