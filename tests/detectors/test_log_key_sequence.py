"""What is particular to models of log keys: order, company, numbers, and learning on."""

from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from detector_examples import odd_sessions, sessions

from detectors import log_key_sequence
from detectors.evaluation.tails import tail_threshold
from detectors.interface import Examples, GraphModel, Training
from detectors.log_key_sequence import Learned, LogKeySequence
from detectors.networks import torch_training
from detectors.networks.log_key_sessions import distinct_sessions
from whetstone.catalog import catalog_pb2
from whetstone.errors import InputError, TrainingError
from whetstone.scoring.encoding.valued_keys import ValuedKeys
from whetstone.scoring.onnx import OnnxScorer

SMALL = {"hidden": 24, "epochs": 15}


def family(**parameters: object) -> LogKeySequence:
    return LogKeySequence(catalog_pb2.LogKeySequence(**{**SMALL, **parameters}))


def keys(*lists: list[str], name: str = "events") -> pa.Table:
    return pa.table({name: pa.array(lists, pa.list_(pa.string()))})


def timed(n: int, seed: int) -> Examples:
    """Sessions whose `write` takes about 100 seconds and whose other events take about one."""
    given = sessions(n, seed).benign()
    rng = np.random.default_rng(seed)
    seconds = [
        [float(rng.lognormal(sigma=0.2) * (100 if key == "write" else 1)) for key in events]
        for events in given.units["events"].to_pylist()
    ]
    return Examples(given.units.append_column("seconds", pa.array(seconds)), None)


@pytest.fixture(scope="module")
def learned() -> Learned:
    return family().learn(sessions(400).benign(), Training(1))


@pytest.fixture(scope="module")
def model(learned: Learned) -> GraphModel:
    return GraphModel(learned.export())


@pytest.fixture(scope="module")
def timed_model() -> GraphModel:
    return family().fit(timed(300, 0), Training(1))


def surprises(learned: Learned, units: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,) and what each position adds but for its company (m,), computed by torch."""
    encoded = learned.encoding.encode(units)
    asked = Examples(units, None)
    kept = distinct_sessions(asked, learned.encoding, learned.sessions.standard)
    assert len(kept) == len(encoded), "ask for sessions that differ"
    batch = kept.batch(np.arange(len(kept)), torch.device("cpu"))
    with torch.no_grad():
        candidates = learned.scoring.candidates
        found = (
            learned.network.misses(batch, candidates)
            if candidates
            else learned.network.surprises(batch)
        ).numpy()
    worst = np.sort(found, axis=1)[:, ::-1][:, : learned.scoring.worst].sum(axis=1)
    if not candidates:
        worst = worst + learned.company().surprises(kept.ids)
    return worst, found


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"cell": "LSTM", "layers": 2, "worst": 3},
        {"cell": "RNN"},
        {"candidates": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("build", [lambda: sessions(120).benign(), lambda: timed(120, 3)])
def test_the_graph_scores_as_the_network_does(parameters: dict, build) -> None:
    given = build()
    trained = family(epochs=2, **parameters).learn(given, Training(1))
    asked = pa.table({**{"events": odd_sessions()["events"].slice(0, 4)}})
    if "seconds" in given.names:
        seconds = pa.array([[], [float("inf")], [None, float("nan")], [1.0] * 700])
        asked = asked.append_column("seconds", seconds)
    expected, _ = surprises(trained, asked)
    np.testing.assert_allclose(GraphModel(trained.export()).score(asked), expected, rtol=2e-5)


def test_what_comes_later_does_not_change_what_a_key_surprises_by(learned: Learned) -> None:
    usual = ["open", "read", "write", "sync", "close"]
    for at in range(1, len(usual)):
        changed = [*usual[:at], "fail", *usual[at + 1 :]]
        _, (before, after) = surprises(learned, keys(usual, changed))
        np.testing.assert_allclose(after[:at], before[:at], rtol=1e-5)
        assert after[at] > before[at] + 1


def test_a_session_is_judged_however_short_it_is(model: GraphModel) -> None:
    whole = ["open", "read", "write", "sync", "close"]
    cut = [whole[:length] for length in range(5)]
    scores = model.score(keys(whole, *cut))
    assert (scores[1:] > scores[0] + 2).all()


def test_an_order_never_seen_of_keys_always_seen_is_surprising(model: GraphModel) -> None:
    usual = ["open", "read", "write", "sync", "close"]
    swapped = ["open", "read", "sync", "write", "close"]
    scores = model.score(keys(usual, swapped))
    assert scores[1] > scores[0] + 2


def test_courses_that_exclude_each_other_are_surprising_together() -> None:
    """Each of the two is usual, and either order of them has been learned."""
    rng = np.random.default_rng(0)
    usual = ["open", "read", "close"]
    lists = [
        [*usual, *(["copy", "copied"] if rng.random() < 0.05 else ["delete", "deleted"]), "end"]
        for _ in range(1000)
    ]
    model = family().fit(Examples(keys(*lists), None), Training(1))
    both = [*usual, "copy", "copied", "delete", "deleted", "end"]
    scores = model.score(keys(lists[0], [*usual, "copy", "copied", "end"], both))
    assert scores[2] > scores[:2].max() + 5
    blamed = model.explain(keys(both))[0][:4]
    assert {one.value for one in blamed} == {"copy", "copied", "delete", "deleted"}


def test_an_unknown_key_surprises_more_than_any_known_session(model: GraphModel) -> None:
    benign = model.score(sessions(300, 5).benign().units)
    unknown = keys(["open", "read", "never seen", "write", "sync", "close"])
    assert model.score(unknown)[0] > benign.max()
    first = model.explain(unknown)[0][0]
    assert (first.value, first.position) == ("never seen", 2)


def test_a_number_that_does_not_fit_its_key_is_surprising(timed_model: GraphModel) -> None:
    events = ["open", "read", "write", "sync", "close"]
    seconds = [[1.0, 1.0, 100.0, 1.0, 1.0], [1.0, 100.0, 100.0, 1.0, 1.0], [1.0] * 5]
    units = keys(events, events, events).append_column("seconds", pa.array(seconds))
    usual, slow_read, quick_write = timed_model.score(units)
    assert min(slow_read, quick_write) > usual + 4
    blamed = [timed_model.explain(units)[at][0].position for at in (1, 2)]
    assert blamed == [1, 2]


def test_missing_numbers_surprise_nobody(timed_model: GraphModel) -> None:
    events = ["open", "read", "write", "sync", "close"]
    known, unknown = [1.0, 1.0, 100.0, 1.0, 1.0], [None] * 5
    short = [1.0]
    units = keys(events, events, events).append_column("seconds", pa.array([known, unknown, short]))
    scores = timed_model.score(units)
    assert (scores < scores[0] + 1.5).all()


def test_numbers_that_a_unit_has_too_many_of_are_left_out() -> None:
    given = timed(50, 0).units
    encoding = OnnxScorer(family(epochs=1).fit(timed(50, 0), Training(1)).export()).inputs[0]
    assert isinstance(encoding.encoding, ValuedKeys)
    longer = pa.array([[*values, 5.0, 6.0] for values in given["seconds"].to_pylist()])
    more = given.set_column(1, "seconds", longer)
    np.testing.assert_array_equal(
        encoding.encoding.encode(more).values, encoding.encoding.encode(given).values
    )


@pytest.mark.parametrize("known", [300, 4000])
@pytest.mark.parametrize("significance", [0.1, 0.01, 0.001])
def test_the_tail_is_reached_as_often_as_the_significance_says(
    significance: float, known: int
) -> None:
    rng = np.random.default_rng(0)
    thresholds = [tail_threshold(rng.exponential(3.0, known), significance) for _ in range(200)]
    # The probability of an exponential value to reach the threshold, in the middle of them.
    assert np.median(np.exp(np.array(thresholds) / -3.0)) == pytest.approx(significance, rel=0.25)


def test_a_significance_needs_enough_scores_and_to_be_possible() -> None:
    with pytest.raises(TrainingError, match="max_false_positive_rate"):
        tail_threshold(np.arange(99.0), 0.001)
    with pytest.raises(TrainingError, match="between 0 and 1"):
        tail_threshold(np.arange(4000.0), 0.0)
    assert tail_threshold(np.ones(4000), 0.001) > 1.0


def test_features_without_one_list_of_keys_are_refused() -> None:
    numbers = pa.table({"seconds": pa.array([[1.0]])})
    two = keys(["a"]).append_column("more", pa.array([["b"]]))
    for units in (numbers, two):
        with pytest.raises(InputError, match="takes one list of keys"):
            family().fit(Examples(units, None), Training(1))


def test_a_verdict_that_an_alert_is_benign_is_learned_and_the_old_sessions_are_kept(
    model: GraphModel,
) -> None:
    old = sessions(400).benign()
    new = keys(*[["open", "read", "audit", "write", "sync", "close"]] * 2)
    given = Examples(pa.concat_tables([old.units, new]), None)
    warm = family().fit(given, Training(1, warm_start=model.export()))
    assert warm.score(new)[0] < model.score(new)[0] - 5
    asked = sessions(300, 7)
    before, after = (one.score(asked.benign().units) for one in (model, warm))
    assert np.quantile(after, 0.99) < np.quantile(before, 0.99) + 1
    attacks = asked.units.filter(pa.array(asked.positive))
    assert (warm.score(attacks) > np.quantile(after, 0.99)).mean() > 0.9


def test_a_verdict_that_an_alert_is_an_attack_raises_its_like(model: GraphModel) -> None:
    old = sessions(400).benign()
    attack = keys(["open", *["read"] * 4, "write", "sync", "close"])
    units = pa.concat_tables([old.units, attack])
    given = Examples(units, np.arange(len(units)) == len(old))
    warm = family().fit(given, Training(1, warm_start=model.export()))
    alike = keys(["open", *["read"] * 5, "write", "sync", "close"])
    for asked in (attack, alike):
        assert warm.score(asked)[0] > model.score(asked)[0] + 1
    benign = sessions(300, 7).benign().units
    assert warm.score(benign).max() < model.score(benign).max() + 1


def test_a_model_of_other_features_is_not_continued(model: GraphModel) -> None:
    given = Examples(sessions(60).benign().units.rename_columns(["others"]), None)
    said: list[str] = []
    warm = family(epochs=1).fit(given, Training(1, model.export(), said.append))
    assert warm.export() == family(epochs=1).fit(given, Training(1)).export()
    assert "training afresh" in " ".join(said)


def test_an_interrupted_training_continues_to_the_same_graph(
    model: GraphModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = partial(torch_training.Schedule, checkpoint_seconds=0.0)
    monkeypatch.setattr(log_key_sequence, "Schedule", often)
    monkeypatch.setattr(torch_training, "_SAY_SECONDS", 0.0)
    given, checkpoint = sessions(400).benign(), tmp_path / "training"

    def until_the_seventh_epoch(message: str) -> None:
        if message.startswith("epoch 7"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        family().fit(given, Training(1, say=until_the_seventh_epoch, checkpoint=checkpoint))
    said: list[str] = []
    again = family().fit(given, Training(1, say=said.append, checkpoint=checkpoint))
    assert "continuing in epoch 7" in said[0]
    assert again.export() == model.export()
    assert not checkpoint.exists()
