"""Which units are worth a verdict: near the threshold, of unknown patterns, unlike others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.learning.selection import (
    Candidate,
    Choice,
    choose,
    closeness,
    doubt,
    looks,
    reading_cost,
)

VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
PARTS = st.fixed_dictionaries(
    {
        "feature": st.sampled_from("abc"),
        "value": VALUES,
        "contribution": st.floats(-1e6, 1e6),
    }
)


def part(feature: str, value: object, contribution: float = 1.0) -> dict[str, object]:
    return {"feature": feature, "value": value, "contribution": contribution}


def unit(name: str, feature: str, close: float = 1.0, cost: float = 1.0) -> Candidate:
    return Candidate(name, close, 1.0, looks([part(feature, 1.0)]), cost)


def ids(choices: list[Choice]) -> list[str]:
    return [choice.candidate.alert_id for choice in choices]


def test_the_nearest_to_the_threshold_comes_first_on_both_sides() -> None:
    assert closeness([0.9, 0.5, 0.7, 0.45, 0.1], 0.5) == pytest.approx([1 / 3, 1, 2 / 3, 1, 0.5])


def test_equal_scores_are_equally_near_and_scales_do_not_matter() -> None:
    assert closeness([3.0, 3.0, 9.0], 2.0) == closeness([0.6, 0.6, 0.7], 0.5) == [1, 1, 0.5]


def test_doubt_falls_with_verdicts_that_agree_and_slower_with_those_that_do_not() -> None:
    assert doubt(0, 0) == 1
    assert doubt(2, 0) == pytest.approx(0.45)
    assert doubt(10, 0) < doubt(5, 5) < doubt(2, 0)


def test_units_that_look_alike_are_asked_about_once() -> None:
    alike = [unit("a1", "failures"), unit("a2", "failures"), unit("b", "path", close=0.1)]
    assert ids(choose(alike, 3)) == ["a1", "b"]


def test_what_was_judged_before_is_not_asked_again() -> None:
    known = [looks([part("failures", 1.2)])]
    assert ids(choose([unit("a", "failures"), unit("b", "path", close=0.1)], 2, known)) == ["b"]


def test_of_equal_worth_the_shorter_one_comes_first() -> None:
    assert reading_cost(None) == reading_cost(1) == 1
    assert reading_cost(1024) == 2
    slow, fast = unit("slow", "a", cost=reading_cost(1024)), unit("fast", "b")
    assert ids(choose([slow, fast], 2)) == ["fast", "slow"]


def test_numbers_look_alike_within_a_power_of_two_and_detectors_never() -> None:
    one, near, far = (looks([part("failures", value)]) for value in (17.0, 30.0, 300.0))
    assert one == near != far
    assert not set(looks([part("a", 1)], "x")) & set(looks([part("a", 1)], "y"))


@given(st.lists(st.lists(PARTS, max_size=4), max_size=8), st.integers(0, 8))
def test_any_explanations_give_distinct_units_of_falling_worth(
    explanations: list[list[dict[str, object]]], most: int
) -> None:
    candidates = [
        Candidate(str(at), 1.0, 1.0, looks(parts)) for at, parts in enumerate(explanations)
    ]
    choices = choose(candidates, most)
    assert len(set(ids(choices))) == len(choices) <= most
    assert all(0 < choice.novelty <= 1 for choice in choices)
    worth = [choice.worth for choice in choices]
    assert worth == sorted(worth, reverse=True)
