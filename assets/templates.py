"""Layer `templates`: the dictionary of message templates of each source that has free text."""

import dagster as dg

from assets.factory import Factory, Look, Made, Work
from whetstone.catalog.catalog_pb2 import Source
from whetstone.catalog.templated import has_templates
from whetstone.dictionaries import Mined, mine_source
from whetstone.golden import EVENTS
from whetstone.lake import Place

_MOST_UNKNOWN = 0.01


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """One asset a source with a message."""
    sources = factory.catalog.sources.values()
    return [_templates(factory, source) for source in sources if has_templates(source)]


def _templates(factory: Factory, source: Source) -> dg.AssetsDefinition:
    asset = f"templates/{source.name}"
    key = dg.AssetKey(asset.split("/"))

    def make(work: Work) -> Made:
        lake = work.stores.lake
        golden = [name.split("/") for name in work.inputs if name.startswith("golden/")]
        events = [lake.directory(Place(layer, name)) / EVENTS for layer, name in golden]
        with lake.stage(work.place) as staged:
            mined = mine_source(lake, source, events, staged)
            facts = {"minings": mined.dictionary.minings, "masks": len(mined.dictionary.masks)}
            manifest = work.commit(staged, mined.content.version, mined.content.rows, facts)
        return Made(
            manifest,
            {"dagster/row_count": mined.content.rows, **facts},
            checks=[_known_check(key, mined)],
        )

    return factory.asset(
        asset,
        Look(
            description=f"Templates of the messages of {source.display_name}. The dictionary"
            " stands still between retrainings and only grows; feature views read ids from it as"
            " the column `template`.",
            kinds=frozenset({"duckdb", "json"}),
            owners=source.owners,
            tags=dict(source.tags),
            columns=[
                dg.TableColumn("template", "VARCHAR", description="Id: a hash of the text"),
                dg.TableColumn("text", "VARCHAR", description="The template; <*> varies"),
            ],
        ),
        make,
        checks=[
            dg.AssetCheckSpec(
                "known_templates",
                asset=key,
                description=f"At most {_MOST_UNKNOWN:.0%} of the newest day's messages had an"
                " unknown template before this mining.",
            )
        ],
    )


def _known_check(key: dg.AssetKey, mined: Mined) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="known_templates",
        passed=mined.unknown_share <= _MOST_UNKNOWN,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "day": mined.day or "no events",
            "unknown_share": mined.unknown_share,
            "templates": mined.content.rows,
        },
    )
