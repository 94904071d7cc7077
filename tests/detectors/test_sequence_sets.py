"""The distance to the nearest set of keys, against Python's own sets."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from detector_examples import programs

from detectors.interface import Examples, GraphModel, Training
from detectors.sequence_sets import SequenceSets
from whetstone.catalog import catalog_pb2


def units(*sequences: Sequence[str]) -> pa.Table:
    return pa.table({"events": pa.array([list(s) for s in sequences], pa.list_(pa.string()))})


def fitted(table: pa.Table, kept: int = 0, seed: int = 0) -> GraphModel:
    parameters = catalog_pb2.SequenceSets(kept=kept)
    return SequenceSets(parameters).fit(Examples(table, None), Training(seed))


def test_scores_are_the_jaccard_distances_of_sets() -> None:
    rng = np.random.default_rng(0)
    drawn = [rng.choice(list("abcdefgh"), rng.integers(1, 30)).tolist() for _ in range(120)]
    known, asked = drawn[:40], drawn[40:]
    expected = [
        min(1 - len(set(one) & set(other)) / len(set(one) | set(other)) for other in known)
        for one in asked
    ]
    np.testing.assert_allclose(fitted(units(*known)).score(units(*asked)), expected, atol=1e-6)


def test_neither_order_nor_counts_matter() -> None:
    assert fitted(units("abc")).score(units("cab", "aaabbbcccb")).tolist() == [0, 0]


def test_several_unknown_keys_count_as_one() -> None:
    assert fitted(units("abc")).score(units("abcx", "abcxyz")).tolist() == [0.25, 0.25]


def test_a_session_without_keys_is_like_none_that_has_any() -> None:
    assert fitted(units("abc")).score(units("")).tolist() == [1]
    assert fitted(units("abc", "")).score(units("")).tolist() == [0]


def test_an_explanation_names_what_the_nearest_session_does_not_have() -> None:
    (contributions,) = fitted(units("abc", "xyz")).explain(units("axbbxc"))
    amounts = {(c.position, c.value): c.contribution for c in contributions if c.contribution}
    assert amounts == {(1, "x"): pytest.approx(1 / 8), (4, "x"): pytest.approx(1 / 8)}


def test_more_sets_than_are_kept_are_drawn_by_the_seed() -> None:
    many = units(*("abcdefgh"[first:last] for first in range(8) for last in range(first + 1, 9)))
    scores = [fitted(many, kept=10, seed=seed).score(many) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert (scores[0] == 0).sum() == 10 and (scores[0] != scores[2]).any()


def test_what_belongs_to_two_programs_is_unusual_in_one_session() -> None:
    given = programs()
    assert given.positive is not None
    scores = fitted(given.benign().units).score(given.units)
    assert scores[given.positive].min() > scores[~given.positive].max() == 0
