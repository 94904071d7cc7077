"""Names and ids of the projects in Evidently's workspace: a detector and kind of report each."""

import uuid

ALL = "All detectors"
"""The project of the overview."""
_NAMES = uuid.UUID("5f0b9a52-6f5e-4c51-9a3c-0d6c1f0f8a11")


def project_of(detector: str, kind: str) -> str:
    """The project of a detector's reports of a kind."""
    return f"Detector {kind}: {detector}"


def project_id(name: str) -> uuid.UUID:
    """The id of the project of this name."""
    return uuid.uuid5(_NAMES, name)


def snapshot_id(project: str, name: str) -> uuid.UUID:
    """The id of the snapshot of this name in the project of that name."""
    return uuid.uuid5(project_id(project), name)


def dashboard_url(dashboards: str, name: str) -> str:
    """Where `evidently ui`, which answers at `dashboards`, shows a project."""
    return f"{dashboards.rstrip('/')}/projects/{project_id(name)}"
