"""Layers `training_set`, `model`, `evaluation` and `release`: from examples to a signed release."""

from dataclasses import replace
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from assets.cards import bullets, model_card, shown
from assets.factory import Factory, Look, Made, Work
from assets.slow import golden_files, online_export
from detectors import trains_with_torch
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.catalog.families import families_of
from whetstone.catalog.slow import feature_names
from whetstone.catalog.templated import reads_templates
from whetstone.catalog.validation import entity_columns
from whetstone.champions import record_champion
from whetstone.dictionaries import DICTIONARY
from whetstone.engine import open_engine
from whetstone.lake import Lake, Place
from whetstone.parsing.templates import TemplateDictionary
from whetstone.releases import Bundle, pack, stamp, unpack
from whetstone.releases.bounds import BOUNDS
from whetstone.scoring.calibration import CALIBRATION
from whetstone.scoring.history import History, golden_windows
from whetstone.sql import literal

BUNDLE = "bundle.tar"
_KEYS = ["environment", "unit", "event_timestamp"]


def build(factory: Factory) -> list[dg.AssetsDefinition]:
    """Four assets a detector."""
    return [
        asset
        for detector in factory.catalog.detectors.values()
        for asset in (
            _training_set(factory, detector),
            _model(factory, detector),
            _evaluation(factory, detector),
            _release(factory, detector),
        )
    ]


def _look(detector: Detector, description: str, *kinds: str) -> Look:
    return Look(description, frozenset(kinds), detector.owners, dict(detector.tags))


def _training_set(factory: Factory, detector: Detector) -> dg.AssetsDefinition:
    catalog = factory.catalog

    def make(work: Work) -> Made:
        from feature_repo.store import apply, slow_frame, training_frame

        lake = work.stores.lake
        store = work.stores.features.open()
        apply(store, catalog.definitions, lake.root)
        spine = pq.read_table(lake.part(Place("golden", detector.golden_dataset)))
        table = training_frame(store, detector.name, spine)
        if detector.slow:
            slow = slow_frame(store, detector.name, spine)
            for name in feature_names(detector)[len(detector.features) :]:
                table = table.append_column(name, slow[name])
        with open_engine(lake.root) as connection, lake.stage(work.place) as staged:
            connection.register("joined", table)
            connection.execute("CREATE TEMP TABLE training_set AS FROM joined")
            content = staged.write(connection, "training_set")
            manifest = work.commit(staged, content.version, content.rows)
        return Made(
            manifest,
            {"dagster/row_count": content.rows, "features": len(feature_names(detector))},
        )

    return factory.asset(
        f"training_set/{detector.name}",
        _look(
            detector,
            f"Examples of {detector.golden_dataset} with the features of {detector.display_name},"
            " joined by Feast as of each example's time.",
            "feast",
            "parquet",
        ),
        make,
    )


def _model(factory: Factory, detector: Detector) -> dg.AssetsDefinition:
    family = detector.WhichOneof("family")

    def make(work: Work) -> Made:
        from detectors.interface import Training
        from detectors.training import train

        lake = work.stores.lake
        training_set = pq.read_table(lake.part(Place("training_set", detector.name)))
        champion = _continued(work, detector)
        factory.settings.training.mkdir(parents=True, exist_ok=True)
        training = Training(
            detector.seed,
            None if champion is None else champion.graph,
            work.say,
            factory.settings.training / f"{detector.name}.npz",
        )
        trained = train(detector, training_set, training)
        facts = trained.to_dict()
        bundle = stamp(
            Bundle(
                graph=trained.model.export(),
                threshold=trained.threshold,
                definitions=factory.catalog.needed_by(detector),
                feature_names=trained.features,
                templates=_dictionary(factory, lake, detector),
                manifest={
                    "detector": detector.name,
                    "family": family,
                    "seed": trained.seed,
                    "warm_start": None if champion is None else champion.manifest["version"],
                    "code_version": work.node.code_version,
                    "inputs": dict(work.inputs),
                    "metrics": facts["metrics"]["test"],
                    "counts": facts["counts"],
                    CALIBRATION: facts[CALIBRATION],
                    BOUNDS: facts[BOUNDS],
                },
                model_card=model_card(detector, facts),
            )
        )
        version = bundle.manifest["version"]
        with lake.stage(work.place) as staged:
            staged.path(BUNDLE).write_bytes(pack(bundle))
            manifest = work.commit(staged, version, facts["counts"]["train"]["n"], facts)
        return Made(
            manifest,
            {
                "version": version,
                "threshold": trained.threshold,
                "trained_on": dg.MetadataValue.json(facts["counts"]),
                "model_card": dg.MetadataValue.md(bundle.model_card),
            },
        )

    return factory.asset(
        f"model/{detector.name}",
        _look(
            detector,
            f"{detector.description}\n\nThe newest trained model.",
            "pytorch" if any(map(trains_with_torch, families_of(detector))) else "scikitlearn",
            "onnx",
        ),
        make,
    )


def _continued(work: Work, detector: Detector) -> Bundle | None:
    """The champion from which training goes on; None where it begins anew.

    A champion of other features or with other parameters knows nothing that could be taken over.
    """
    releases = work.stores.releases.open()
    if not detector.warm_start or releases.champion(detector.name) is None:
        return None
    champion = releases.load(detector.name)
    (known,) = champion.definitions.detectors
    alike = all(
        getattr(known, one) == getattr(detector, one)
        for one in ("features", "slow", "golden_dataset", detector.WhichOneof("family"))
    )
    return champion if alike else None


def _dictionary(factory: Factory, lake: Lake, detector: Detector) -> TemplateDictionary | None:
    """The templates that the examples' features were made with; None where none reads them."""
    dataset = factory.catalog.golden_datasets[detector.golden_dataset]
    source, view = factory.catalog.source_of(dataset), factory.catalog.view_of(dataset)
    if not reads_templates(source, view, detector.features):
        return None
    used = lake.directory(Place("golden_features", dataset.name)) / DICTIONARY
    return TemplateDictionary.from_json(used.read_bytes())


def _evaluation(factory: Factory, detector: Detector) -> dg.AssetsDefinition:
    asset = f"evaluation/{detector.name}"
    key = dg.AssetKey(asset.split("/"))

    def make(work: Work) -> Made:
        from detectors.evaluation.gate import decide
        from detectors.evaluation.metrics import Metrics, evaluate

        lake = work.stores.lake
        place = Place("model", detector.name)
        model = lake.manifest(place)
        assert model is not None, "the plan makes it first"
        challenger = unpack((lake.directory(place) / BUNDLE).read_bytes())
        releases = work.stores.releases.open()
        champion = releases.champion(detector.name)
        core = verdicts = champion_metrics = None
        if champion is not None:
            pairs = _paired(factory, work, detector, challenger, releases.load(detector.name))
            core, verdicts = pairs["test"], pairs["verdicts"]
            if core is not None:
                champion_metrics = evaluate(
                    core.champion,
                    core.positive,
                    releases.load(detector.name).threshold,
                    detector.seed,
                    core.groups,
                )
        metrics = model.facts["metrics"]
        decision = decide(
            Metrics.from_dict(metrics["test"]),
            champion_metrics,
            core,
            verdicts,
            detector.gate,
            detector.seed,
        )
        facts: dict[str, Any] = {
            "gate": "passed" if decision.passed else "failed",
            "reasons": decision.reasons,
            "numbers": decision.numbers,
            "champion": champion,
            "challenger": model.version,
            "metrics": metrics,
            "baselines": model.facts["baselines"],
            "ceiling": model.facts["ceiling"],
            "duplicate_share": model.facts["duplicate_share"],
            "counts": model.facts["counts"],
        }
        with lake.stage(work.place) as staged:
            manifest = work.commit(staged, model.version, metrics["test"]["n"], facts)
        return Made(
            manifest,
            shown(facts),
            checks=[
                dg.AssetCheckResult(
                    asset_key=key,
                    check_name="champion_gate",
                    passed=decision.passed,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={
                        "reasons": dg.MetadataValue.md(bullets(decision.reasons)),
                        "numbers": dg.MetadataValue.json(decision.numbers),
                    },
                )
            ],
        )

    return factory.asset(
        asset,
        _look(
            detector,
            f"{detector.display_name} on held-out examples, beside model-free baselines and the"
            " champion. The gate decides whether it is released.",
            "onnx",
            "python",
        ),
        make,
        checks=[
            dg.AssetCheckSpec(
                "champion_gate",
                asset=key,
                blocking=True,
                description="Not worse than the champion on the core test set and on verdicts.",
            )
        ],
    )


def _release(factory: Factory, detector: Detector) -> dg.AssetsDefinition:
    def make(work: Work) -> Made:
        lake = work.stores.lake
        packed = (lake.directory(Place("model", detector.name)) / BUNDLE).read_bytes()
        bundle = unpack(packed)
        if online := online_export(work, bundle):
            bundle = stamp(replace(bundle, online=online))
            packed = pack(bundle)
        version = bundle.manifest["version"]
        releases = work.stores.releases.open()
        before = releases.champion(detector.name)
        releases.publish(packed, detector.name, version)
        releases.publish_environments(factory.catalog.environments.values())
        training_set = pq.read_table(lake.part(Place("training_set", detector.name)))
        manifest = record_champion(lake, bundle, training_set, work.manifest(version, 0))
        return Made(
            manifest,
            {
                "version": version,
                "replaces": before or "nothing",
                "releases": len(releases.history(detector.name)),
            },
        )

    return factory.asset(
        f"release/{detector.name}",
        _look(
            detector,
            f"The champion of {detector.display_name}: a signed bundle that environments pull.",
            "onnx",
            "tuf",
        ),
        make,
    )


def _paired(
    factory: Factory, work: Work, detector: Detector, challenger: Bundle, champion: Bundle
) -> dict[str, Any]:
    """Both models' scores of the same held-out examples, by split; None where they differ.

    The champion scores raw events by its own definitions, as it does in service.
    """
    from detectors.evaluation.gate import PairedScores
    from detectors.training import Split
    from whetstone.scoring.run import BundleScorer

    lake = work.stores.lake
    training_set = lake.part(Place("training_set", detector.name))
    golden = golden_files(lake, detector)
    new, old = BundleScorer(challenger), BundleScorer(champion)
    if entity_columns(new.view) != entity_columns(old.view):
        return {"test": None, "verdicts": None}
    with open_engine(lake.root) as connection:
        views = factory.catalog.feature_views
        windows = {
            slow.online: golden_windows(connection, lake, views, slow, golden) for slow in old.slow
        }
        scored = old.score_events(
            connection,
            f"read_parquet({literal(str(golden.events))})",
            History(connection, windows),
        )
        connection.register("champion", scored)
        keys = ", ".join(_KEYS)
        joined = connection.sql(
            f"""SELECT t.*, c.score AS champion_score
                FROM read_parquet({literal(str(training_set))}) t JOIN champion c USING ({keys})
                WHERE t.split IN ('test', 'verdicts')
                ORDER BY {keys}"""
        ).to_arrow_table()
    pairs: dict[str, Any] = {}
    for name in ("test", "verdicts"):
        rows = joined.filter(pa.compute.equal(joined["split"], name))  # pyright: ignore
        split = Split.of(rows, name, feature_names(detector))
        pairs[name] = (
            PairedScores(
                split.positive,
                new.score_features(rows),
                rows["champion_score"].to_numpy(),
                split.groups,
            )
            if rows.num_rows
            else None
        )
    return pairs
