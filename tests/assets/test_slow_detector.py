"""A detector with slow features: from raw logs to the bundle that an environment pulls."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from installation import Installation
from slow_world import DAYS, DETECTOR, SLOW, install, land_day, of_the_day_before

from whetstone.engine import open_engine
from whetstone.lake import Place
from whetstone.parsing import RawFile, parse_files
from whetstone.scoring.run import BundleScorer

NEXT = "2026-03-11"


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    installation = install(tmp_path_factory.mktemp("slow"))
    installation.settle()
    return installation


@dataclass(frozen=True)
class Moved:
    """A world in which a day landed, and a late file of a day before; what was made then."""

    world: Installation
    made: set[str]


@pytest.fixture(scope="module")
def moved(settled: Installation, tmp_path_factory: pytest.TempPathFactory) -> Moved:
    world = settled.copied_to(tmp_path_factory.mktemp("moved") / "world")
    land_day(world, NEXT)
    land_day(world, DAYS[0], range(39, 41))  # 39 was known already and fails more often now
    return Moved(world, world.settle())


def scores(world: Installation, day: str) -> list[dict]:
    rows = pq.read_table(world.lake.part(Place("scores", DETECTOR, day))).to_pylist()
    return sorted(rows, key=lambda row: (row["unit"], row["unit_start"]))


def test_training_examples_know_what_their_contribution_tells_of_the_day_before(
    settled: Installation,
):
    rows = pq.read_table(settled.lake.part(Place("training_set", DETECTOR))).to_pylist()
    known = of_the_day_before(settled.directory / "lab.log")
    assert len(rows) > 500
    for row in rows:
        assert row[SLOW] == known.get((row["client"], row["unit_start"].date()))
    assert None not in {row[SLOW] for row in rows if row["unit_start"].date() == date(2026, 2, 2)}
    metrics = settled.releases.load(DETECTOR).manifest["metrics"]
    assert metrics["average_precision"] == 1.0  # of what no feature of the hour tells


def test_a_day_is_scored_with_what_the_days_before_it_tell(settled: Installation):
    assert {row[SLOW] for row in scores(settled, DAYS[0])} == {None}
    known = of_the_day_before(settled.directory / f"{DAYS[0]}.log")
    rows = scores(settled, DAYS[1])
    assert [row[SLOW] for row in rows] == [
        known.get((row["client"], row["unit_start"].date())) for row in rows
    ]
    assert any(row["is_alert"] for row in rows)
    assert all(row["is_alert"] == (row[SLOW] > 0) for row in rows)


def test_a_new_day_is_made_once_and_brings_what_scorers_look_up_up_to_date(moved: Moved):
    assert {place for place in moved.made if "[" not in place} == {
        f"quality/{DETECTOR}",
        f"online/{DETECTOR}",
        "overview/page",
    }
    assert {place for place in moved.made if place.startswith("features/web_1d")} == {
        f"features/web_1d[{day}]" for day in (DAYS[0], NEXT)
    }


def test_what_lands_late_is_heeded_on_the_days_that_look_back_to_it(
    settled: Installation, moved: Moved
):
    assert f"scores/{DETECTOR}[{DAYS[1]}]" in moved.made
    assert f"features/web_1h[{DAYS[1]}]" not in moved.made
    before = scores(settled, DAYS[1])
    changed = [row for row in scores(moved.world, DAYS[1]) if row not in before]
    assert {row["client"] for row in changed} == {"10.0.0.39"}


def test_a_small_box_scores_the_next_day_as_the_platform_does(settled: Installation, moved: Moved):
    bundle = settled.releases.load(DETECTOR)
    assert bundle.online is not None
    scorer = BundleScorer(bundle)
    file = RawFile(moved.world.directory / f"{NEXT}.log", "oslo", f"oslo/web/{NEXT}/{NEXT}.log")
    with open_engine() as connection:
        parse_files(connection, scorer.source, [file], NEXT, 1 << 20)
        alone = scorer.score_events(connection, "events").to_pylist()
    alone.sort(key=lambda row: (row["unit"], row["unit_start"]))
    assert alone == scores(moved.world, NEXT)
    assert any(row[SLOW] for row in alone)


def test_a_champion_sees_windows_by_its_own_definitions_whatever_the_catalog_says(
    settled: Installation, tmp_path: Path
):
    world = settled.copied_to(tmp_path / "world")
    before = {day: scores(world, day) for day in DAYS}
    world.edit("features/web_1d.textproto", "status >= 400", "status >= 900")
    failed = {asset for finished in world.run() for asset in finished.failed}
    assert f"evaluation/{DETECTOR}" in failed, "without errors nothing can be told"
    windows = pq.read_table(world.lake.part(Place("features", "web_1d", DAYS[0])))
    assert set(windows["errors"].to_pylist()) == {0}
    assert {day: scores(world, day) for day in DAYS} == before
