"""What is particular to sequences of flows: windows that vote, classes, what is left out."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from detector_examples import flows

from detectors.flow_sequence import FlowSequence, vote
from detectors.interface import Examples, GraphModel, Training
from detectors.networks.flow_graph import window_starts
from whetstone.catalog import catalog_pb2
from whetstone.errors import InputError, TrainingError
from whetstone.scoring.encoding import FIRST_KNOWN, UNKNOWN, encoding_of
from whetstone.scoring.encoding.series import Binned, Series
from whetstone.scoring.onnx import CLASSES

LENGTH = 16
TRAINING = Training(1)


def family(architecture: str = "convolutional", **given: object) -> FlowSequence:
    parameters = {"length": LENGTH, "epochs": 3, "learning_rate": 0.02, "times": "times", **given}
    message = catalog_pb2.FlowSequence(**parameters)  # pyright: ignore[reportArgumentType]
    getattr(message, architecture).SetInParent()
    return FlowSequence(message)


def applications(n: int, seed: int, longest: int = 60) -> Examples:
    """Three applications of equal sizes: calls at equal times, in bursts, and anyhow."""
    rng = np.random.default_rng(seed)
    labels = np.array(["anyhow", "bursts", "clock"])[np.arange(n) % 3]
    times: list[np.ndarray] = []
    sizes: list[np.ndarray] = []
    for label in labels:
        count = int(rng.integers(8, longest))
        gaps = {
            "anyhow": rng.exponential(30, count),
            "bursts": np.where(np.arange(count) % 5, 0.01, 150),
            "clock": rng.normal(30, 0.5, count),
        }
        times.append(1.7e9 + np.cumsum(gaps[str(label)]))
        sizes.append(rng.integers(60, 5000, count).astype(float))
    doubles = pa.list_(pa.float64())
    units = pa.table({"times": pa.array(times, doubles), "sizes": pa.array(sizes, doubles)})
    return Examples(units, labels == "clock", labels)


def probabilities(model: GraphModel, units: pa.Table) -> np.ndarray:
    return model.scorer.run(model.scorer.encode(units), CLASSES)


@pytest.fixture(scope="module", params=["recurrent", "convolutional"])
def architecture(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def given() -> Examples:
    return applications(90, seed=0)


@pytest.fixture(scope="module")
def model(given: Examples) -> GraphModel:
    return family(epochs=12).fit(given, TRAINING)


def test_the_graph_gives_what_the_network_says_of_windows(
    architecture: str, given: Examples
) -> None:
    small = given.where(np.arange(90) < 12)
    tried = family(architecture, epochs=1)
    network, encoding, _ = tried.fit_network(small, TRAINING)
    expected = []
    with torch.no_grad():
        for at in range(len(small)):
            unit = encoding.encode(small.units.slice(at, 1)).values
            votes = []
            for start in window_starts(len(unit), LENGTH):
                window = torch.from_numpy(unit[start : start + LENGTH])[None]
                odds = network(window, torch.tensor([window.shape[1]]))
                votes.append(torch.log_softmax(odds, 1)[0])
            expected.append(torch.softmax(torch.stack(votes).mean(0), 0).numpy())
    made = tried.fit(small, TRAINING)
    np.testing.assert_allclose(probabilities(made, small.units), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(made.score(small.units), np.array(expected)[:, 2], rtol=1e-5)


@pytest.mark.parametrize(
    ("flows_of_unit", "starts"),
    [
        (0, [0]),
        (1, [0]),
        (16, [0]),
        (17, [0, 8]),
        (24, [0, 8]),
        (25, [0, 8, 16]),
        (40, [*range(0, 25, 8)]),
    ],
)
def test_windows_overlap_by_half_and_the_last_one_reaches_the_end(
    flows_of_unit: int, starts: list[int]
) -> None:
    assert window_starts(flows_of_unit, LENGTH) == starts


def test_classes_that_differ_in_time_alone_are_told_apart(model: GraphModel) -> None:
    unseen = applications(90, seed=5)
    assert unseen.labels is not None
    names = np.array(model.scorer.classes)
    assert tuple(names) == ("anyhow", "bursts", "clock")
    found = names[probabilities(model, unseen.units).argmax(axis=1)]
    assert (found == unseen.labels).mean() > 0.9


def test_the_score_is_the_probability_of_the_positive_classes(given: Examples) -> None:
    assert given.labels is not None
    both = Examples(given.units, given.labels != "anyhow", given.labels)
    made = family().fit(both, TRAINING)
    expected = probabilities(made, given.units)[:, 1:].sum(axis=1)
    np.testing.assert_allclose(made.score(given.units), expected, rtol=1e-6)


def test_windows_outvote_a_part_that_looks_otherwise(model: GraphModel) -> None:
    clock = [1.7e9 + 30.0 * at for at in range(200)]
    hectic = [clock[-1] + 0.01 * at for at in range(1, 9)]
    names = model.scorer.classes
    whole, last = (
        names[probabilities(model, pa.table({"times": [times], "sizes": [sizes]}))[0].argmax()]
        for times, sizes in (
            (clock + hectic, [float(100 + at) for at in range(208)]),
            (hectic, [float(300 + at) for at in range(8)]),
        )
    )
    assert (whole, last == "clock") == ("clock", False)


def test_units_of_one_server_outvote_one_that_errs() -> None:
    each = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.3, 0.7]])
    servers = np.array(["a", "a", "a", "b"])
    np.testing.assert_array_equal(vote(each, servers), [0, 0, 0, 1])
    order = np.array([3, 1, 0, 2])
    np.testing.assert_array_equal(vote(each[order], servers[order]), [1, 0, 0, 0])
    assert vote(np.empty((0, 2)), np.empty(0)).shape == (0,)


def test_a_vote_does_not_end_where_one_unit_is_certain() -> None:
    each = np.array([[1.0, 0.0], [0.4, 0.6], [0.4, 0.6]], dtype=np.float32)
    assert set(vote(each, np.zeros(3))) == {0}


def test_only_differences_of_times_count(model: GraphModel) -> None:
    unit = applications(3, seed=8).units
    later = [[time + 86_400.0 for time in times] for times in unit["times"].to_pylist()]
    moved = unit.set_column(0, "times", pa.array(later))
    np.testing.assert_array_equal(model.score(moved), model.score(unit))


def test_the_parts_of_a_score_belong_to_flows(model: GraphModel) -> None:
    units = applications(6, seed=3, longest=70).units
    tensors = model.scorer.encode(units)
    parts = model.scorer.parts(tensors)
    assert parts.lengths.tolist() == [len(times) for times in units["times"].to_pylist()]
    clock = model.score(units) > 0.9
    sums = np.array([parts.unit(at).sum() for at in range(6)])
    assert clock.any() and (sums[clock] > 0).all() and (sums[model.score(units) < 0.1] < 0).all()


def test_a_bin_that_training_never_saw_counts_as_the_nearest_one() -> None:
    given = flows(40)
    made = family(epochs=1).fit(given, TRAINING)
    largest = max(max(sizes) for sizes in given.units["sizes"].to_pylist())
    unit = [[1e9, 1e9 + 60, 1e9 + 120]]
    usual, huge = (
        made.score(pa.table({"times": unit, "sizes": [[size] * 3]})) for size in (largest, 9e8)
    )
    np.testing.assert_array_equal(huge, usual)


def test_unequal_lists_of_a_unit_are_refused(model: GraphModel) -> None:
    units = pa.table({"times": [[1.0], [1.0, 2.0]], "sizes": [[5.0], [5.0]]})
    with pytest.raises(
        InputError, match=r"times and sizes must be .* equal length: row 1 has 2 and 1"
    ):
        model.score(units)


def test_a_missing_clock_and_an_odd_window_are_refused(given: Examples) -> None:
    with pytest.raises(InputError, match="no feature 'clock' to take times from"):
        family(times="clock").fit(given, TRAINING)
    with pytest.raises(TrainingError, match="length must be even"):
        family(length=7)


def test_a_series_gives_bins_of_values_and_of_differences() -> None:
    series = Series((Binned("at", (0.5, 2.0), differences=True), Binned("size", (10.0,))))
    units = pa.table(
        {
            "at": pa.array([[5.0, 5.1, 9.0], None, [7.0]], pa.list_(pa.float64())),
            "size": pa.array([[3, 10, None], [], [99]], pa.list_(pa.int64())),
        }
    )
    encoded = series.encode(units)
    below, above = FIRST_KNOWN, FIRST_KNOWN + 1
    assert encoded.offsets.tolist() == [0, 3, 3, 4]
    assert encoded.values.tolist() == [
        [UNKNOWN, below],
        [below, above],
        [FIRST_KNOWN + 2, UNKNOWN],
        [UNKNOWN, above],
    ]
    assert series.tokens(units)[0][1:] == ["at 0.1, size 10", "at 3.9, size ?"]
    assert encoding_of(series.spec()) == series
