"""How every asset is made: which days, from which inputs, with a manifest at the end.

The layers give a `make` function for one partition; this module binds it to Dagster and keeps the
ledger, so that no layer can forget it.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import dagster as dg
import duckdb

from assets.column_lineage import TableLineages
from assets.freshness import freshness_of
from assets.liveness import mark_alive
from detectors import code_version
from resources.roots import read_root
from resources.stores import (
    CaseStoreResource,
    FeatureStoreResource,
    LakeResource,
    ReleaseRepositoryResource,
    WarehouseResource,
)
from whetstone.catalog import Catalog
from whetstone.catalog.families import families_of
from whetstone.definition_parts import Parts, parts_of
from whetstone.lake import Lake, Manifest, Place, Staged, version_of
from whetstone.landing import landed_days
from whetstone.ledger import LakeLedger, attempting, evidence_of
from whetstone.lineage import Graph, Input, Node
from whetstone.reasons import in_words, keep_parts, replaced, why_made
from whetstone.settings import Settings
from whetstone.versions import Roots, current_inputs

CAUSE_TAG = "whetstone/cause"
"""The tag by which a run says why it was started."""
BY_HAND = "by hand"
_SHOWN_DAYS = 30
_SHOWN_REASONS = 10


@dataclass(frozen=True)
class Stores:
    """What an asset may work with."""

    lake: Lake
    cases: CaseStoreResource
    releases: ReleaseRepositoryResource
    features: FeatureStoreResource
    warehouse: WarehouseResource


@dataclass(frozen=True)
class Work:
    """One partition to be made."""

    place: Place
    node: Node
    inputs: Mapping[str, str]
    stores: Stores
    say: Callable[[str], None]
    cause: str = ""

    @property
    def day(self) -> str:
        """The partition's day."""
        if self.place.day is None:
            raise ValueError(f"{self.place.asset} has no days")
        return self.place.day

    def manifest(self, version: str, rows: int, facts: Mapping[str, Any] | None = None) -> Manifest:
        """The manifest of what was made from this work's inputs and definitions."""
        code_version = self.node.code_version
        before = replaced(self.stores.lake.manifest(self.place), code_version, self.inputs)
        return Manifest(
            code_version,
            self.inputs,
            version,
            rows,
            facts=facts or {},
            cause=self.cause,
            before=before,
        )

    def commit(
        self, staged: Staged, version: str, rows: int, facts: Mapping[str, Any] | None = None
    ) -> Manifest:
        """Make the staged files visible under that manifest."""
        return staged.commit(self.manifest(version, rows, facts))


@dataclass(frozen=True)
class Made:
    """What came of a partition: its manifest, what the UI shows, what was checked.

    `beside` is the metadata of further assets that the same step makes, by asset.
    """

    manifest: Manifest
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    checks: Sequence[dg.AssetCheckResult] = ()
    beside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


@dataclass(frozen=True)
class Look:
    """How an asset looks in the UI."""

    description: str
    kinds: frozenset[str]
    owners: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    columns: Sequence[dg.TableColumn] = ()


@dataclass(frozen=True)
class Factory:
    """Builds the assets of one catalog."""

    catalog: Catalog
    graph: Graph
    settings: Settings

    @cached_property
    def column_lineage(self) -> TableLineages:
        """Which column of which table is made from which."""
        return TableLineages(self.catalog)

    @cached_property
    def days(self) -> dg.DailyPartitionsDefinition:
        """The days there are partitions for: from the first that has landed to tomorrow's.

        Tomorrow has begun already at sites that are ahead of UTC.
        """
        landed = [
            day
            for name in self.catalog.sources
            for day in landed_days(self.settings.landing, name)
            if _is_date(day)
        ]
        today = datetime.now(UTC).date()
        first = min(landed, default=(today - timedelta(_SHOWN_DAYS)).isoformat())
        return dg.DailyPartitionsDefinition(start_date=first, end_offset=2)

    def has_day(self, day: str) -> bool:
        """Whether there is a partition for a day."""
        last = datetime.now(UTC).date() + timedelta(1)
        return _is_date(day) and self.days.start.date() <= date.fromisoformat(day) <= last

    def asset(
        self,
        asset: str,
        look: Look,
        make: Callable[[Work], Made],
        checks: Sequence[dg.AssetCheckSpec] = (),
        beside: Mapping[str, Look] | None = None,
    ) -> dg.AssetsDefinition:
        """An asset of the graph.

        Args:
            asset: its name in the graph, `layer/name`.
            look: how it looks.
            make: makes one partition.
            checks: what `make` checks.
            beside: further assets that the same step makes, by name.
        """
        node = self.graph.nodes[asset]
        deps = [_dep(source) for source in node.inputs]
        freshness = freshness_of(node, self.catalog)
        specs = [
            _spec(name, each, node.code_version, deps, freshness, self.column_lineage.of(name))
            for name, each in {asset: look, **(beside or {})}.items()
        ]

        @dg.multi_asset(
            name=asset.replace("/", "__"),
            specs=specs,
            partitions_def=self.days if node.daily else None,
            backfill_policy=dg.BackfillPolicy.single_run() if node.daily else None,
            check_specs=checks,
            can_subset=False,
        )
        def step(
            context: dg.AssetExecutionContext,
            lake: LakeResource,
            cases: CaseStoreResource,
            releases: ReleaseRepositoryResource,
            feature_store: FeatureStoreResource,
            warehouse: WarehouseResource,
        ):
            mark_alive(self.settings.home, context.run.run_id)
            stores = Stores(lake.open(), cases, releases, feature_store, warehouse)
            days = context.partition_keys if node.daily else [None]
            yield from self._run(context, node, days, stores, make)

        return step

    def _run(
        self,
        context: dg.AssetExecutionContext,
        node: Node,
        days: Sequence[str | None],
        stores: Stores,
        make: Callable[[Work], Made],
    ):
        made: dict[str | None, Made] = {}
        failed: dict[str, Exception] = {}
        for number, day in enumerate(days, start=1):
            place = Place(node.layer, node.name, day)
            if day is not None:
                context.log.info(f"{place}: {number} of {len(days)}")
            inputs = self.current_inputs(stores, node, day)
            if node.daily and not inputs:
                context.log.info(f"{place}: nothing has landed on that day")
                continue
            try:
                with attempting(stores.lake, place, evidence_of(node.code_version, inputs)):
                    cause = context.run.tags.get(CAUSE_TAG, BY_HAND)
                    work = Work(place, node, inputs, stores, context.log.info, cause)
                    made[day] = self._explained(work, _uninterrupted(make, work))
            except Exception as error:
                # A day that fails keeps back no other; Dagster shows the first error and its trace.
                context.log.error(f"{place}: {error}")
                failed[str(place)] = error
        if failed:
            for materialization in _materializations(node.asset, made):
                context.log_event(materialization)
            place, error = next(iter(failed.items()))
            rest = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
            raise dg.Failure(f"{place}: {error}{rest}", allow_retries=False) from error
        for materialization in _materializations(node.asset, made):
            if node.daily:
                context.add_asset_metadata(
                    materialization.metadata,
                    asset_key=materialization.asset_key,
                    partition_key=materialization.partition,
                )
        version = version_of(*(m.manifest.version for m in made.values()))
        for key in (spec.key for spec in context.assets_def.specs):
            shown = {} if node.daily else _metadata(node.asset, made[None])["/".join(key.path)]
            yield dg.MaterializeResult(
                asset_key=key, metadata=shown, data_version=dg.DataVersion(version)
            )
        yield from _worst_of(list(made.values()))

    def _explained(self, work: Work, made: Made) -> Made:
        """Keep what the definitions were, and show what had changed."""
        lake, node = work.stores.lake, work.node
        keep_parts(lake, node.asset, node.code_version, lambda: self.definition_parts(node.asset))
        changes = why_made(lake, node.asset, made.manifest)
        reasons = in_words(made.manifest, changes)[:_SHOWN_REASONS]
        return replace(made, metadata={**made.metadata, "why": "; ".join(reasons)})

    def definition_parts(self, asset: str) -> Parts:
        """The definitions that an asset is made by now, part by part."""
        families = {name for d in self.catalog.detectors.values() for name in families_of(d)}
        return parts_of(self.catalog, {name: code_version(name) for name in families}, asset)

    def current_inputs(self, stores: Stores, node: Node, day: str | None) -> dict[str, str]:
        """The versions of an asset's inputs at this moment."""
        names = [i.asset for i in node.inputs if i.asset not in self.graph.nodes]
        days = [] if day is None else [day]
        with stores.cases.open() as cases:
            roots = {n: read_root(n, self.catalog, self.settings, cases, days) for n in names}
        ledger = LakeLedger(stores.lake)
        return current_inputs(self.graph, node.asset, day, ledger, Roots(roots))


def _uninterrupted(make: Callable[[Work], Made], work: Work) -> Made:
    """Make a partition; Ctrl-C in the middle of a query is no failure of the partition."""
    try:
        return make(work)
    except (duckdb.InterruptException, RuntimeError) as error:
        # DuckDB's Python binding has no exception of its own for it.
        if isinstance(error, duckdb.InterruptException) or str(error) == "Query interrupted":
            raise dg.DagsterExecutionInterruptedError from error
        raise


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _dep(source: Input) -> dg.AssetDep:
    key = dg.AssetKey(source.asset.split("/"))
    if not source.days_before:
        return dg.AssetDep(key)
    with warnings.catch_warnings():
        # The first days look back to none, which Dagster has no stable way to say.
        warnings.simplefilter("ignore", dg.BetaWarning)
        mapping = dg.TimeWindowPartitionMapping(
            start_offset=-source.days_before, allow_nonexistent_upstream_partitions=True
        )
    return dg.AssetDep(key, partition_mapping=mapping)


def _spec(
    asset: str,
    look: Look,
    code_version: str,
    deps: Sequence[dg.AssetDep],
    freshness: dg.FreshnessPolicy | None,
    lineage: dg.TableColumnLineage | None,
) -> dg.AssetSpec:
    layer = asset.partition("/")[0]
    metadata: dict[str, Any] = {}
    if look.columns:
        metadata["dagster/column_schema"] = dg.TableSchema(columns=list(look.columns))
    if lineage is not None:
        metadata["dagster/column_lineage"] = lineage
    return dg.AssetSpec(
        asset.split("/"),
        deps=deps,
        description=look.description,
        group_name=layer,
        kinds=set(look.kinds),
        owners=list(look.owners),
        tags=dict(look.tags),
        code_version=code_version or "1",
        freshness_policy=freshness,
        metadata=metadata,
    )


def _metadata(asset: str, made: Made) -> dict[str, Mapping[str, Any]]:
    return {asset: made.metadata, **made.beside}


def _materializations(
    asset: str, made: Mapping[str | None, Made]
) -> Iterable[dg.AssetMaterialization]:
    for day, result in made.items():
        for name, metadata in _metadata(asset, result).items():
            yield dg.AssetMaterialization(name.split("/"), metadata=metadata, partition=day)


def _worst_of(made: Sequence[Made]) -> Sequence[dg.AssetCheckResult]:
    """One result a check: the first of its failures, else the last."""
    found: dict[str | None, dg.AssetCheckResult] = {}
    for result in (check for each in made for check in each.checks):
        before = found.get(result.check_name)
        if before is None or before.passed:
            found[result.check_name] = result
    return list(found.values())
