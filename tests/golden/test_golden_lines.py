"""Who looks an example over sees its lines: as contributed, or as production keeps them."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from golden_worlds import SOURCE, World, line

from whetstone.contributions import Contribution
from whetstone.engine import open_engine
from whetstone.golden_lines import UnitKey, raw_lines


def shown(
    world: World, examples: list[dict[str, Any]], accepted: list[Contribution]
) -> dict[UnitKey, list[str]]:
    keys = [
        UnitKey(e["environment"], e["unit"], e["unit_start"], e["event_timestamp"])
        for e in examples
    ]
    events = world.root / "lake" / "golden_events.parquet"
    with open_engine(world.root / "lake") as engine:
        return raw_lines(
            engine, SOURCE, world.view, events, keys, {one.id: one for one in accepted}, 1 << 20
        )


@pytest.mark.parametrize("kind", ["window", "session", "event"])
def test_contributed_units_show_their_own_raw_lines(tmp_path: Path, kind: str) -> None:
    world = World(tmp_path, kind)
    lines = [line(minute, ip, f"s-{ip}") for minute in (0, 1, 6) for ip in ("a", "b")]
    lines[1:1] = ["<script>alert(1)</script> no event\n"]
    accepted = [world.contribute(lines, "unit,label\n*,benign\n")]
    built = world.build(accepted)
    pq.write_table(built.events, tmp_path / "lake" / "golden_events.parquet")
    found = shown(world, built.examples, accepted)
    every = [text for texts in found.values() for text in texts]
    assert sorted(every) == sorted(text.rstrip("\n") for text in lines if "script" not in text)
    for unit, texts in found.items():
        assert all(unit.unit.split("|")[0] in text for text in texts)


def test_production_shows_what_was_parsed_and_not_what_was_landed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.land([line(0, "a", "s", size=4)])
    built = world.build([], [world.judge(world.produced()[0], positive=True)])
    pq.write_table(built.events, tmp_path / "lake" / "golden_events.parquet")
    (texts,) = shown(world, built.examples, []).values()
    assert texts == ["event_time=2026-03-01 00:00:00 ip=a session=s size=4"]
