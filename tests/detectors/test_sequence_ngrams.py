"""The back-off n-gram model, against its own definition computed with dictionaries."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import log

import numpy as np
import pyarrow as pa
import pytest
from detector_examples import sessions

from detectors.interface import Examples, GraphModel, Training
from detectors.sequence_ngrams import SequenceNgrams
from whetstone.catalog import catalog_pb2
from whetstone.errors import InputError


def units(*sequences: Sequence[str]) -> pa.Table:
    return pa.table({"events": pa.array([list(s) for s in sequences], pa.list_(pa.string()))})


def fitted(table: pa.Table, longest: int = 3, max_length: int = 0) -> GraphModel:
    parameters = catalog_pb2.SequenceNgrams(longest=longest, max_length=max_length)
    return SequenceNgrams(parameters).fit(Examples(table, None), Training(0))


class Dictionaries:
    """Witten-Bell interpolation written down as in the paper."""

    def __init__(self, sequences: Sequence[Sequence[str]], longest: int) -> None:
        self.longest = longest
        self.counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for sequence in sequences:
            led_in = ["<s>"] * longest + list(sequence)
            for at in range(longest, len(led_in)):
                for size in range(longest):
                    self.counts[tuple(led_in[at - size : at])][led_in[at]] += 1
        self.keys = len({key for sequence in sequences for key in sequence}) + 1  # and unknown

    def probability(self, key: str, context: tuple[str, ...]) -> float:
        shorter = self.probability(key, context[1:]) if context else 1 / self.keys
        followers = self.counts[context]
        total, kinds = followers.total(), len(followers)
        return (followers[key] + kinds * shorter) / (total + kinds) if total else shorter

    def surprise(self, sequence: Sequence[str]) -> float:
        led_in = ["<s>"] * self.longest + list(sequence)
        return float(
            np.mean(
                [
                    -log(self.probability(led_in[at], tuple(led_in[at - self.longest + 1 : at])))
                    for at in range(self.longest, len(led_in))
                ]
            )
        )


@pytest.mark.parametrize("longest", [1, 2, 5])
def test_scores_are_those_of_the_definition(longest: int) -> None:
    trained = sessions(120, 1).benign().units
    asked = [*sessions(80, 2).units["events"].to_pylist(), ["read"] * 40, ["new", "open", "new"]]
    expected = Dictionaries(trained["events"].to_pylist(), longest)
    np.testing.assert_allclose(
        fitted(trained, longest).score(units(*asked)),
        [expected.surprise(sequence) for sequence in asked],
        rtol=1e-5,
    )


def test_the_probabilities_of_all_keys_after_a_context_add_up_to_one() -> None:
    model = fitted(units("abcab", "abd", "cc"), longest=3)
    for context in ("", "a", "ab", "dd", "xb"):
        asked = units(*(f"{context}{key}" for key in "abcdx"))
        parts = model.scorer.parts(model.scorer.encode(asked))
        last = parts.values[parts.offsets[1:] - 1] * (len(context) + 1)
        assert np.exp(-last.astype(float)).sum() == pytest.approx(1, abs=1e-5)


def test_a_session_costs_what_its_positions_add() -> None:
    model, asked = fitted(units("abcab", "abd")), units("abdx", "a", "dddddddddcab")
    parts = model.scorer.parts(model.scorer.encode(asked))
    added = np.add.reduceat(parts.values, parts.offsets[:-1])
    np.testing.assert_allclose(added, model.score(asked), rtol=1e-6)


def test_the_most_surprising_key_explains_the_score() -> None:
    (first, *_), *_ = fitted(units(*["abcabc"] * 5)).explain(units("abcxbc"))
    assert (first.feature, first.value, first.position) == ("events", "x", 3)


def test_a_session_without_keys_has_no_surprise() -> None:
    assert fitted(units("ab")).score(units("")).tolist() == [0]


def test_order_means_nothing_to_a_model_of_single_keys() -> None:
    model = fitted(units("abc", "abb"), longest=1)
    scores = model.score(units("abc", "cba"))
    assert scores[0] == pytest.approx(scores[1])
    scores = fitted(units("abc", "abb"), longest=2).score(units("abc", "cba"))
    assert scores[0] < scores[1]


def test_keys_beyond_the_longest_session_do_not_count() -> None:
    model = fitted(units("abab"), max_length=4)
    assert model.score(units("abab" + "x" * 50)) == model.score(units("abab"))


def test_several_features_are_refused() -> None:
    with pytest.raises(InputError, match="one list of keys, not a, b"):
        fitted(pa.table({"a": [["x"]], "b": [["y"]]}))
