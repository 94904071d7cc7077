"""Retention of reports: a page of 3.6 MB a detector and day is what fills a disk first."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from monitoring.projects import project_id, project_of, snapshot_id
from whetstone.reports import ReportName, read_name
from whetstone.settings import Retention


def forget_reports(reports: Path, workspace: Path, limit: Retention, today: date) -> int:
    """Remove pages and snapshots beyond the limit, oldest data first; returns how many pages.

    The newest report of each detector and kind stays, however old or large it is.

    Args:
        reports: the directory of reports.
        workspace: Evidently's.
        limit: days of data, counted from `today`, and gigabytes of pages.
        today: UTC.
    """
    found = [(name, path) for path in reports.glob("*/*.html") if (name := read_name(path.name))]
    found.sort(key=lambda each: each[0].timestamp, reverse=True)
    kept: set[tuple[str, str]] = set()
    size, gone = 0, 0
    for name, path in found:
        try:
            size += path.stat().st_size
        except FileNotFoundError:  # a new report has replaced it meanwhile
            continue
        if (name.detector, name.kind) in kept and _exceeds(name, size, limit, today):
            path.unlink(missing_ok=True)
            _snapshot(workspace, name).unlink(missing_ok=True)
            gone += 1
        kept.add((name.detector, name.kind))
    return gone


def _exceeds(name: ReportName, size: int, limit: Retention, today: date) -> bool:
    first = (today - timedelta(limit.days)).isoformat() if limit.days is not None else ""
    return name.day < first or (limit.gigabytes is not None and size > limit.gigabytes * 1e9)


def _snapshot(workspace: Path, name: ReportName) -> Path:
    project = project_of(name.detector, name.kind)
    file = f"{snapshot_id(project, name.stem)}.json"
    return workspace / str(project_id(project)) / "snapshots" / file
