"""The release repository's own upkeep: signatures that are renewed before they expire."""

import dagster as dg

from resources.stores import ReleaseRepositoryResource


@dg.op(description="Sign anew what is near its end, so that environments never see it expired.")
def renew(context: dg.OpExecutionContext, releases: ReleaseRepositoryResource) -> None:
    """Renew the repository's signatures."""
    roles = releases.open().refresh()
    context.log.info(f"renewed: {', '.join(roles) or 'nothing was due'}")


@dg.job(description="Keep the signatures of the release repository fresh.")
def renew_signatures() -> None:
    """One step: `renew`."""
    renew()


def renewal() -> dg.ScheduleDefinition:
    """Daily, for as long as the platform runs."""
    return dg.ScheduleDefinition(
        job=renew_signatures,
        cron_schedule="30 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
