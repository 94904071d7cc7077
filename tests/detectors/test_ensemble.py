"""Ensembles: members on one scale, fused, and which of them fired."""

import numpy as np
import pyarrow as pa
import pytest
from detector_examples import detector, matrix, processes

from detectors import family_of
from detectors.ensemble import Ensemble
from detectors.ensemble_tail import Tail
from detectors.interface import Examples, GraphModel, Training
from whetstone.catalog import catalog_pb2
from whetstone.errors import InputError, TrainingError
from whetstone.scoring.encoding import Ragged
from whetstone.scoring.onnx import MEMBERS

CALLS, NUMBERS = detector("ensemble").ensemble.members


def ensemble(
    *members: catalog_pb2.Detector, fusion: catalog_pb2.Fusion = catalog_pb2.MAX
) -> Ensemble:
    return Ensemble(catalog_pb2.Ensemble(members=members, fusion=fusion))


def fitted(
    given: Examples, *members: catalog_pb2.Detector, **fusion: catalog_pb2.Fusion
) -> GraphModel:
    return ensemble(*(members or (CALLS, NUMBERS)), **fusion).fit(given, Training(1))


def surprises(model: GraphModel, units: pa.Table) -> np.ndarray:
    return model.scorer.run(model.scorer.encode(units), MEMBERS)


@pytest.fixture(scope="module")
def model() -> GraphModel:
    return fitted(processes())


def test_members_rank_units_as_they_do_alone(model: GraphModel) -> None:
    asked = processes(200, 7).units
    for number, member in enumerate((CALLS, NUMBERS)):
        features = list(member.features)
        given = processes().select(features)
        alone = family_of(member).fit(given, Training(1)).score(asked.select(features))
        found = surprises(model, asked)[:, number]
        assert (np.diff(found[np.argsort(alone)]) >= 0).all()
        assert len(np.unique(found)) > 10


@pytest.mark.parametrize(
    ("fusion", "fused"),
    [(catalog_pb2.MAX, np.max), (catalog_pb2.SUM, np.sum), (catalog_pb2.MIN, np.min)],
)
def test_scores_are_the_members_surprises_fused(
    fusion: catalog_pb2.Fusion, fused: np.ufunc
) -> None:
    model, asked = fitted(processes(), fusion=fusion), processes(100, 7).units
    expected = fused(surprises(model, asked), axis=1)
    np.testing.assert_allclose(model.score(asked), expected, rtol=1e-6)


def test_surprise_is_how_rare_a_score_is_among_units_that_training_did_not_have() -> None:
    unseen = processes(12_000, 11).benign().units
    found = surprises(fitted(processes(12_000), NUMBERS), unseen)
    for surprise in (0.5, 1.0, 1.5):
        assert (found >= surprise).mean() == pytest.approx(10**-surprise, rel=0.3)


def test_the_explanation_is_that_of_the_member_that_fired(model: GraphModel) -> None:
    asked = processes(60, 7).units
    fired = surprises(model, asked).argmax(axis=1)
    assert set(fired) == {0, 1}
    for unit, number in enumerate(fired):
        (contributions,) = model.explain(asked.slice(unit, 1))
        assert {c.member for c in contributions} <= {("calls", "numbers")[number]}
        features = {c.feature for c in contributions}
        assert features <= set((CALLS, NUMBERS)[number].features)


def test_a_member_of_sequences_explains_by_its_own_parts(model: GraphModel) -> None:
    asked = processes(60, 7).units
    unit = int(surprises(model, asked).argmax(axis=0)[0])
    (found,) = model.explain(asked.slice(unit, 1))
    alone = family_of(CALLS).fit(processes().select(["events"]), Training(1))
    (own,) = alone.explain(asked.select(["events"]).slice(unit, 1))
    assert [(c.value, c.position) for c in found] == [(c.value, c.position) for c in own]
    np.testing.assert_allclose([c.contribution for c in found], [c.contribution for c in own])


def test_members_may_read_sequences_of_different_lengths() -> None:
    given = processes(120)
    longer = [[*events, *events, "end"] for events in given.units["events"].to_pylist()]
    units = pa.table({"events": given.units["events"], "twice": longer})
    twice = catalog_pb2.Detector(name="twice", features=["twice"])
    twice.sequence_sets.SetInParent()
    both = fitted(Examples(units, given.positive), CALLS, twice)
    scores = surprises(both, units)
    alone = surprises(fitted(Examples(units, given.positive), twice), units)
    np.testing.assert_array_equal(scores[:, 1], alone[:, 0])
    parts = both.scorer.parts(both.scorer.encode(units), "member_1_")
    assert isinstance(parts, Ragged) and parts.lengths.tolist() == [len(keys) for keys in longer]


def test_a_supervised_member_learns_from_attacks() -> None:
    supervised = catalog_pb2.Detector(name="supervised", features=["feature_0", "feature_2"])
    supervised.logistic_regression.SetInParent()
    given = processes()
    scores = surprises(fitted(given, CALLS, supervised), given.units)[:, 1]
    raised = matrix(Examples(given.units.select(["feature_2"]), None))[:, 0] > 50
    assert scores[raised].min() > np.median(scores[~raised])


def test_a_feature_that_is_not_there_is_refused_with_the_member_s_name() -> None:
    with pytest.raises(InputError, match="no feature events for the member calls"):
        fitted(processes().select(["feature_0", "feature_2"]))


def test_a_single_benign_unit_is_not_enough_to_calibrate_on() -> None:
    given = processes(50)
    positive = np.arange(50) > 0
    with pytest.raises(TrainingError, match="there are 1: contribute"):
        fitted(Examples(given.units, positive))


def test_beyond_all_benign_scores_the_tail_goes_on_as_an_exponential_one() -> None:
    drawn = np.random.default_rng(0).exponential(2.0, 20_000)
    asked = np.array([1.0, 5.0, 12.0, 60.0])
    expected = asked / 2 / np.log(10)
    np.testing.assert_allclose(Tail.of(drawn).apply(asked), expected, rtol=0.1)


def test_a_higher_score_is_never_less_surprising() -> None:
    rng = np.random.default_rng(1)
    for benign in (rng.normal(size=500), rng.integers(3, size=40), np.ones(7), np.zeros(1)):
        asked = np.linspace(-5, 20, 400)
        found = Tail.of(benign.astype(np.float64)).apply(asked)
        assert np.isfinite(found).all() and (np.diff(found) >= 0).all()
        assert found[-1] > found[asked <= benign.max()].max()
