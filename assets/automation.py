"""Automation: at every tick, ask the plan what is stale and start exactly that.

The sensor keeps no state of its own. What was made is in the lake's manifests, what is being made
in Dagster's runs; so nothing is lost by a crash or a change that arrives in the middle of a run.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus, RunsFilter

from assets.factory import CAUSE_TAG, Factory
from assets.liveness import bury_the_dead
from assets.retraining import standing
from resources.roots import read_roots
from resources.stores import CaseStoreResource, LakeResource
from whetstone.ledger import LakeLedger
from whetstone.planning import Plan, Run, plan
from whetstone.versions import Key, Roots

_FIRST_DAY = "dagster/asset_partition_range_start"
_LAST_DAY = "dagster/asset_partition_range_end"
# A run that hangs is ended by Dagster's run monitoring.
_MAX_RUNTIME = {"dagster/max_runtime": str(6 * 3600)}
_ACTIVE = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_SHOWN_CAUSES = 250
_SHOWN_HELD = 5


def sensor(factory: Factory) -> dg.SensorDefinition:
    """The sensor that keeps everything up to date; switch it off to take over by hand."""

    @dg.sensor(
        name="keep_up_to_date",
        target=dg.AssetSelection.all(),
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts what is stale: new files, contributions, verdicts, edited definitions.",
    )
    def keep_up_to_date(
        context: dg.SensorEvaluationContext, lake: LakeResource, cases: CaseStoreResource
    ) -> dg.SensorResult | dg.SkipReason:
        bury_the_dead(factory.settings.home, context.instance)
        decided = plan_now(factory, lake, cases, being_made(context.instance))
        if not decided.runs:
            return dg.SkipReason(_why_nothing(decided))
        return dg.SensorResult(run_requests=[_request(run) for run in decided.runs])

    return keep_up_to_date


def plan_now(
    factory: Factory,
    lake: LakeResource,
    cases: CaseStoreResource,
    active: frozenset[Key] = frozenset(),
) -> Plan:
    """What is stale at this moment; `active` is being made already."""
    now = datetime.now(UTC)
    with cases.open() as store:
        roots = read_roots(factory.catalog, factory.settings, store)
        kept = standing(factory, lake.open(), store, now, active)
    known = {
        root: {day: v for day, v in versions.items() if day is None or factory.has_day(day)}
        for root, versions in roots.versions.items()
    }
    ledger = LakeLedger(lake.open())
    decided = plan(factory.graph, ledger, Roots(known), now, active, kept.holds, kept.left)
    strange = {
        f"{root}[{day}]": "lies before the first day known or in the future: reload the definitions"
        for root, versions in roots.versions.items()
        for day in versions
        if day not in known[root]
    }
    return replace(decided, held={**decided.held, **strange})


def selection(run: Run) -> list[dg.AssetKey]:
    """The Dagster assets of a run: rejects are made beside what is parsed."""
    names = [
        name
        for asset in run.assets
        for name in (asset, asset.replace("parsed/", "rejects/", 1))
        if name == asset or asset.startswith("parsed/")
    ]
    return [dg.AssetKey(name.split("/")) for name in names]


def run_tags(run: Run) -> dict[str, str]:
    """The tags of a run: its days, and why it was started."""
    days = {_FIRST_DAY: run.days[0], _LAST_DAY: run.days[-1]} if run.days else {}
    return {**days, **_MAX_RUNTIME, CAUSE_TAG: describe(run)[:_SHOWN_CAUSES]}


def describe(run: Run) -> str:
    """Why a run is started, in a line: causes, each with the assets it concerns."""
    by_cause: dict[str, list[str]] = {}
    for asset, cause in run.causes.items():
        by_cause.setdefault(cause, []).append(asset)
    parts = [
        f"{cause} ({assets[0]}{f' and {len(assets) - 1} more' if len(assets) > 1 else ''})"
        for cause, assets in by_cause.items()
    ]
    return "; ".join(parts)


def being_made(instance: dg.DagsterInstance) -> frozenset[Key]:
    """The assets and days that are being made at this moment."""
    return active_keys(instance.get_runs(RunsFilter(statuses=_ACTIVE)))


def active_keys(runs: Iterable[DagsterRun]) -> frozenset[Key]:
    """The assets and days that unfinished runs are making."""
    return frozenset(
        ("/".join(key.path), day)
        for run in runs
        for key in run.asset_selection or ()
        for day in (None, *_days(run))
    )


def _days(run: DagsterRun) -> list[str]:
    if _FIRST_DAY not in run.tags:
        single = run.tags.get("dagster/partition")
        return [single] if single else []
    first, last = (date.fromisoformat(run.tags[tag]) for tag in (_FIRST_DAY, _LAST_DAY))
    return [(first + timedelta(n)).isoformat() for n in range((last - first).days + 1)]


def _request(run: Run) -> dg.RunRequest:
    # What failed is known from the ledger. The key is for what could not even be noted there, on a
    # full disk say: it is started once an hour at most.
    return dg.RunRequest(
        run_key=run.fingerprint, asset_selection=selection(run), tags=run_tags(run)
    )


def _why_nothing(decided: Plan) -> str:
    parts = [f"{len(decided.waiting)} assets wait for runs"] if decided.waiting else []
    parts += [f"{asset}: {reason}" for asset, reason in list(decided.held.items())[:_SHOWN_HELD]]
    if len(decided.held) > _SHOWN_HELD:
        parts.append(f"and {len(decided.held) - _SHOWN_HELD} more")
    return "everything is up to date" if not parts else "; ".join(parts)
