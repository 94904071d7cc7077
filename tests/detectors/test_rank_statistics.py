"""Scores beside the earlier scores of the same entity: by a slow but plain computation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.rank_statistics import normalized_so_far, rank_so_far

SCORED = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-5, 5)), min_size=1, max_size=60)
STATISTICS = pytest.mark.parametrize("statistic", [rank_so_far, normalized_so_far])


def split(scored: list[tuple[str, int]]) -> tuple[list[str], np.ndarray]:
    return [entity for entity, _ in scored], np.array([score for _, score in scored], dtype=float)


@given(SCORED)
def test_a_rank_is_the_share_of_the_entitys_own_scores_so_far_that_are_lower(scored: list) -> None:
    entities, scores = split(scored)
    for at, rank in enumerate(rank_so_far(entities, scores)):
        own = scores[: at + 1][[entity == entities[at] for entity in entities[: at + 1]]]
        assert rank == pytest.approx(((own < scores[at]) + 0.5 * (own == scores[at])).mean())


@given(SCORED)
def test_a_normalized_score_counts_deviations_from_the_entitys_mean_before(scored: list) -> None:
    entities, scores = split(scored)
    for at, normalized in enumerate(normalized_so_far(entities, scores)):
        before = scores[:at]
        own = before[[entity == entities[at] for entity in entities[:at]]]
        # Four scores of everybody's mean and variance stand in front of the entity's own.
        mean = (4 * before.mean() + own.sum()) / (4 + len(own)) if at else 0.0
        squares = 4 * (before.var() + (before.mean() - mean) ** 2) if at else 0.0
        variance = (squares + ((own - mean) ** 2).sum()) / (4 + len(own))
        expected = (scores[at] - mean) / variance**0.5 if variance > 1e-12 else 0.0
        assert normalized == pytest.approx(expected, abs=1e-6)


@STATISTICS
@given(SCORED, SCORED)
def test_what_comes_later_changes_nothing(statistic, scored: list, later: list) -> None:
    alone = statistic(*split(scored))
    np.testing.assert_array_equal(statistic(*split(scored + later))[: len(scored)], alone)


@STATISTICS
def test_what_is_usual_for_one_user_is_not_for_another(statistic) -> None:
    rng = np.random.default_rng(0)
    entities = ["loud", "quiet"] * 200
    scores = np.tile([9.0, 1.0], 200) + 0.1 * rng.random(400)
    entities, scores = [*entities, "quiet", "loud"], np.append(scores, [9.05, 9.05])
    of_quiet, of_loud = statistic(entities, scores)[-2:]
    assert of_quiet > 0.99
    assert of_loud < of_quiet
