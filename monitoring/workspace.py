"""Evidently's workspace: a project a detector and kind of report, its dashboard, its snapshots.

Ids are derived from names, so that writing the same snapshot again replaces it. Files are written
elsewhere and moved into place under a lock: writers exclude each other, and `evidently ui`, which
watches the directory, never reads half a file.
"""

from __future__ import annotations

import fcntl
import math
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from evidently.core.metric_types import MetricTestResult, SingleValue
from evidently.core.report import Snapshot
from evidently.core.serialization import SnapshotModel
from evidently.legacy.model.widget import BaseWidgetInfo
from evidently.sdk.models import (
    DashboardModel,
    DashboardPanelPlot,
    DashboardTabModel,
    PanelMetric,
    ProjectModel,
)
from evidently.sdk.panels import line_plot_panel
from evidently.ui.storage.local.base import (
    DASHBOARD_FILE_NAME,
    PROJECT_FILE_NAME,
    SNAPSHOTS_DIR_NAME,
    LocalState,
)

from monitoring.projects import project_id, snapshot_id


@dataclass(frozen=True)
class Rendered:
    """Where a report went: its page, and its snapshot in the workspace."""

    html: Path
    snapshot_id: str


@dataclass(frozen=True)
class Line:
    """A metric over time: its class, and values of its fields; the legend may quote `{{field}}`."""

    legend: str
    metric: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """A chart of a dashboard."""

    title: str
    remark: str
    lines: Sequence[Line]
    size: str = "half"


def ensure_project(
    workspace: Path, name: str, description: str, panels: Sequence[Panel]
) -> uuid.UUID:
    """Create the project and its dashboard unless they exist; people may edit both afterwards."""
    project = project_id(name)
    with _writing(workspace) as stage:
        home = workspace / str(project)
        if not (home / PROJECT_FILE_NAME).exists():
            model = ProjectModel(id=project, name=name, description=description)
            stage.write_project(model)
            _publish(stage, workspace, Path(str(project)) / PROJECT_FILE_NAME)
        if not (home / DASHBOARD_FILE_NAME).exists():
            stage.location.makedirs(str(project))
            stage.write_dashboard(project, _dashboard(project, panels))
            _publish(stage, workspace, Path(str(project)) / DASHBOARD_FILE_NAME)
    return project


def add_snapshot(
    workspace: Path, project: str, snapshot: Snapshot, shown: Sequence[BaseWidgetInfo]
) -> uuid.UUID:
    """Add the snapshot, or replace the one of the same name; see `slim` for what is kept of it.

    `shown` are the widgets that the workspace's own view of the snapshot has.
    """
    home, key = project_id(project), snapshot_id(project, snapshot.get_name() or "")
    with _writing(workspace) as stage:
        stage.write_snapshot(home, key, slim(snapshot, shown))
        _publish(stage, workspace, Path(str(home)) / SNAPSHOTS_DIR_NAME / f"{key}.json")
    return key


def snapshots(workspace: Path, project: str) -> _Names:
    """The names of the snapshots that a project has; ask with `in`."""
    return _Names(workspace / str(project_id(project)) / SNAPSHOTS_DIR_NAME, project)


@dataclass(frozen=True)
class _Names:
    directory: Path
    project: str

    def __contains__(self, name: str) -> bool:
        return (self.directory / f"{snapshot_id(self.project, name)}.json").exists()


def slim(snapshot: Snapshot, shown: Sequence[BaseWidgetInfo]) -> SnapshotModel:
    """The snapshot's numbers and test results, without the drawings, which are 100 times as large.

    Numbers that do not exist (NaN) are left out: a gap in the dashboard's line, and JSON that
    browsers read. The tests name them.
    """
    model = snapshot.to_snapshot_model()
    kept = {
        key: result.copy(update={"widget": [], "tests": [_plain(test) for test in result.tests]})
        for key, result in model.metric_results.items()
        if not math.isnan(cast(SingleValue, result).value)
    }
    model.metric_results = kept
    model.top_level_metrics = [key for key in model.top_level_metrics if key in kept]
    model.widgets = list(shown)
    return model


def _plain(test: MetricTestResult) -> MetricTestResult:
    # The bound test is of a class that `evidently ui` cannot import.
    return test.copy(update={"bound_test": None})


def _dashboard(project: uuid.UUID, panels: Sequence[Panel]) -> DashboardModel:
    plots = [_plot(project, panel) for panel in panels]
    tab = DashboardTabModel(
        id=uuid.uuid5(project, "tab"), title="Over time", panels=[plot.id for plot in plots]
    )
    return DashboardModel(tabs=[tab], panels=plots)


def _plot(project: uuid.UUID, panel: Panel) -> DashboardPanelPlot:
    values = [
        PanelMetric(legend=line.legend, metric=line.metric, metric_labels=dict(line.labels))
        for line in panel.lines
    ]
    plot = line_plot_panel(panel.title, values, panel.remark, panel.size)
    return plot.copy(update={"id": uuid.uuid5(project, panel.title)})


@contextmanager
def _writing(workspace: Path) -> Iterator[LocalState]:
    """Hold the workspace's lock, with a place of the same layout to write into first.

    The place is beside the workspace: `evidently ui` takes up what is moved in, and overlooks
    what is renamed inside.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    with (workspace / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            with tempfile.TemporaryDirectory(prefix=".evidently-", dir=workspace.parent) as stage:
                yield LocalState(stage)
        finally:
            # A process forked meanwhile has the file open too: closing it would not unlock.
            fcntl.flock(lock, fcntl.LOCK_UN)


def _publish(stage: LocalState, workspace: Path, file: Path) -> None:
    (workspace / file).parent.mkdir(parents=True, exist_ok=True)
    (Path(stage.path) / file).replace(workspace / file)
