"""A trigger renews a golden dataset from production; nothing that is held out moves."""

from datetime import datetime
from typing import Any

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq
from installation import DAYS, Installation

from assets import golden
from assets.platform import stores
from triage.triggers import person_trigger
from whetstone.lake import Place
from whetstone.settings import Settings
from whetstone.vault import openings

GOLDEN = Place("golden", "ssh_bruteforce")
TRIGGERED = datetime.fromisoformat("2026-03-11T09:00:00")


def made(installation: Installation, settings: Settings) -> tuple[list[dict[str, Any]], Any]:
    """The examples and facts of the dataset when it is made now."""
    factory = installation.open()
    key = dg.AssetKey(["golden", "ssh_bruteforce"])
    (asset,) = (each for each in golden.build(factory) if key in each.keys)
    with installation.instance() as instance:
        dg.materialize([asset], instance=instance, resources=vars(stores(settings)))
    manifest = installation.lake.manifest(GOLDEN)
    assert manifest is not None
    return pq.read_table(installation.lake.part(GOLDEN)).to_pylist(), manifest.facts


def test_a_trigger_takes_a_sample_of_the_days_before_and_no_other_example_moves(
    installation: Installation,
) -> None:
    before = pq.read_table(installation.lake.part(GOLDEN)).to_pylist()
    installation.edit("golden/ssh_bruteforce.textproto", "units: 300 days: 7", "units: 60 days: 2")
    waiting, facts = made(installation, installation.settings)
    assert (waiting, facts["refresh"]) == (before, None)  # nothing has called for it yet
    with installation.cases() as cases:
        cases.add_triggers([person_trigger("ssh_bruteforce_gb", "ada", "new fleet", TRIGGERED)])
    renewed, facts = made(installation, installation.settings)
    fresh = [e for e in renewed if e["origin"] == "refresh:2026-03-11"]
    assert [e for e in renewed if e not in fresh] == before
    assert 0 < len(fresh) == facts["refresh"]["taken"] <= 60
    assert {(e["split"], e["positive"], e["environment"]) for e in fresh} == {
        ("train", False, "berlin")
    }
    assert {str(e["unit_start"].date()) for e in fresh} <= set(DAYS[1:])
    alerts = {(a.unit, a.event_timestamp) for a in installation.alerts("ssh_bruteforce_gb")}
    assert alerts.isdisjoint((e["unit"], e["event_timestamp"]) for e in fresh)
    assert made(installation, installation.settings)[0] == renewed


def test_what_was_made_has_a_report_and_its_openings_are_written_down(
    settled: Installation,
) -> None:
    for name in ("hdfs_blocks", "network_scan", "ssh_bruteforce"):
        manifest = settled.lake.manifest(Place("golden_report", name))
        assert manifest is not None
        assert (settled.settings.home / manifest.facts["report"]).exists()
        assert manifest.facts["label_noise"]["share"] is not None
        found = openings(settled.lake, name)
        assert found.problems == ()
        assert found.by_purpose["report"] >= 1
    rows = pq.read_table(settled.lake.part(GOLDEN), filters=pc.field("split") == "test")
    assert rows.num_rows > 0
