"""What further features bring a detector: paired, on training examples, groups held together."""

import numpy as np
import pyarrow as pa
import pytest

from detectors.lift import FOLDS, lift
from whetstone.catalog.catalog_pb2 import Detector
from whetstone.errors import TrainingError


def detector(*features: str) -> Detector:
    made = Detector(name="d", features=features, seed=3)
    made.gradient_boosting.iterations = 5
    made.gradient_boosting.learning_rate = 0.3
    made.gradient_boosting.max_leaf_nodes = 4
    made.gradient_boosting.min_samples_leaf = 2
    made.operating_point.max_false_positive_rate = 0.05
    return made


def examples(groups: int = 60, each: int = 3) -> tuple[pa.Table, np.ndarray]:
    """A third are attacks; `signal` tells them, `noise` and `name` of the group do not."""
    chance = np.random.default_rng(5)
    codes = np.repeat(np.arange(groups), each)
    positive = codes % 3 == 0
    table = pa.table(
        {
            "positive": positive,
            "noise": chance.normal(size=len(codes)),
            "signal": positive + chance.normal(scale=0.4, size=len(codes)),
            "name": codes.astype(float),
        }
    )
    return table, codes


def test_a_feature_that_tells_attacks_gains() -> None:
    table, groups = examples()

    found = lift(detector("noise"), detector("noise", "signal"), table, groups)

    gain = found.gains["average_precision"]
    assert found.verdict == "gains"
    assert 0 < gain.low <= gain.difference <= gain.high
    assert (found.examples, found.positives, found.groups, found.folds) == (180, 60, 60, FOLDS)
    assert found.budget == 0.05


def test_equal_features_bring_exactly_nothing() -> None:
    table, groups = examples()

    found = lift(detector("signal"), detector("signal"), table, groups)

    gain = found.gains["average_precision"]
    assert (gain.difference, gain.low, gain.high) == (0, 0, 0)
    assert found.verdict == "no gain"


def test_what_only_names_a_group_does_not_pass_as_knowledge() -> None:
    """By the name of its group an example is known, unless the group is held out as a whole."""
    table, groups = examples(each=6)
    apart = np.arange(len(groups))

    honest = lift(detector("noise"), detector("noise", "name"), table, groups)
    leaky = lift(detector("noise"), detector("noise", "name"), table, apart)

    assert honest.verdict != "gains"
    assert (
        leaky.gains["average_precision"].difference > honest.gains["average_precision"].difference
    )


def test_what_is_lost_is_harm() -> None:
    table, groups = examples()

    assert lift(detector("signal"), detector("noise"), table, groups).verdict == "harms"


def test_it_is_the_same_each_time() -> None:
    table, groups = examples()
    pair = (detector("noise"), detector("noise", "signal"))

    first, second = (lift(*pair, table, groups, seeds=2).to_dict() for _ in range(2))

    assert {**first, "fit_seconds": ()} == {**second, "fit_seconds": ()}
    assert first["seeds"] == 2


def test_too_few_independent_attacks_are_said() -> None:
    table, groups = examples(groups=3)

    with pytest.raises(TrainingError, match="1 independent attacks"):
        lift(detector("noise"), detector("signal"), table, groups)


def test_of_very_many_examples_whole_groups_are_taken() -> None:
    table, groups = examples(groups=90, each=4)

    found = lift(detector("noise"), detector("signal"), table, groups, most=200)

    assert 190 <= found.examples <= 200
    assert found.examples == found.groups * 4
