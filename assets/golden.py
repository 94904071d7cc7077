"""Layers `golden` and `golden_features`: contributions and verdicts to labelled examples."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from typing import Any

import dagster as dg
import duckdb

from assets import receipts
from assets.columns import feature_schema, unit_schema
from assets.factory import Factory, Look, Made, Work
from resources.roots import detectors_of
from triage import Alert
from triage.incoming import Role, stored_alert
from whetstone.catalog.catalog_pb2 import GoldenDataset
from whetstone.catalog.validation import entity_columns
from whetstone.contributions import contributions
from whetstone.dictionaries import DICTIONARY, templating_of
from whetstone.engine import only_row, open_engine
from whetstone.features import features_sql
from whetstone.golden import CONFLICTS, EVENTS, Golden, JudgedUnit, build_golden
from whetstone.golden_examples import REFRESH
from whetstone.golden_refresh import Flagged, days_before, sample_benign
from whetstone.lake import Place, version_of
from whetstone.lake_changes import rows_stay
from whetstone.lake_kept import production
from whetstone.parsing.templates import with_templates
from whetstone.quarantine import quarantined_contributors
from whetstone.sql import identifier, literal
from whetstone.vault import TEST_VERSION

_CANARIES = 10_000


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
        with (
            rows_stay(lake),
            open_engine(lake.root) as connection,
            lake.stage(work.place) as staged,
        ):
            refresh = _refresh(factory, work, dataset, connection)
            golden = build_golden(
                connection,
                source,
                view,
                dataset,
                contributions(factory.settings.contributions, dataset.name),
                [*_judged(factory, work, dataset), *refresh],
                production(connection, lake, source),
                factory.settings.max_line_bytes,
            )
            staged.write(connection, "conflicts", CONFLICTS)
            events = staged.write(connection, "golden_events", EVENTS)
            content = staged.write(connection, "examples")
            facts = {
                "examples": golden.examples,
                "conflicts": golden.conflicts,
                "duplicates": golden.duplicates,
                "unmatched": golden.unmatched,
                "expired": golden.expired,
                "refresh": _refreshed(connection, refresh, golden),
                "newest": golden.newest.isoformat() if golden.newest else None,
                TEST_VERSION: golden.test_version,
            }
            manifest = work.commit(
                staged, version_of(content.version, events.version), content.rows, facts
            )
        receipts.note(factory, work, dataset.name)
        return Made(
            manifest,
            {
                "dagster/row_count": content.rows,
                "examples": dg.MetadataValue.json(golden.examples),
                "duplicates_removed": golden.duplicates,
                "label_conflicts": golden.conflicts,
                "expired": dg.MetadataValue.json(golden.expired),
                "refresh": dg.MetadataValue.json(facts["refresh"]),
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
                    "origin",
                    "VARCHAR",
                    description="contribution:<id>, verdict:<id> or refresh:<day>",
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
        decisions = cases.decisions(
            detectors_of(factory.catalog, dataset.name),
            without=quarantined_contributors(factory.settings.contributions, dataset.name),
        )
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


def _refresh(
    factory: Factory, work: Work, dataset: GoldenDataset, connection: duckdb.DuckDBPyConnection
) -> list[JudgedUnit]:
    """Units of production that are taken for benign, as of the newest trigger."""
    if not dataset.HasField("refresh"):
        return []
    detectors = detectors_of(factory.catalog, dataset.name)
    with work.stores.cases.open() as cases:
        newest = [t for name in detectors for t in cases.triggers(name, limit=1)]
        judged = cases.decisions(list(factory.catalog.detectors))
        canaries = cases.records(Role.CANARY, limit=_CANARIES)
    if not newest:
        return []
    day = max(trigger.day or trigger.at.date() for trigger in newest)
    days, lake = days_before(dataset, day), work.stores.lake
    scores = {
        name: [
            lake.part(Place("scores", name, each))
            for each in lake.days_with_rows("scores", name)
            if each in days
        ]
        for name in detectors
    }
    attacks = [d.alert for d in judged if d.conflict or d.value == "true_positive"]
    flagged = flagged_of([*attacks, *map(stored_alert, canaries)])
    entity = entity_columns(factory.catalog.view_of(dataset))
    return sample_benign(connection, dataset, entity, day, scores, flagged)


def flagged_of(alerts: Iterable[Alert]) -> list[Flagged]:
    """The entities of alerts, on the days that these are about."""
    return [
        Flagged(
            alert.environment,
            str(value),
            datetime.combine(alert.unit_start, time.min),
            datetime.combine(alert.event_timestamp, time.max),
        )
        for alert in alerts
        for value in alert.entity.values()
    ]


def _refreshed(
    connection: duckdb.DuckDBPyConnection, drawn: Sequence[JudgedUnit], golden: Golden
) -> dict[str, Any] | None:
    """What became of the sample; None where there was no reason to draw one."""
    if not drawn:
        return None
    (taken,) = only_row(
        connection, f"SELECT count(*) FROM examples WHERE starts_with(origin, {literal(REFRESH)})"
    )
    day = drawn[0].origin.removeprefix(REFRESH)
    return {"day": day, "drawn": len(drawn), "taken": taken, "over_cap": golden.over_cap}


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
