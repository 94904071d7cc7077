"""The lake's own upkeep: rows of old days expire, and what stays is packed."""

from datetime import UTC, datetime

import dagster as dg

from assets.factory import Factory
from resources.retention import due_now, expire_now
from resources.stores import LakeResource


def schedule(factory: Factory) -> dg.ScheduleDefinition:
    """Daily, by the limits of the settings; nothing expires where there are none."""

    @dg.op(description="Give up rows that exceed WHETSTONE_RETENTION; manifests stay.")
    def expire_rows(context: dg.OpExecutionContext, lake: LakeResource) -> None:
        chosen = due_now(lake.open(), factory.settings.retention)
        gone = expire_now(factory.settings, factory.catalog, chosen, context.log.info)
        context.log.info(
            f"{gone.partitions} partitions, {gone.bytes / 1e6:.1f} MB; {gone.kept} rows are kept,"
            " as alerts are about them"
        )

    @dg.op(ins={"after": dg.In(dg.Nothing)}, description="Pack the rows of past days smaller.")
    def pack_rows(context: dg.OpExecutionContext, lake: LakeResource) -> None:
        from whetstone.lake_compaction import compact, compactable
        from whetstone.lake_retention import LAYERS
        from whetstone.lake_usage import partitions

        opened = lake.open()
        today = datetime.now(UTC).date()
        packed = compact(
            opened, compactable(opened, partitions(opened, LAYERS), today), context.log.info
        )
        saved = packed.bytes_before - packed.bytes_after
        context.log.info(f"{packed.rewritten} partitions packed, {saved / 1e6:.1f} MB saved")
        opened.remove_left_behind()

    @dg.job(name="retention", description="Keep the lake within its limits, and packed.")
    def retention() -> None:
        pack_rows(after=expire_rows())

    return dg.ScheduleDefinition(
        job=retention,
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
