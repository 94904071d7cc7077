"""The sums of the benchmarks of labelling and workload."""

import numpy as np
import pytest

from benchmarks.labelling import Goal, reached
from benchmarks.workload_reading import Read, read

GOAL = Goal(precision=0.9, recall=0.8)
DRAW = np.random.default_rng(1)
ATTACKS, BENIGN = [True] * 100, [False] * 100
MIXED = [True] * 60 + [False] * 40


def rounds(*met: bool) -> list[dict[str, float]]:
    return [
        {"precision": 0.95, "recall": 0.9 if each else 0.7, "verdicts": 10 * number}
        for number, each in enumerate(met)
    ]


def test_a_goal_is_reached_at_the_first_of_three_rounds_that_hold_it() -> None:
    assert reached(rounds(False, True, False, True, True, True), GOAL) == 30
    assert reached(rounds(True, True, True), GOAL) == 0
    assert reached(rounds(False, False, True, True), GOAL) is None


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("one", Read(items=3, found=160, lost=0, missed=0, blamed=40, mixed=0)),
        ("by_size", Read(items=106, found=160, lost=0, missed=0, blamed=0, mixed=1)),
        ("escalate", Read(items=9, found=160, lost=0, missed=0, blamed=40, mixed=0)),
    ],
)
def test_ways_to_read_differ_in_what_a_mixed_pattern_costs(way: str, expected: Read) -> None:
    assert read([ATTACKS, BENIGN, MIXED], way, DRAW) == expected


def test_an_attack_folded_into_a_pattern_that_looks_benign_is_lost() -> None:
    hidden = [False, True, *[False] * 7]
    assert read([hidden], "by_size", DRAW) == Read(
        items=1, found=0, lost=1, missed=1, blamed=0, mixed=0
    )
