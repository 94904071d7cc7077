"""Old examples leave training, production joins it; what is held out stays as it was."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from golden_worlds import Built, World, at, line
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from whetstone.catalog import load_catalog
from whetstone.catalog.catalog_pb2 import GoldenDataset
from whetstone.catalog.golden_problems import golden_problems
from whetstone.engine import open_engine
from whetstone.errors import CatalogError
from whetstone.golden import JudgedUnit
from whetstone.golden_examples import REFRESH
from whetstone.golden_refresh import Flagged, days_before, sample_benign

REST_IS_BENIGN = "unit,label\n*,benign\n"
DAY = date.fromisoformat("2026-03-05")
YESTERDAY = datetime.fromisoformat("2026-03-04")


@dataclass
class Renewing(World):
    """A world whose golden dataset renews itself."""

    more: str = ""

    @property
    def dataset(self) -> GoldenDataset:
        return text_format.Merge(self.more, super().dataset)


def kept(built: Built, *splits: str) -> set[tuple[object, ...]]:
    return {
        (e["environment"], e["unit"], e["unit_start"], e["label"], e["split"])
        for e in built.examples
        if e["split"] in splits
    }


def lines_of(minutes: Sequence[tuple[int, int]]) -> list[str]:
    return [line(minute, f"10.0.0.{host}") for minute, host in minutes]


MINUTES = st.lists(
    st.tuples(st.integers(0, 20 * 1440), st.integers(0, 30)), min_size=1, max_size=30
)


@settings(max_examples=4)
@given(attacks=MINUTES, benign=MINUTES, days=st.integers(1, 15))
def test_expiry_takes_old_training_examples_and_nothing_else(
    attacks: list[tuple[int, int]], benign: list[tuple[int, int]], days: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = Renewing(Path(directory))
        accepted = [
            world.contribute(lines_of(minutes), f"unit,label\n*,{label}\n")
            for minutes, label in ((attacks, "scan"), (benign, "benign"))
        ]
        whole = world.build(accepted)
        world.more = f'expires_after: "{days}d"'
        renewed = world.build(accepted[::-1])
    held = ("test", "validation", "verdicts")
    assert kept(renewed, *held) == kept(whole, *held)
    ends = [e["event_timestamp"] for e in whole.examples]
    oldest = max(ends, default=at(0)) - timedelta(days)
    expected = {
        (e["environment"], e["unit"], e["unit_start"], e["label"], e["split"])
        for e in whole.examples
        if e["split"] == "train"
        and (
            e["event_timestamp"] >= oldest
            or all(
                other["event_timestamp"] < oldest
                for other in whole.examples
                if other["split"] == "train" and other["label"] == e["label"]
            )
        )
    }
    assert kept(renewed, "train") == expected
    assert sum(renewed.golden.expired.values()) == len(whole.examples) - len(renewed.examples)
    assert renewed.golden.test_version == whole.golden.test_version


def refresh_of(world: World, origin: str = f"{REFRESH}2026-03-05") -> list[JudgedUnit]:
    """All units of production, as if a refresh had drawn them."""
    names = [unit["ip"] for unit in world.produced()]
    return [
        JudgedUnit(
            origin=origin,
            contributor="production",
            environment=unit["environment"],
            entity=(name,),
            unit_start=unit["unit_start"],
            event_timestamp=unit["event_timestamp"],
            positive=False,
        )
        for unit, name in zip(world.produced(), names, strict=True)
    ]


@settings(max_examples=4)
@given(labelled=MINUTES, produced=MINUTES)
def test_a_refresh_changes_nothing_but_benign_training_examples(
    labelled: list[tuple[int, int]], produced: list[tuple[int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        accepted = [
            world.contribute(lines_of(labelled), REST_IS_BENIGN),
            world.contribute(
                [line(1, "10.9.9.9"), *lines_of(labelled[:1])], "unit,label\n*,scan\n"
            ),
        ]
        world.land([line(minute, f"10.0.0.{host}", size=7) for minute, host in produced])
        drawn = refresh_of(world)
        whole, renewed = world.build(accepted), world.build(accepted, drawn)
    fresh = [e for e in renewed.examples if e["origin"].startswith(REFRESH)]
    rest = [e for e in renewed.examples if not e["origin"].startswith(REFRESH)]
    assert rest == whole.examples
    assert {(e["split"], e["label"], e["contributor"]) for e in fresh} <= {
        ("train", "benign", "production")
    }
    vouched = sum(e["split"] == "train" and not e["positive"] for e in rest)
    assert len(fresh) <= vouched / 2
    assert (renewed.golden.conflicts, renewed.golden.missing_verdicts) == (
        whole.golden.conflicts,
        0,
    )


def test_a_refresh_yields_to_what_people_said_of_the_same_lines(tmp_path: Path) -> None:
    world = World(tmp_path)
    lines = [line(minute, "a") for minute in range(0, 50, 5)]
    world.land(lines)
    accepted = world.contribute(lines, "unit,label\n*,scan\n")
    assert world.build([accepted], refresh_of(world)).examples == world.build([accepted]).examples


def scores_of(path: Path, rows: Sequence[tuple[str, str, float, bool]]) -> Path:
    """A day's scores of (environment, address, score, alert), a window each."""
    end = [YESTERDAY + timedelta(minutes=5 * (n + 1)) for n in range(len(rows))]
    pq.write_table(
        pa.table(
            {
                "environment": [row[0] for row in rows],
                "ip": [row[1] for row in rows],
                "unit": [row[1] for row in rows],
                "unit_start": [one - timedelta(minutes=5) for one in end],
                "event_timestamp": end,
                "score": [row[2] for row in rows],
                "is_alert": [row[3] for row in rows],
            }
        ),
        path,
    )
    return path


def drawn(
    root: Path,
    rows: Sequence[tuple[str, str, float, bool]],
    units: int = 30,
    flagged: Sequence[Flagged] = (),
    day: date = DAY,
    **others: Sequence[tuple[str, str, float, bool]],
) -> list[JudgedUnit]:
    dataset = GoldenDataset(name="d")
    dataset.refresh.units, dataset.refresh.days = units, 1
    scores = {
        name: [scores_of(root / f"{name}.parquet", scored)]
        for name, scored in {"one": rows, **others}.items()
    }
    with open_engine(root) as engine:
        return sample_benign(engine, dataset, ("ip",), day, scores, flagged)


def quiet(n: int, environment: str = "oslo") -> list[tuple[str, str, float, bool]]:
    return [(environment, f"10.0.{k // 250}.{k % 250}", k / n, False) for k in range(n)]


def addresses(units: Sequence[JudgedUnit]) -> set[str]:
    return {unit.entity[0] for unit in units}


def test_a_sample_follows_from_its_day_and_the_scores_alone(tmp_path: Path) -> None:
    first = drawn(tmp_path, quiet(400))
    assert len(first) == 30
    assert first == drawn(tmp_path, quiet(400))
    assert addresses(first) != addresses(drawn(tmp_path, quiet(400), day=DAY + timedelta(1)))
    assert {unit.origin for unit in first} == {f"{REFRESH}2026-03-05"}


def test_a_sample_is_stratified_by_environment_and_score(tmp_path: Path) -> None:
    found = drawn(tmp_path, [*quiet(1000), *quiet(300, "bergen")], units=60)
    of = {name: [u for u in found if u.environment == name] for name in ("oslo", "bergen")}
    assert {name: len(units) for name, units in of.items()} == {"oslo": 60, "bergen": 60}
    at = {row[1]: row[2] for row in quiet(1000)}
    ranks = [at[unit.entity[0]] for unit in of["oslo"]]
    bounds = ((-1, 0.5), (0.5, 0.9), (0.9, 1))
    bands = [sum(low < rank <= high for rank in ranks) for low, high in bounds]
    assert bands == pytest.approx([20, 20, 20], abs=1)


def test_alerts_and_the_highest_hundredth_are_left_out(tmp_path: Path) -> None:
    rows = [*quiet(1000), ("oslo", "10.9.9.9", 2.0, True)]
    found = addresses(drawn(tmp_path, rows, units=5000))
    assert "10.9.9.9" not in found
    assert len(found) == 990
    assert found.isdisjoint(row[1] for row in rows[990:])


def test_what_shares_an_entity_with_an_alert_of_any_of_the_detectors_is_left_out(
    tmp_path: Path,
) -> None:
    rows = [*quiet(200), ("bergen", "10.0.0.7", 0.0, False)]
    other = [("oslo", "10.0.0.7", 9.0, True)]
    units = drawn(tmp_path, rows, units=5000, two=other)
    assert ("oslo", "10.0.0.7") not in {(u.environment, u.entity[0]) for u in units}
    assert ("bergen", "10.0.0.7") in {(u.environment, u.entity[0]) for u in units}


def test_what_analysts_called_an_attack_takes_its_entity_out_for_the_day(tmp_path: Path) -> None:
    attack = Flagged("oslo", "10.0.0.7", YESTERDAY, YESTERDAY + timedelta(hours=23))
    before = Flagged("oslo", "10.0.0.8", YESTERDAY - timedelta(9), YESTERDAY - timedelta(8))
    found = addresses(drawn(tmp_path, quiet(300), units=5000, flagged=[attack, before]))
    assert "10.0.0.7" not in found
    assert "10.0.0.8" in found


def test_one_entity_cannot_fill_a_sample(tmp_path: Path) -> None:
    rows = [("oslo", "10.6.6.6", 0.1, False)] * 900 + quiet(100)
    found = drawn(tmp_path, rows, units=40)
    assert len(found) == 40
    assert sum(unit.entity == ("10.6.6.6",) for unit in found) <= 2


def test_a_refresh_looks_at_whole_days_before_its_own() -> None:
    dataset = GoldenDataset()
    dataset.refresh.days = 3
    assert days_before(dataset, DAY) == ["2026-03-02", "2026-03-03", "2026-03-04"]


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ('expires_after: "soon"', "expires_after"),
        ('expires_after: "12h"', "expires_after"),
        ("max_contributor_share: 1.5", "max_contributor_share"),
        ("refresh { days: 7 }", "refresh.units"),
        ("refresh { units: 10 days: 1000 }", "refresh.days"),
    ],
)
def test_a_definition_that_cannot_be_is_refused_with_its_line(
    tmp_path: Path, pytestconfig: pytest.Config, written: str, field: str
) -> None:
    shipped = (pytestconfig.rootpath / "catalog/golden/ssh_bruteforce.textproto").read_text()
    text = "\n".join(each for each in shipped.splitlines() if not each.startswith("refresh"))
    for layer in ("sources", "features", "golden"):
        (tmp_path / layer).mkdir()
    for file in ("sources/sshd", "features/sshd_source_5m"):
        (tmp_path / f"{file}.textproto").write_text(
            (pytestconfig.rootpath / f"catalog/{file}.textproto").read_text()
        )
    path = tmp_path / "golden/ssh_bruteforce.textproto"
    path.write_text(f"{text}\n{written}\n")
    with pytest.raises(CatalogError) as refused:
        load_catalog(tmp_path)
    number = len(text.splitlines()) + 1
    assert f"ssh_bruteforce.textproto:{number}: {field}" in str(refused.value)


def test_a_refresh_needs_a_holdout_by_group() -> None:
    dataset = text_format.Parse(
        'refresh { units: 10 days: 7 } holdout { time { test_from: "2026-01-02" } }',
        GoldenDataset(),
    )
    assert [field for field, _ in golden_problems(dataset)] == ["refresh"]
