"""Layers `golden` and `golden_features`: contributions and verdicts to labelled examples."""

import dagster as dg

from assets.columns import feature_schema, unit_schema
from assets.factory import Factory, Look, Made, Work
from resources.roots import detectors_of
from whetstone.catalog.catalog_pb2 import GoldenDataset
from whetstone.catalog.validation import entity_columns
from whetstone.contributions import contributions
from whetstone.dictionaries import DICTIONARY, templating_of
from whetstone.engine import open_engine
from whetstone.features import features_sql
from whetstone.golden import Golden, JudgedUnit, build_golden
from whetstone.lake import version_of
from whetstone.parsing.templates import with_templates
from whetstone.sql import identifier, literal

EVENTS = "events.parquet"


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """Two assets a golden dataset: its examples and their features."""
    return [
        asset
        for dataset in factory.catalog.golden_datasets.values()
        for asset in (_golden(factory, dataset), _golden_features(factory, dataset))
    ]


def _golden(factory: Factory, dataset: GoldenDataset) -> dg.AssetsDefinition:
    catalog = factory.catalog
    view, source = catalog.view_of(dataset), catalog.source_of(dataset)
    asset = f"golden/{dataset.name}"
    key = dg.AssetKey(asset.split("/"))

    def make(work: Work) -> Made:
        lake = work.stores.lake
        production = (
            f"SELECT * FROM read_parquet({literal(lake.glob('parsed', source.name))},"
            " hive_partitioning = false)"
            if lake.days("parsed", source.name)
            else None
        )
        with open_engine(lake.root) as connection, lake.stage(work.place) as staged:
            golden = build_golden(
                connection,
                source,
                view,
                dataset,
                contributions(factory.settings.contributions, dataset.name),
                _judged(factory, work, dataset),
                production,
                factory.settings.max_line_bytes,
            )
            events = staged.write(connection, "golden_events", EVENTS)
            content = staged.write(connection, "examples")
            facts = {
                "examples": golden.examples,
                "conflicts": golden.conflicts,
                "duplicates": golden.duplicates,
                "unmatched": golden.unmatched,
            }
            manifest = work.commit(
                staged, version_of(content.version, events.version), content.rows, facts
            )
        return Made(
            manifest,
            {
                "dagster/row_count": content.rows,
                "examples": dg.MetadataValue.json(golden.examples),
                "duplicates_removed": golden.duplicates,
                "label_conflicts": golden.conflicts,
            },
            checks=[_conflict_check(key, golden), _match_check(key, golden)],
        )

    return factory.asset(
        asset,
        Look(
            description=f"{dataset.description}\n\nATT&CK technique {dataset.technique}. Test"
            " examples are held out for ever; examples from verdicts name who gave them.",
            kinds=frozenset({"duckdb", "parquet"}),
            owners=dataset.owners,
            tags={**dataset.tags, "attack_technique": dataset.technique},
            columns=[
                *unit_schema(view),
                dg.TableColumn("label", "VARCHAR", description="The class"),
                dg.TableColumn("positive", "BOOLEAN", description="Whether it is the attack"),
                dg.TableColumn("split", "VARCHAR", description="train, validation, test, verdicts"),
                dg.TableColumn(
                    "origin", "VARCHAR", description="contribution:<id> or verdict:<id>"
                ),
                dg.TableColumn("contributor", "VARCHAR", description="Who labelled it"),
            ],
        ),
        make,
        checks=[
            dg.AssetCheckSpec(
                "label_conflicts", asset=key, description="No unit carries both labels."
            ),
            dg.AssetCheckSpec(
                "labels_match", asset=key, description="Every label names a unit that exists."
            ),
        ],
    )


def _judged(factory: Factory, work: Work, dataset: GoldenDataset) -> list[JudgedUnit]:
    """The units of production that analysts agree on."""
    entity = entity_columns(factory.catalog.view_of(dataset))
    with work.stores.cases.open() as cases:
        decisions = cases.decisions(detectors_of(factory.catalog, dataset.name))
    units = {
        (d.alert.environment, d.alert.unit, d.alert.event_timestamp): JudgedUnit(
            origin=f"verdict:{d.verdict_ids[-1]}",
            contributor=", ".join(d.by),
            environment=d.alert.environment,
            entity=tuple(d.alert.entity[name] for name in entity),
            unit_start=d.alert.unit_start,
            event_timestamp=d.alert.event_timestamp,
            positive=d.value == "true_positive",
        )
        for d in decisions
        # An alert of an earlier definition may be about another kind of unit.
        if d.value is not None and not d.conflict and set(entity) <= set(d.alert.entity)
    }
    return list(units.values())


def _conflict_check(key: dg.AssetKey, golden: Golden) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="label_conflicts",
        passed=golden.conflicts == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"units": golden.conflicts},
    )


def _match_check(key: dg.AssetKey, golden: Golden) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="labels_match",
        passed=not golden.unmatched and not golden.missing_verdicts,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "unmatched_by_contribution": dg.MetadataValue.json(golden.unmatched),
            "verdicts_without_events": golden.missing_verdicts,
        },
    )


def _golden_features(factory: Factory, dataset: GoldenDataset) -> dg.AssetsDefinition:
    view = factory.catalog.view_of(dataset)

    def make(work: Work) -> Made:
        lake = work.stores.lake
        place = lake.directory(type(work.place)("golden", dataset.name))
        with open_engine(lake.root) as connection, lake.stage(work.place) as staged:
            relation = f"read_parquet({literal(str(place / EVENTS))})"
            templating = templating_of(lake, factory.catalog.source_of(dataset), view)
            if templating is not None:
                relation = with_templates(connection, relation, templating).relation
                text = templating.dictionary.to_json()
                staged.path(DICTIONARY).write_text(text, encoding="utf-8")
            keys = ", ".join(identifier(n) for n in ("environment", "unit", "event_timestamp"))
            examples = f"read_parquet({literal(str(place / 'part.parquet'))})"
            connection.execute(
                f"CREATE TEMP TABLE units AS SELECT * FROM ({features_sql(view, relation)})"
                f" SEMI JOIN {examples} USING ({keys})"
            )
            content = staged.write(connection, "units")
            manifest = work.commit(staged, content.version, content.rows)
        return Made(manifest, {"dagster/row_count": content.rows})

    return factory.asset(
        f"golden_features/{dataset.name}",
        Look(
            description=f"Features of the examples of {dataset.display_name}, by the same"
            " definitions as in production.",
            kinds=frozenset({"duckdb", "feast"}),
            owners=dataset.owners,
            tags=dict(dataset.tags),
            columns=feature_schema(view),
        ),
        make,
    )
