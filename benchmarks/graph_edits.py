"""Single edits of files, definitions and feedback, each with what it means to the oracle."""

import os
import random
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from benchmarks.graph_oracle import unused_features
from benchmarks.graph_world import World, contribute
from triage import Alert, CaseStore
from triage.triggers import person_trigger
from whetstone.catalog.catalog_pb2 import RETRAIN, SCORES, Canary, DriftRule

Edit = Callable[[World, random.Random], None]


def _a_new_file(world: World, chance: random.Random) -> None:
    environment = chance.choice(list(world.factory.catalog.environments.values()))
    source, day = chance.choice(list(environment.sources)), chance.choice(world.days)
    folder = world.factory.settings.landing / environment.name / source / day
    (folder / f"{chance.getrandbits(32)}.log").write_text("more\n")
    world.meanings.change(f"landing/{source}/{day}")


def _a_touched_file(world: World, chance: random.Random) -> None:
    files = sorted(world.factory.settings.landing.rglob("*.log"))
    os.utime(chance.choice(files), (1, chance.randrange(10**9)))


def _a_contribution(world: World, chance: random.Random) -> None:
    dataset = chance.choice(list(world.factory.catalog.golden_datasets))
    contribute(world.factory.settings, dataset, chance.getrandbits(32))
    world.meanings.change(f"contributions/{dataset}")


def _a_verdict(world: World, chance: random.Random) -> None:
    detector = chance.choice(list(world.factory.catalog.detectors.values()))
    at = datetime.fromisoformat(world.days[-1])
    alert = Alert(
        alert_id=f"{chance.getrandbits(64):016x}",
        detector=detector.name,
        model_version="v",
        environment="site_000",
        source="s",
        unit="u",
        entity={},
        unit_start=at,
        event_timestamp=at,
        score=1.0,
        threshold=0.5,
    )
    with closing(CaseStore(world.factory.settings.case_store)) as cases:
        cases.replace_alerts(at.date(), detector.name, [alert])
        cases.give_verdict(alert.alert_id, "false_positive", by="ada")
    world.meanings.change(f"verdicts/{detector.golden_dataset}")


def _a_used_feature(world: World, chance: random.Random) -> None:
    catalog = world.factory.catalog
    detector = chance.choice(list(catalog.detectors.values()))
    view = catalog.view_of(catalog.golden_datasets[detector.golden_dataset])
    _redefine(world, view, chance.choice(list(detector.features)))


def _an_unused_feature(world: World, chance: random.Random) -> None:
    _redefine(world, *chance.choice(list(unused_features(world.factory.catalog))))


def _redefine(world: World, view: Any, name: str) -> None:
    feature = next(feature for feature in view.features if feature.name == name)
    feature.definition = f"coalesce({feature.definition}, NULL)"
    world.save("features", view)
    world.meanings.change(f"feature/{view.name}/{name}")


def _white_space_in_a_feature(world: World, chance: random.Random) -> None:
    view = chance.choice(list(world.factory.catalog.feature_views.values()))
    feature = chance.choice(list(view.features))
    feature.definition = f"  {feature.definition} "
    world.save("features", view)


def _a_field(world: World, chance: random.Random) -> None:
    source = chance.choice(list(world.factory.catalog.sources.values()))
    changed = chance.choice([f for f in source.fields if not f.name.startswith("nobodys")])
    changed.definition = f"coalesce({changed.definition}, NULL)"
    world.save("sources", source)
    world.meanings.change(f"field/{source.name}/{changed.name}")


def _a_field_that_nobody_references(world: World, chance: random.Random) -> None:
    source = chance.choice(list(world.factory.catalog.sources.values()))
    name = f"nobodys_{chance.getrandbits(32)}"
    source.fields.add(name=name, display_name=name, data_type="INTEGER", definition="1")
    world.save("sources", source)
    world.meanings.change(f"extra/{source.name}")


def _a_display_name(world: World, chance: random.Random) -> None:
    catalog = world.factory.catalog
    kind, messages = chance.choice(
        [
            ("sources", catalog.sources),
            ("features", catalog.feature_views),
            ("golden", catalog.golden_datasets),
            ("detectors", catalog.detectors),
            ("environments", catalog.environments),
        ]
    )
    message: Any = chance.choice(list(messages.values()))
    message.display_name = f"Renamed {chance.getrandbits(32)}"
    world.save(kind, message)


def _a_comment(world: World, chance: random.Random) -> None:
    path = chance.choice(sorted(world.factory.settings.catalog.rglob("*.textproto")))
    path.write_text(f"# a comment\n{path.read_text()}")


def _a_parameter(world: World, chance: random.Random) -> None:
    detector = chance.choice(list(world.factory.catalog.detectors.values()))
    detector.seed += 1
    world.save("detectors", detector)
    world.meanings.change(f"detector/{detector.name}")


def _a_feature_less(world: World, chance: random.Random) -> None:
    # Members of an ensemble name their features once more.
    every = world.factory.catalog.detectors.values()
    detectors = [d for d in every if len(d.features) > 2 and not d.HasField("ensemble")]
    detector = chance.choice(detectors)
    detector.features.pop()
    world.save("detectors", detector)
    world.meanings.change(f"detector/{detector.name}")


def _a_serviced_site(world: World, chance: random.Random) -> None:
    environments = world.factory.catalog.environments.values()
    environment = chance.choice([each for each in environments if each.detectors])
    detector = chance.choice(list(environment.detectors))
    environment.detectors.remove(detector)
    world.save("environments", environment)
    world.meanings.change(f"serviced/{detector}")


def _a_person_who_wants_it_retrained(world: World, chance: random.Random) -> None:
    detector = chance.choice(list(world.factory.catalog.detectors))
    with closing(CaseStore(world.factory.settings.case_store)) as cases:
        cases.add_triggers([person_trigger(detector, "ada", f"reason {chance.getrandbits(32)}")])
    world.meanings.change(f"triggers/{detector}")


def _a_drift_policy(world: World, chance: random.Random) -> None:
    detector = chance.choice(list(world.factory.catalog.detectors.values()))
    del detector.drift.rules[:]
    days = chance.randrange(2, 9)
    detector.drift.rules.append(DriftRule(signal=SCORES, days=days, action=RETRAIN))
    world.save("detectors", detector)


def _a_cadence(world: World, chance: random.Random) -> None:
    detector = chance.choice(list(world.factory.catalog.detectors.values()))
    detector.cadence.cron = f"{chance.randrange(60)} 3 * * 2"
    world.save("detectors", detector)


def _a_gate(world: World, chance: random.Random) -> None:
    detector = chance.choice(list(world.factory.catalog.detectors.values()))
    detector.gate.tolerance = detector.gate.tolerance / 2 + 0.001
    world.save("detectors", detector)
    world.meanings.change(f"gate/{detector.name}")


def _a_canary(world: World, chance: random.Random) -> None:
    dataset = chance.choice(list(world.factory.catalog.golden_datasets.values()))
    name = f"planted_{chance.getrandbits(32)}"
    dataset.canaries.append(
        Canary(name=name, description="planted", lines=["{time:epoch} an attack"])
    )
    world.save("golden", dataset)
    world.meanings.change(f"canaries/{dataset.name}")


def _how_a_golden_dataset_is_made(world: World, chance: random.Random) -> None:
    dataset = chance.choice(list(world.factory.catalog.golden_datasets.values()))
    dataset.expires_after = f"{chance.randrange(100, 1000)}d"
    world.save("golden", dataset)
    world.meanings.change(f"golden/{dataset.name}")


def _how_much_one_contributor_may_weigh(world: World, chance: random.Random) -> None:
    dataset = chance.choice(list(world.factory.catalog.golden_datasets.values()))
    dataset.max_contributor_share = chance.uniform(0.05, 0.2)
    world.save("golden", dataset)
    world.meanings.change(f"share/{dataset.name}")


EDITS: Sequence[Edit] = (
    _a_new_file,
    _a_touched_file,
    _a_contribution,
    _a_verdict,
    _a_used_feature,
    _an_unused_feature,
    _white_space_in_a_feature,
    _a_field,
    _a_field_that_nobody_references,
    _a_display_name,
    _a_comment,
    _a_parameter,
    _a_feature_less,
    _a_serviced_site,
    _a_person_who_wants_it_retrained,
    _a_drift_policy,
    _a_cadence,
    _a_gate,
    _a_canary,
    _how_a_golden_dataset_is_made,
    _how_much_one_contributor_may_weigh,
)
