"""The whole graph: every asset, the roots that feed it, the sensor, the resources."""

from dataclasses import dataclass

import dagster as dg

import detectors
from assets import (
    automation,
    drift,
    features,
    golden,
    golden_report,
    notifications,
    overview,
    parsing,
    quality,
    releases,
    retention,
    retraining,
    scoring,
    slow,
    templates,
    training,
    warehouse,
)
from assets.factory import Factory
from resources import (
    CaseStoreResource,
    FeatureStoreResource,
    LakeResource,
    ReleaseRepositoryResource,
    WarehouseResource,
)
from whetstone.catalog import load_catalog
from whetstone.catalog.families import families_of
from whetstone.lineage import build_graph
from whetstone.planning import Plan
from whetstone.settings import Settings

_LAYERS = (
    parsing,
    golden,
    golden_report,
    templates,
    features,
    slow,
    training,
    scoring,
    drift,
    quality,
    overview,
    warehouse,
)


def open_factory(settings: Settings) -> Factory:
    """Load the catalog and derive the graph from it.

    Raises:
        CatalogError: a definition is wrong.
    """
    catalog = load_catalog(settings.catalog)
    families = {name for d in catalog.detectors.values() for name in families_of(d)}
    training_code = {family: detectors.code_version(family) for family in families}
    return Factory(catalog, build_graph(catalog, training_code), settings)


def definitions(factory: Factory) -> dg.Definitions:
    """The Dagster definitions of a catalog."""
    return dg.Definitions(
        assets=[
            *_roots(factory),
            *(asset for layer in _LAYERS for asset in layer.build(factory)),
        ],
        sensors=[
            automation.sensor(factory),
            retraining.sensor(factory),
            releases.environments_sensor(factory),
            notifications.sensor(factory),
        ],
        schedules=[releases.renewal(), retention.schedule(factory)],
        resources=vars(stores(factory.settings)),
        executor=dg.in_process_executor,
    )


@dataclass(frozen=True)
class Resources:
    """The stores of an installation, by the names that assets ask for."""

    lake: LakeResource
    cases: CaseStoreResource
    releases: ReleaseRepositoryResource
    feature_store: FeatureStoreResource
    warehouse: WarehouseResource


def stores(settings: Settings) -> Resources:
    """The stores that the settings name."""
    settings.home.mkdir(parents=True, exist_ok=True)
    return Resources(
        lake=LakeResource(root=str(settings.lake)),
        cases=CaseStoreResource(url=settings.case_store),
        releases=ReleaseRepositoryResource(directory=str(settings.releases)),
        feature_store=FeatureStoreResource(home=str(settings.home)),
        warehouse=WarehouseResource(database=str(settings.home / "warehouse.duckdb")),
    )


def plan_of(factory: Factory) -> Plan:
    """What is stale in an installation at this moment."""
    opened = stores(factory.settings)
    return automation.plan_now(factory, opened.lake, opened.cases)


def _roots(factory: Factory) -> list[dg.AssetSpec]:
    """What people and sensors feed, shown where the graph begins."""
    texts = {
        "landing": "Raw files as they arrive: `landing/<environment>/<source>/<day>/`.",
        "contributions": "Raw logs plus labels that somebody contributed.",
        "verdicts": "What analysts said of alerts.",
        "shadow": "What challengers said beside their champions, by the day.",
        "triggers": "What calls for a retraining: its cadence, drift that persists, a person.",
    }
    names = {i.asset for node in factory.graph.nodes.values() for i in node.inputs}
    return [
        dg.AssetSpec(
            name.split("/"),
            description=texts[name.partition("/")[0]],
            group_name=name.partition("/")[0],
            kinds={"sql"} if name.startswith(("verdicts/", "triggers/", "shadow/")) else {"file"},
        )
        for name in sorted(names - factory.graph.nodes.keys())
    ]
