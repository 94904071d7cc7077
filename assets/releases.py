"""The release repository's own upkeep: signatures are renewed, environments published."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.factory import Factory
from resources.stores import ReleaseRepositoryResource

_URGENT = timedelta(days=30)


@dg.op(description="Sign anew what is near its end, so that environments never see it expired.")
def renew(context: dg.OpExecutionContext, releases: ReleaseRepositoryResource) -> None:
    """Renew the repository's signatures; the root key is not needed, but root ends some day."""
    from whetstone.releases.health import root_needs_signing

    repository = releases.open()
    roles = repository.refresh()
    context.log.info(f"renewed: {', '.join(roles) or 'nothing was due'}")
    now = datetime.now(UTC)
    if need := root_needs_signing(repository, now):
        context.log.warning(need)
    if need := root_needs_signing(repository, now, _URGENT):
        raise dg.Failure(need, allow_retries=False)


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


def environments_sensor(factory: Factory) -> dg.SensorDefinition:
    """Publishes the environments of the catalog when the platform starts and when they change."""

    @dg.sensor(
        name="publish_environments",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Publishes the definitions of environments, signed, for their scorers.",
    )
    def publish_environments(
        context: dg.SensorEvaluationContext, releases: ReleaseRepositoryResource
    ) -> dg.SkipReason:
        environments = factory.catalog.environments.values()
        changed = releases.open().publish_environments(environments)
        if changed:
            context.log.info(f"published: {', '.join(changed)}")
        return dg.SkipReason(f"published: {', '.join(changed) or 'nothing changed'}")

    return publish_environments
