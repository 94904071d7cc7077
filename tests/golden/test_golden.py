"""Held out means held out, for ever; duplicates and contradictions are removed and counted."""

import tempfile
from pathlib import Path

import pytest
from golden_worlds import BY_TIME, Built, World, line
from hypothesis import given, settings
from hypothesis import strategies as st

REST_IS_BENIGN = "unit,label\n*,benign\n"


def splits(built: Built) -> dict[tuple[object, ...], str]:
    return {(e["unit"], e["unit_start"]): e["split"] for e in built.examples}


def address_in(split: str, directory: Path, kind: str = "window") -> str:
    """An address (or session) that falls into a split."""
    world = World(directory / "probe", kind)
    lines = [line(n * 5, f"10.0.1.{n}", f"s{n}") for n in range(40)]
    return next(
        e["unit"]
        for e in world.build([world.contribute(lines, REST_IS_BENIGN)]).examples
        if e["split"] == split
    )


CONTRIBUTIONS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 1439), st.integers(0, 12)), min_size=1, max_size=12),
        st.sampled_from(["benign", "scan"]),
    ),
    min_size=2,
    max_size=4,
)


@pytest.mark.parametrize("holdout", ["", BY_TIME], ids=["by group", "by time"])
@settings(max_examples=12)
@given(CONTRIBUTIONS)
def test_adding_a_contribution_never_moves_an_example(
    holdout: str, given_: list[tuple[list[tuple[int, int]], str]]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory), holdout=holdout)
        accepted = [
            world.contribute(
                [line(minute, f"10.0.0.{host}") for minute, host in lines],
                f"unit,label\n*,{label}\n",
            )
            for lines, label in given_
        ]
        builds = [splits(world.build(accepted[:count])) for count in (1, len(accepted) - 1)]
        last = splits(world.build(accepted))
        again = splits(world.build(accepted[::-1]))
    assert last == again
    for earlier in builds:
        assert {unit: last[unit] for unit in earlier if unit in last}.items() <= earlier.items()


def test_all_examples_of_a_group_fall_into_the_same_split(tmp_path: Path) -> None:
    world = World(tmp_path)
    lines = [line(minute, f"10.0.1.{n}") for n in range(60) for minute in (0, 5, 10)]
    built = world.build([world.contribute(lines, REST_IS_BENIGN)])
    by_group: dict[str, set[str]] = {}
    for example in built.examples:
        by_group.setdefault(example["unit"], set()).add(example["split"])
    assert all(len(found) == 1 for found in by_group.values())
    counts = [sum(found == {split} for found in by_group.values()) for split in
              ("train", "validation", "test")]  # fmt: skip
    assert sum(counts) == 60
    assert min(counts) >= 5  # shares 0.5, 0.2 and 0.3 of 60
    assert built.golden.examples == {
        f"{split}/negative": 3 * count
        for split, count in zip(("train", "validation", "test"), counts, strict=True)
    }


def test_a_holdout_in_time_cuts_at_its_instants(tmp_path: Path) -> None:
    world = World(tmp_path, "event", BY_TIME)
    lines = [line(minute, session=str(minute)) for minute in (0, 719.99, 720, 1079.99, 1080, 1439)]
    built = world.build([world.contribute(lines, REST_IS_BENIGN)])
    assert [split for _, split in sorted(splits(built).items(), key=lambda item: item[0][1])] == [
        *("train", "train", "validation", "validation", "test", "test")
    ]


def test_the_same_raw_lines_in_two_contributions_are_one_example(tmp_path: Path) -> None:
    world = World(tmp_path)
    lines = [line(0, "a"), line(1, "a"), line(0, "b")]
    one = world.contribute(lines, REST_IS_BENIGN)
    other = world.contribute([*lines, line(0, "c")], REST_IS_BENIGN)
    built = world.build([one, other])
    assert sorted(e["unit"] for e in built.examples) == ["a", "b", "c"]
    assert built.golden.duplicates == 2
    assert built.golden.conflicts == 0


def test_a_test_example_stays_and_its_duplicate_in_training_goes(tmp_path: Path) -> None:
    # By environment and address, so that the same lines can fall into two splits.
    world = World(tmp_path, holdout='group { keys: "environment" test_share: 0.5'
                  " validation_share: 0.1 }")  # fmt: skip
    lines = [line(0, "a"), line(0, "b")]
    accepted = [
        world.contribute([*lines, line(minute, "z")], REST_IS_BENIGN) for minute in range(0, 60, 5)
    ]
    accepted.sort(key=lambda contribution: contribution.id)
    alone = [splits(world.build([one])).popitem()[1] for one in accepted]
    assert "test" in alone[alone.index("train") :]
    accepted = accepted[alone.index("train") :]  # the first by name is one of training
    built = world.build(accepted)
    assert {e["unit"]: e["split"] for e in built.examples if e["unit"] != "z"} == {
        "a": "test",
        "b": "test",
    }
    assert built.golden.duplicates == 2 * (len(accepted) - 1)


def test_units_with_both_labels_are_left_out_and_counted(tmp_path: Path) -> None:
    world = World(tmp_path)
    lines = [line(0, "a"), line(0, "b"), line(0, "c")]
    one = world.contribute(lines, REST_IS_BENIGN)
    other = world.contribute(lines[:1], "unit,label\na,scan\n", who="bo")
    inside = world.contribute([line(9, "d")], "unit,label\nd,scan\nd,benign\n")
    built = world.build([one, other, inside])
    assert sorted(e["unit"] for e in built.examples) == ["b", "c"]
    assert (built.golden.conflicts, built.golden.duplicates) == (2, 0)


def test_an_example_says_where_it_comes_from(tmp_path: Path) -> None:
    world = World(tmp_path)
    accepted = world.contribute([line(0, "a")], "unit,label\na,attack\n", who='ana\'s "team"')
    (example,) = world.build([accepted]).examples
    assert example["origin"] == f"contribution:{accepted.id}"
    assert example["contributor"] == 'ana\'s "team"'
    assert (example["label"], example["positive"]) == ("scan", True)


@pytest.mark.parametrize("kind", ["window", "session", "event"])
def test_judged_units_become_examples_with_the_features_of_production(
    tmp_path: Path, kind: str
) -> None:
    world = World(tmp_path, kind)
    # Two windows that touch, two sessions with the events of others between theirs.
    minutes = [(0, "a", "s"), (4.99, "a", "s"), (5, "a", "t"), (6, "b", "s"), (9, "a", "t")]
    world.land([line(at, ip, session, size=n + 1) for n, (at, ip, session) in enumerate(minutes)])
    produced = world.produced()
    judged = [world.judge(unit, n % 2 == 0, str(n)) for n, unit in enumerate(produced)]
    built = world.build([], judged)
    assert built.golden.missing_verdicts == 0
    assert len(built.examples) == len(produced) > 1
    assert built.features == produced
    assert {e["origin"] for e in built.examples} == {f"verdict:{n}" for n in range(len(produced))}
    assert {e["contributor"] for e in built.examples} == {"cem"}
    assert {e["label"] for e in built.examples} == {"scan", "benign"}


def test_only_the_events_of_judged_units_are_taken_over(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.land([line(minute, ip) for minute in (0, 1, 5, 6) for ip in ("a", "b")])
    unit = world.produced()[0]
    built = world.build([], [world.judge(unit, positive=True)])
    assert [example["unit"] for example in built.examples] == [unit["unit"]]
    assert built.features == [unit]


@pytest.mark.parametrize("kind", ["window", "session"])
def test_units_of_two_partition_days_stay_apart_when_both_are_judged(
    tmp_path: Path, kind: str
) -> None:
    # The key is used again the next day; the log of the first day is cut inside a window.
    world = World(tmp_path, kind)
    world.land([line(1430, "a", "s"), line(1435, "a", "s"), line(1436, "a", "s")])
    world.land([line(1437, "a", "s"), line(1441, "a", "s", size=9)], day="2026-03-02")
    produced = world.produced()
    judged = [world.judge(unit, positive=True, verdict=str(n)) for n, unit in enumerate(produced)]
    built = world.build([], judged)
    assert built.golden.missing_verdicts == 0
    assert built.features == produced


def test_examples_from_verdicts_never_enter_test_or_validation(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.land([line(n * 5, f"10.0.1.{n}") for n in range(60)])
    judged = [world.judge(unit, True, str(n)) for n, unit in enumerate(world.produced())]
    found = {example["split"] for example in world.build([], judged).examples}
    assert found == {"train", "verdicts"}


def test_a_verdict_on_a_test_example_does_not_replace_it(tmp_path: Path) -> None:
    ip = address_in("test", tmp_path)
    world = World(tmp_path)
    lines = [line(0, ip), line(1, ip)]
    world.land(lines)
    (unit,) = world.produced()
    accepted = world.contribute(lines, "unit,label\n*,scan\n")
    built = world.build([accepted], [world.judge(unit, positive=True)])
    (example,) = built.examples
    assert (example["split"], example["origin"]) == ("test", f"contribution:{accepted.id}")
    assert built.golden.duplicates == 1


def test_a_verdict_that_contradicts_a_contribution_is_a_conflict(tmp_path: Path) -> None:
    world = World(tmp_path)
    lines = [line(0, "a"), line(1, "a")]
    world.land(lines)
    (unit,) = world.produced()
    accepted = world.contribute(lines, "unit,label\n*,scan\n")
    built = world.build([accepted], [world.judge(unit, positive=False)])
    assert (built.examples, built.golden.conflicts) == ([], 1)


def test_verdicts_whose_events_are_gone_are_counted(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.land([line(0, "a")])
    (unit,) = world.produced()
    gone = {**unit, "ip": "z"}
    built = world.build([], [world.judge(unit, True, "1"), world.judge(gone, True, "2")])
    assert built.golden.missing_verdicts == 1
    nothing = World(tmp_path / "new")
    assert nothing.build([], [world.judge(unit, True)]).golden.missing_verdicts == 1


def test_building_again_gives_the_same(tmp_path: Path) -> None:
    world = World(tmp_path)
    lines = [line(minute, f"10.0.1.{n}") for n in range(20) for minute in (0, 5)]
    world.land(lines[:10])
    judged = [world.judge(unit, False, str(n)) for n, unit in enumerate(world.produced())]
    accepted = [world.contribute(lines[at:], REST_IS_BENIGN) for at in (0, 4)]
    assert world.build(accepted, judged) == world.build(accepted[::-1], judged[::-1])
