"""How every asset is made: which days, from which inputs, with a manifest at the end.

The layers give a `make` function for one partition; this module binds it to Dagster and keeps the
ledger, so that no layer can forget it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import dagster as dg

from resources.roots import read_roots
from resources.stores import (
    CaseStoreResource,
    FeatureStoreResource,
    LakeResource,
    ReleaseRepositoryResource,
    WarehouseResource,
)
from whetstone.catalog import Catalog
from whetstone.errors import WhetstoneError
from whetstone.lake import Lake, Manifest, Place, Staged, version_of
from whetstone.landing import landed_days
from whetstone.lineage import Graph, Node
from whetstone.planning import current_inputs
from whetstone.settings import Settings

_SHOWN_DAYS = 30


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

    @property
    def day(self) -> str:
        """The partition's day."""
        assert self.place.day is not None, f"{self.place.asset} has no days"
        return self.place.day

    def manifest(self, version: str, rows: int, facts: Mapping[str, Any] | None = None) -> Manifest:
        """The manifest of what was made from this work's inputs and definitions."""
        return Manifest(self.node.code_version, self.inputs, version, rows, facts=facts or {})

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

    def days(self) -> dg.DailyPartitionsDefinition:
        """The days there are partitions for: from the first that has landed."""
        landed = [
            day for name in self.catalog.sources for day in landed_days(self.settings.landing, name)
        ]
        first = min(landed, default=(date.today() - timedelta(_SHOWN_DAYS)).isoformat())  # noqa: DTZ011
        return dg.DailyPartitionsDefinition(start_date=first, end_offset=1)

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
        deps = [dg.AssetKey(source.asset.split("/")) for source in node.inputs]
        specs = [
            _spec(name, each, node.code_version, deps if name == asset else [])
            for name, each in {asset: look, **(beside or {})}.items()
        ]

        @dg.multi_asset(
            name=asset.replace("/", "__"),
            specs=specs,
            partitions_def=self.days() if node.daily else None,
            backfill_policy=dg.BackfillPolicy.single_run() if node.daily else None,
            check_specs=checks,
            can_subset=False,
            pool="whetstone" if node.layer in ("golden", "alerts", "release") else None,
        )
        def step(
            context: dg.AssetExecutionContext,
            lake: LakeResource,
            cases: CaseStoreResource,
            releases: ReleaseRepositoryResource,
            feature_store: FeatureStoreResource,
            warehouse: WarehouseResource,
        ):
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
        made: list[Made] = []
        for number, day in enumerate(days, start=1):
            place = Place(node.layer, node.name, day)
            if day is not None:
                context.log.info(f"{place}: {number} of {len(days)}")
            inputs = self.current_inputs(stores, node.asset, day)
            if node.daily and not inputs:
                context.log.info(f"{place}: nothing has landed on that day")
                continue
            try:
                result = make(Work(place, node, inputs, stores, context.log.info))
            except WhetstoneError as error:
                raise dg.Failure(str(error), allow_retries=False) from error
            made.append(result)
            if day is not None:
                for asset, metadata in {node.asset: result.metadata, **result.beside}.items():
                    context.add_asset_metadata(
                        metadata, asset_key=dg.AssetKey(asset.split("/")), partition_key=day
                    )
        keys = [spec.key for spec in context.assets_def.specs]
        version = version_of(*(m.manifest.version for m in made))
        for key in keys:
            last = made[-1] if made and not node.daily else None
            shown = {node.asset: last.metadata, **last.beside} if last else {}
            yield dg.MaterializeResult(
                asset_key=key,
                metadata=shown.get("/".join(key.path), {}),
                data_version=dg.DataVersion(version),
            )
        if made:
            yield from _worst_of(made)

    def current_inputs(self, stores: Stores, asset: str, day: str | None) -> dict[str, str]:
        """The versions of an asset's inputs at this moment."""
        with stores.cases.open() as cases:
            roots = read_roots(self.catalog, self.settings, cases)
        return current_inputs(
            self.graph,
            asset,
            day,
            lambda name, at: stores.lake.manifest(Place(*name.split("/"), at)),
            roots,
        )


def _spec(asset: str, look: Look, code_version: str, deps: Sequence[dg.AssetKey]) -> dg.AssetSpec:
    layer = asset.partition("/")[0]
    metadata = (
        {"dagster/column_schema": dg.TableSchema(columns=list(look.columns))}
        if look.columns
        else {}
    )
    return dg.AssetSpec(
        asset.split("/"),
        deps=deps,
        description=look.description,
        group_name=layer,
        kinds=set(look.kinds),
        owners=list(look.owners),
        tags=dict(look.tags),
        code_version=code_version or "1",
        metadata=metadata,
    )


def _worst_of(made: Sequence[Made]) -> Sequence[dg.AssetCheckResult]:
    """One result a check: the first of its failures, else the last."""
    found: dict[str | None, dg.AssetCheckResult] = {}
    for result in (check for each in made for check in each.checks):
        before = found.get(result.check_name)
        if before is None or before.passed:
            found[result.check_name] = result
    return list(found.values())
