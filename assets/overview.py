"""Layer `overview`: the one page that tells of every detector how it stands."""

from datetime import UTC, datetime

import dagster as dg

from assets.factory import Factory, Look, Made, Work
from resources.called_for import triggers_of
from whetstone.lake import version_of
from whetstone.lake_retention import REPORTS
from whetstone.lineage import OVERVIEW


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """One asset: the page, and its point on the dashboard of all detectors."""
    settings = factory.settings

    def make(work: Work) -> Made:
        from monitoring.lineage_page import PAGE, write_lineage
        from monitoring.overview.facts import read_overview
        from monitoring.overview.page import FILE
        from monitoring.overview.report import render
        from monitoring.reports_kept import forget_reports

        with work.stores.cases.open() as cases:
            triggers = triggers_of(cases, factory.catalog.detectors)
        found = read_overview(factory.catalog, settings, triggers)
        render(found, settings.reports / FILE, settings.workspace, settings.dashboards_url)
        write_lineage(factory.catalog, settings.reports / PAGE)
        if limit := settings.retention.get(REPORTS):
            today = datetime.now(UTC).date()
            gone = forget_reports(settings.reports, settings.workspace, limit, today)
            work.say(f"{gone} reports were removed: WHETSTONE_RETENTION")
        facts = {"newest_day": found.newest_day, "silent": len(found.silent), **found.counts}
        with work.stores.lake.stage(work.place) as staged:
            manifest = work.commit(staged, version_of(facts), len(found.rows), facts)
        return Made(
            manifest,
            {
                **found.counts,
                "silent_sources": len(found.silent),
                "newest_day": found.newest_day or "none",
                "page": dg.MetadataValue.url(f"{settings.reports_url}/{FILE}"),
                "column_lineage": dg.MetadataValue.url(f"{settings.reports_url}/{PAGE}"),
                "dashboard": dg.MetadataValue.url(settings.dashboards_url),
            },
        )

    look = Look(
        description="All detectors on one page, the worst first: state and why, alerts, precision,"
        " champion, last retraining, links to the reports.",
        kinds=frozenset({"evidently", "html"}),
    )
    return [factory.asset(OVERVIEW, look, make)]
