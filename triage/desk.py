"""What every route of the web application works with."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from triage.cases import CaseStore
from triage.database import Database
from whetstone.audit import AuditLog
from whetstone.reports import Reports
from whetstone.settings import Settings


@dataclass(frozen=True)
class Desk:
    """The case store, and where the rest of the platform lies.

    Attributes:
        cases: alerts and verdicts.
        settings: lake, landing area, catalog, releases, reports and keys.
    """

    cases: CaseStore
    settings: Settings

    @property
    def database(self) -> Database:
        """The database of the case store, for the stores beside it."""
        return self.cases.database

    @property
    def trail(self) -> AuditLog:
        """Who logged in, and who did what others must be able to see afterwards."""
        return AuditLog(self.settings.triage_audit)

    @property
    def reports(self) -> Reports:
        """The reports that alerts lead to."""
        return Reports(self.settings.reports, self.settings.reports_url)


def _desk(request: Request) -> Desk:
    return cast("Desk", request.app.state.desk)


OfDesk = Annotated[Desk, Depends(_desk)]
"""The parameter by which a route gets the desk."""
