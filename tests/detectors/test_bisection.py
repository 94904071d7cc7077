"""The smallest set of culprits, whoever they are, in few trials."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.trust.bisection import TrialsUsedUpError, smallest_culprits


def names(count: int) -> list[str]:
    return [f"contribution:{number}" for number in range(count)]


@settings(max_examples=50)
@given(st.data())
def test_planted_culprits_are_found_all_of_them_and_nobody_else(data) -> None:
    candidates = names(data.draw(st.integers(1, 40)))
    guilty = frozenset(data.draw(st.lists(st.sampled_from(candidates), min_size=1, max_size=4)))
    asked: list[frozenset[str]] = []

    def heals(removed: frozenset[str]) -> bool:
        asked.append(removed)
        return guilty <= removed

    assert smallest_culprits(candidates, heals, 10_000) == guilty
    assert len(asked) == len(set(asked))
    halvings = math.ceil(math.log2(len(candidates))) + 1
    assert len(asked) <= 2 * len(guilty) * halvings + 2 * len(guilty)


@settings(max_examples=50)
@given(st.data())
def test_of_culprits_that_are_enough_alone_none_is_left_over(data) -> None:
    """A loss that needs several of them to be felt: removing enough of them heals."""
    candidates = names(data.draw(st.integers(3, 30)))
    guilty = frozenset(candidates[:: data.draw(st.integers(1, 3))])
    tolerated = data.draw(st.integers(0, len(guilty) - 1))

    def heals(removed: frozenset[str]) -> bool:
        return len(guilty - removed) <= tolerated

    found = smallest_culprits(candidates, heals, 10_000)
    assert heals(found)
    assert found <= guilty
    assert not any(heals(found - {one}) for one in found)


def test_one_among_a_thousand_takes_some_twenty_trials() -> None:
    asked = []

    def heals(removed: frozenset[str]) -> bool:
        asked.append(removed)
        return "contribution:617" in removed

    assert smallest_culprits(names(1000), heals, 24) == {"contribution:617"}
    assert len(asked) <= 21


def test_trials_are_not_used_without_end() -> None:
    with pytest.raises(TrialsUsedUpError):
        smallest_culprits(names(64), lambda removed: len(removed) >= 40, 10)


def test_nothing_new_has_no_culprit() -> None:
    assert smallest_culprits([], lambda _: True, 5) == frozenset()
