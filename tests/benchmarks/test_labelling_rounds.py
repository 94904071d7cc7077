"""Rounds of verdicts on small worlds: what is asked, what is learned, when it ends."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.labelling import Course, Goal, rounds_of
from benchmarks.labelling_ways import WAYS, Feed
from benchmarks.labelling_worlds import World
from detectors.interface import Training
from detectors.training import fit
from whetstone.catalog import Catalog
from whetstone.catalog.slow import feature_names

TEXTS = "http_parameter_injection_ngrams"
BLOCKS = "hdfs_block_sequence"
EASY = Goal(precision=0.0, recall=0.0)
BEYOND = Goal(precision=1.1, recall=1.1)
SCRIPT, MASKED = "<script>alert({})</script>", "user{}superuser{}"


def table(name: str, values: Sequence[object], attacks: int, split: str) -> pa.Table:
    """Units of one feature, the last ones attacks."""
    count = len(values)
    return pa.table(
        {
            "environment": ["here"] * count,
            "unit": [f"{split}-{at}" for at in range(count)],
            "label": ["benign"] * (count - attacks) + ["attack"] * attacks,
            "positive": [False] * (count - attacks) + [True] * attacks,
            "split": [split] * count,
            name: values,
        }
    )


def values(first: int, count: int, *attacks: str) -> list[str]:
    """Names of users, and attacks after them."""
    return [f"user{at}" for at in range(first, first + count)] + [
        attack.format(at, at) for at, attack in enumerate(attacks)
    ]


@pytest.fixture(scope="module")
def world(catalog: Catalog) -> World:
    """One that knows scripts, and whose feed has attacks that look like users as well."""
    detector = catalog.detectors[TEXTS]
    (name,) = feature_names(detector)
    train = table(name, values(0, 60, *[SCRIPT] * 5), 5, "train")
    validation = table(name, values(100, 60), 0, "validation")
    return World(
        detector,
        pa.concat_tables([train, validation]),
        table(name, values(200, 80, *[SCRIPT, MASKED] * 10), 20, "train"),
        table(name, values(300, 40, *[SCRIPT, MASKED] * 10), 20, "test"),
    )


@pytest.fixture(scope="module")
def course(world: World) -> Course:
    return Course.of(world, seed=1)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_asks_about_units_without_a_verdict_and_each_once(
    world: World, course: Course, way: str
) -> None:
    positive = world.feed["positive"].to_numpy(zero_copy_only=False)
    units = world.feed.select(feature_names(world.detector))
    asked = np.zeros(len(positive), dtype=bool)
    young = course.young
    feed = Feed(
        units,
        positive,
        asked,
        young.model.score(units),
        young.threshold,
        young.model,
        lambda: course.bagged(asked, young),
        np.random.default_rng(1),
    )
    for told in (10, 20, 30):
        rows = WAYS[way](feed, 10)
        assert not asked[rows].any()
        feed.judge(rows)
        assert asked.sum() == told


def test_rounds_end_once_the_goal_is_held_and_otherwise_when_all_are_done(course: Course) -> None:
    held = rounds_of(course, "ours", rounds=6, verdicts=10, goal=EASY)
    assert [row["verdicts"] for row in held] == [0, 10, 20]
    never = rounds_of(course, "ours", rounds=4, verdicts=10, goal=BEYOND)
    assert [row["verdicts"] for row in never] == [0, 10, 20, 30, 40]


def test_verdicts_teach_attacks_that_the_golden_data_do_not_have(course: Course) -> None:
    rows = rounds_of(course, "ours", rounds=6, verdicts=10, goal=BEYOND)
    assert rows[0]["recall"] < rows[-1]["recall"] == 1.0


@pytest.mark.parametrize("afresh", [False, True])
def test_a_detector_that_may_goes_on_from_the_model_before_unless_the_world_says_no(
    catalog: Catalog, afresh: bool
) -> None:
    detector = catalog.detectors[BLOCKS]
    (name,) = feature_names(detector)
    usual, odd = ["e5", "e22", "e11", "e9"], ["e9", "e5"]
    world = World(
        detector,
        pa.concat_tables(
            [
                table(name, [usual] * 8 + [odd], 1, "train"),
                table(name, [usual] * 5, 0, "validation"),
            ]
        ),
        table(name, [usual, ["e22", "e5"]], 1, "train"),
        table(name, [usual, odd], 1, "test"),
        afresh,
    )
    course = Course.of(world, seed=1)
    examples = pa.concat_tables([world.golden, world.feed, world.test])
    before = course.young.model.export()
    anew = fit(detector, examples, Training(1)).model.export()
    continued = fit(detector, examples, Training(1, before)).model.export()
    assert anew != continued
    trained = course.trained(np.array([True, True]), course.young).model.export()
    assert trained == (anew if afresh else continued)
