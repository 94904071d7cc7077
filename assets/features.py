"""Layer `features`: events to features of units."""

import dagster as dg

from assets.columns import feature_schema
from assets.factory import Factory, Look, Made, Work
from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.dictionaries import templating_of
from whetstone.engines import chosen_engine
from whetstone.lake import Place


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """One asset a feature view."""
    return [_features(factory, view) for view in factory.catalog.feature_views.values()]


def _features(factory: Factory, view: FeatureView) -> dg.AssetsDefinition:
    def make(work: Work) -> Made:
        lake = work.stores.lake
        events = lake.part(Place("parsed", view.source, work.day))
        with lake.stage(work.place) as staged:
            engine = chosen_engine(factory.settings, lake.root)
            templating = templating_of(lake, factory.catalog.sources[view.source], view)
            content = engine.features(view, events, staged, templating)
            manifest = work.commit(staged, content.version, content.rows)
        return Made(manifest, {"dagster/row_count": content.rows})

    return factory.asset(
        f"features/{view.name}",
        Look(
            description=f"{view.description}\n\nOne row a unit: {_unit(view)}.",
            kinds=frozenset({"duckdb", "feast"}),
            owners=view.owners,
            tags=dict(view.tags),
            columns=feature_schema(view),
        ),
        make,
    )


def _unit(view: FeatureView) -> str:
    match view.WhichOneof("unit"):
        case "event":
            return "an event"
        case "window":
            return f"{view.window.every} of {', '.join(view.window.entity)}"
        case _:
            return f"a session, all events of one {view.session.key}"
