"""Which reports go when there are too many."""

from datetime import date
from pathlib import Path

import pandas as pd

from monitoring import workspace
from monitoring.metrics import Number, NumbersReport, ShareDrifted
from monitoring.projects import project_of
from monitoring.reports_kept import forget_reports
from whetstone.reports import report_name
from whetstone.settings import Retention

TODAY = date(2026, 3, 10)


def written(home: Path, detector: str, kind: str, day: int) -> None:
    name = report_name(detector, kind, date(2026, 3, day))
    page = home / "reports" / name.path
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("x" * 1_000)
    run = NumbersReport([(ShareDrifted(), Number(0.1))]).run(
        pd.DataFrame({"n": [1]}), name=name.stem
    )
    workspace.add_snapshot(home / "evidently", project_of(detector, kind), run, [])


def left(home: Path, limit: Retention) -> tuple[set[str], int]:
    forget_reports(home / "reports", home / "evidently", limit, TODAY)
    pages = {path.name for path in (home / "reports").rglob("*.html")}
    return pages, len(list((home / "evidently").glob("*/snapshots/*.json")))


def test_pages_and_snapshots_of_old_days_go_and_the_newest_of_each_stays(tmp_path: Path) -> None:
    for day in (1, 2, 8, 9):
        written(tmp_path, "ssh", "drift", day)
    written(tmp_path, "ssh", "quality", 1)
    (tmp_path / "reports" / "overview.html").write_text("")
    pages, snapshots = left(tmp_path, Retention(days=5, gigabytes=None))
    assert pages == {
        "overview.html",
        "ssh_drift_2026-03-08.html",
        "ssh_drift_2026-03-09.html",
        "ssh_quality_2026-03-01.html",
    }
    assert snapshots == 3


def test_the_oldest_go_where_they_are_too_large(tmp_path: Path) -> None:
    for day in (7, 8, 9):
        written(tmp_path, "ssh", "drift", day)
    pages, snapshots = left(tmp_path, Retention(days=None, gigabytes=2_500 / 1e9))
    assert pages == {"ssh_drift_2026-03-08.html", "ssh_drift_2026-03-09.html"}
    assert snapshots == 2
