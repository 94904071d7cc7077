"""Somebody contributes wrong labels: the platform finds out who, and goes on without them."""

from datetime import date

import dagster as dg
from installation import Installation

from demo import labs
from whetstone.contributions import contribute
from whetstone.lake import Place
from whetstone.quarantine import CONTRIBUTION, GUARD, quarantined
from whetstone.vault import openings

BLOCKS, DATASET = "hdfs_block_pca", "hdfs_blocks"


def poison(installation: Installation) -> str:
    """A lab with broken blocks, all of which are called normal; the contribution's id."""
    lab = next(one for one in labs.contributions(99, 1.0) if one.dataset == DATASET)
    raw, labels = installation.directory / "poison.log", installation.directory / "poison.csv"
    raw.write_text("".join(f"{record.raw}\n" for record in lab.records))
    labels.write_text("unit,label\n*,normal\n")
    accepted, _ = contribute(
        installation.settings.contributions,
        DATASET,
        lab.source,
        raw,
        labels,
        contributor="mallory",
        day=date(2026, 2, 1),
    )
    return accepted.id


def test_a_poisoned_contribution_is_quarantined_by_name_and_the_champion_stays(
    installation: Installation,
):
    champion = installation.releases.champion(BLOCKS)
    poisoned = poison(installation)
    installation.run()
    (mark,) = quarantined(installation.settings.contributions, DATASET)
    assert (mark.kind, mark.name, mark.by) == (CONTRIBUTION, poisoned, GUARD)
    recall = mark.numbers["recall"]
    assert recall["with"] < recall["without"] == recall["champion"]

    # The golden dataset was made anew without it, and nothing is held.
    evaluation = installation.lake.manifest(Place("evaluation", BLOCKS))
    assert evaluation.facts["gate"] == "passed"
    assert evaluation.facts["suspects"]["culprits"] == []
    assert installation.releases.champion(BLOCKS) == champion
    assert openings(installation.lake, DATASET).decisions

    with installation.instance() as instance:
        key = dg.AssetKey(["evaluation", BLOCKS])
        runs = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(key, "no_suspects"), limit=10
        )
        told = [run.event.dagster_event.asset_check_evaluation_data for run in runs]
    assert [each.passed for each in told] == [True, False, True]
    metadata = told[1].metadata
    assert metadata["culprits"].value == f"contribution:{poisoned}"
    assert f"release {DATASET} contribution:{poisoned}" in metadata["to_release"].value
