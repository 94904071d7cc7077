"""Layers `training_set`, `model`, `evaluation` and `release`: from examples to a signed release."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow.parquet as pq

from assets import receipts, suspects
from assets.cards import bullets, model_card, shown
from assets.factory import Factory, Look, Made, Work
from assets.slow import golden_files, online_export
from detectors import trains_with_torch
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.catalog.families import families_of
from whetstone.catalog.slow import feature_names
from whetstone.catalog.templated import reads_templates
from whetstone.champions import record_champion
from whetstone.dictionaries import DICTIONARY
from whetstone.engine import open_engine
from whetstone.lake import Lake, Manifest, Place
from whetstone.parsing.templates import TemplateDictionary
from whetstone.quarantine import vouched_for
from whetstone.releases import Bundle, pack, stamp, unpack
from whetstone.releases.bounds import BOUNDS
from whetstone.retraining.budget import RETRAINED, retrained
from whetstone.scoring.calibration import CALIBRATION

if TYPE_CHECKING:
    from detectors.evaluation.judgement import Contest
    from detectors.interface import Training

BUNDLE = "bundle.tar"


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
        from detectors.examples import training_set
        from detectors.training import train
        from detectors.trust import origins_known

        lake = work.stores.lake
        before = lake.manifest(work.place)
        examples = training_set(
            lake, detector, work.node.asset, "judge the new model once", "judge", {}
        )
        champion = _continued(work, detector)
        dataset = factory.catalog.golden_datasets[detector.golden_dataset]
        trained = train(
            detector,
            examples,
            _training(factory, work, detector, champion),
            dataset.max_contributor_share,
        )
        facts = trained.to_dict()
        facts[RETRAINED] = retrained(before.facts if before else None, datetime.now(UTC))
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
            staged.path(_origins(version)).write_text(json.dumps(origins_known(examples)))
            manifest = work.commit(staged, version, facts["counts"]["train"]["n"], facts)
        receipts.note(factory, work, detector.golden_dataset)
        return Made(
            manifest,
            {
                "version": version,
                "threshold": trained.threshold,
                "trained_on": dg.MetadataValue.json(facts["counts"]),
                "left_out_beyond_their_share": dg.MetadataValue.json(facts["left_out"]),
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


def _training(
    factory: Factory, work: Work, detector: Detector, champion: Bundle | None
) -> "Training":
    from detectors.interface import Training

    factory.settings.training.mkdir(parents=True, exist_ok=True)
    return Training(
        detector.seed,
        None if champion is None else champion.graph,
        work.say,
        factory.settings.training / f"{detector.name}.npz",
    )


def _origins(version: str) -> str:
    """Where it is kept what a model was trained on, for as long as it may be champion."""
    return f"origins-{version}.json"


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
        from detectors.evaluation.judgement import judge

        lake = work.stores.lake
        model = lake.manifest(Place("model", detector.name))
        assert model is not None, "the plan makes it first"
        contest = _contest(factory, work, detector, model)
        judged = judge(contest)
        champion = contest.champion and contest.champion.manifest["version"]
        kept = ("metrics", "baselines", "ceiling", "duplicate_share", "counts")
        facts: dict[str, Any] = {
            **judged.facts(),
            "champion": champion,
            "challenger": model.version,
            **{name: model.facts[name] for name in kept},
        }
        marks = suspects.put_into_quarantine(factory.settings.contributions, contest, judged)
        with lake.stage(work.place) as staged:
            manifest = work.commit(staged, model.version, contest.metrics.n, facts)
        receipts.note(factory, work, detector.golden_dataset)
        return Made(
            manifest,
            shown(facts),
            checks=[
                _gate_check(key, facts),
                suspects.check(key, detector.golden_dataset, facts, marks),
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
                description="Not worse than the champion on the core test set, on verdicts and in"
                " shadow; finds the canaries; keeps its false-positive budget.",
            ),
            suspects.spec(key),
        ],
    )


def _contest(factory: Factory, work: Work, detector: Detector, model: Manifest) -> "Contest":
    """The newest model against the champion, with all that the stores know of both."""
    from detectors.evaluation.judgement import Contest
    from detectors.evaluation.metrics import Metrics
    from detectors.examples import training_set

    lake, place = work.stores.lake, Place("model", detector.name)
    releases = work.stores.releases.open()
    serving = releases.champion(detector.name)
    champion = None if serving is None else releases.load(detector.name)
    compared = {"challenger": model.version, "champion": serving}
    with work.stores.cases.open() as cases:
        shadow = suspects.shadow_of(cases, detector.name, model.version)
    origins = lake.directory(place) / _origins(serving or "")
    return Contest(
        lake=lake,
        catalog=factory.catalog,
        detector=detector,
        golden=golden_files(lake, detector),
        training_set=training_set(
            lake, detector, work.node.asset, "champion against challenger", "gate", compared
        ),
        challenger=unpack((lake.directory(place) / BUNDLE).read_bytes()),
        metrics=Metrics.from_dict(model.facts["metrics"]["test"]),
        champion=champion,
        known=json.loads(origins.read_text()) if origins.exists() else None,
        trusted=vouched_for(factory.settings.contributions, detector.golden_dataset),
        shadow=shadow,
        training=_training(factory, work, detector, _continued(work, detector)),
    )


def _gate_check(key: dg.AssetKey, facts: dict[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="champion_gate",
        passed=facts["gate"] == "passed",
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "reasons": dg.MetadataValue.md(bullets(facts["reasons"])),
            "refused_for": dg.MetadataValue.md(bullets(facts["refusals"])),
            "numbers": dg.MetadataValue.json(facts["numbers"]),
        },
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
        receipts.note(factory, work, detector.golden_dataset)
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
