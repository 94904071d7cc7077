"""Layer `golden_report`: is a golden dataset worth learning from?"""

from datetime import datetime
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.factory import Factory, Look, Made, Work
from assets.reporting import bullets, link
from whetstone.catalog.catalog_pb2 import GoldenDataset
from whetstone.contributions import contributions
from whetstone.engine import only_row, open_engine
from whetstone.golden import CONFLICTS, EVENTS
from whetstone.golden_lines import UnitKey, raw_lines
from whetstone.lake import Lake, Place, version_of
from whetstone.sql import columns, literal
from whetstone.vault import TEST, open_test, openings

_KEYS = ("environment", "unit", "event_timestamp")


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """One asset a golden dataset."""
    return [_report(factory, dataset) for dataset in factory.catalog.golden_datasets.values()]


def _report(factory: Factory, dataset: GoldenDataset) -> dg.AssetsDefinition:
    settings = factory.settings
    asset = f"golden_report/{dataset.name}"
    key = dg.AssetKey(asset.split("/"))

    def make(work: Work) -> Made:
        from monitoring.golden import LISTED, golden, render_golden

        lake = work.stores.lake
        features = [feature.name for feature in factory.catalog.view_of(dataset).features]
        examples = _examples(lake, dataset, features)
        if not examples.num_rows:
            return Made(_empty(work, lake), {"examples": 0}, _no_checks(key))
        result = golden(examples, features, _about(factory, lake, dataset, examples))
        suspects = result.noise.suspects[:LISTED].tolist()
        conflicts = _conflicts(lake, dataset)[: 2 * LISTED]
        lines = _lines(
            factory,
            lake,
            dataset,
            [*examples.take(pa.array(suspects, pa.int64())).to_pylist(), *conflicts],
        )
        rendered = render_golden(
            result,
            dict(zip(suspects, lines, strict=False)),
            [
                {**row, "lines": found}
                for row, found in zip(conflicts, lines[len(suspects) :], strict=True)
            ],
            settings.reports,
            settings.workspace,
        )
        facts = {**result.facts(), "report": str(rendered.html.relative_to(settings.home))}
        with lake.stage(work.place) as staged:
            manifest = work.commit(staged, version_of(facts), examples.num_rows, facts)
        return Made(
            manifest,
            {
                "verdict": result.verdict,
                "reasons": bullets(result.reasons),
                "report": link(settings, rendered.html),
            },
            checks=[
                _check(key, "label_noise", not result.noisy, facts["label_noise"]),
                _check(
                    key,
                    "near_duplicates_across_splits",
                    not result.repeating,
                    facts["near_duplicates"],
                ),
                _check(
                    key,
                    "not_stale",
                    not result.stale,
                    {name: facts[name] for name in ("newest", "stale_share", "expired")},
                ),
            ],
        )

    return factory.asset(
        asset,
        Look(
            description=f"Is {dataset.display_name} worth learning from? Contradictions,"
            " repetitions, labels that look wrong, age, and how often its test set was opened.",
            kinds=frozenset({"evidently", "html"}),
            owners=dataset.owners,
            tags=dict(dataset.tags),
        ),
        make,
        checks=[
            dg.AssetCheckSpec(name, asset=key, description=text) for name, text in _CHECKS.items()
        ],
    )


_CHECKS = {
    "label_noise": "At most a twentieth of the labels look wrong, within the interval.",
    "near_duplicates_across_splits": "Most test examples have no near-duplicate in training.",
    "not_stale": "Most examples are at most a year older than production.",
}


def _examples(lake: Lake, dataset: GoldenDataset, features: list[str]) -> pa.Table:
    """All examples with their features; the test examples come out of the vault."""
    place = Place("golden", dataset.name)
    asset = f"golden_report/{dataset.name}"
    held_out = open_test(lake, dataset.name, asset, "look the examples over", purpose="report")
    rest = pq.read_table(lake.part(place), filters=pc.field("split") != TEST)
    known = lake.part(Place("golden_features", dataset.name))
    with open_engine(lake.root) as connection:
        connection.register("examples", pa.concat_tables([rest, held_out]))
        return connection.sql(
            f"""SELECT examples.*, {columns(features)} FROM examples
                JOIN (SELECT {columns([*_KEYS, *features])}
                      FROM read_parquet({literal(str(known))})
                      QUALIFY row_number() OVER (PARTITION BY {columns(list(_KEYS))}) = 1) known
                USING ({columns(list(_KEYS))})
                ORDER BY {columns(list(_KEYS))}"""
        ).to_arrow_table()


def _about(factory: Factory, lake: Lake, dataset: GoldenDataset, examples: pa.Table) -> Any:
    from monitoring.golden import About, Reuse

    manifest = lake.manifest(Place("golden", dataset.name))
    facts = manifest.facts if manifest else {}
    used = openings(lake, dataset.name)
    test = examples.filter(pc.field("split") == TEST)
    groups = test.select(["environment", "unit"]).group_by(["environment", "unit"]).aggregate([])
    return About(
        dataset=dataset.name,
        technique=dataset.technique,
        canaries={canary.name: canary.technique for canary in dataset.canaries},
        conflicts=facts.get("conflicts", 0),
        duplicates=facts.get("duplicates", 0),
        expired=facts.get("expired", {}),
        refresh=facts.get("refresh"),
        now=_newest_of_production(lake, factory.catalog.source_of(dataset).name),
        reuse=Reuse(
            used.by_purpose,
            used.decisions,
            used.optimism(groups.num_rows),
            used.optimism(groups.num_rows, 0),
            used.problems,
        ),
    )


def _newest_of_production(lake: Lake, source: str) -> datetime | None:
    days = lake.days_with_rows("parsed", source)
    if not days:
        return None
    part = str(lake.part(Place("parsed", source, days[-1])))
    with open_engine(lake.root) as connection:
        (newest,) = only_row(
            connection, f"SELECT max(event_time) FROM read_parquet({literal(part)})"
        )
    return newest


def _conflicts(lake: Lake, dataset: GoldenDataset) -> list[dict[str, Any]]:
    """Units with both labels, a row a label, numbered by what contradicts each other."""
    path = lake.directory(Place("golden", dataset.name)) / CONFLICTS
    if not path.exists():
        return []
    with open_engine(lake.root) as connection:
        return (
            connection.sql(
                f"""SELECT *, dense_rank() OVER (ORDER BY unit_hash) AS number
                    FROM read_parquet({literal(str(path))})
                    ORDER BY number, positive DESC, origin, unit"""
            )
            .to_arrow_table()
            .to_pylist()
        )


def _lines(
    factory: Factory, lake: Lake, dataset: GoldenDataset, units: list[dict[str, Any]]
) -> list[list[str]]:
    """The first raw lines of each unit."""
    keys = [
        UnitKey(u["environment"], u["unit"], u["unit_start"], u["event_timestamp"]) for u in units
    ]
    view, source = factory.catalog.view_of(dataset), factory.catalog.source_of(dataset)
    accepted = contributions(factory.settings.contributions, dataset.name)
    events = lake.directory(Place("golden", dataset.name)) / EVENTS
    with open_engine(lake.root) as connection:
        found = raw_lines(
            connection,
            source,
            view,
            events,
            list(dict.fromkeys(keys)),
            {one.id: one for one in accepted},
            factory.settings.max_line_bytes,
        )
    return [found.get(key, []) for key in keys]


def _check(
    key: dg.AssetKey, name: str, passed: bool, numbers: dict[str, Any]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"numbers": dg.MetadataValue.json(numbers)},
    )


def _no_checks(key: dg.AssetKey) -> list[dg.AssetCheckResult]:
    return [_check(key, name, True, {"examples": 0}) for name in _CHECKS]


def _empty(work: Work, lake: Lake) -> Any:
    with lake.stage(work.place) as staged:
        return work.commit(staged, version_of("empty"), 0, {"verdict": "warn", "examples": {}})
