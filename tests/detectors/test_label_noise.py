"""Wrong labels are found, right ones are left alone, and where nothing can be told it is said."""

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from detectors.evaluation.label_noise import label_noise

N = 600


def table(seed: int = 0) -> tuple[pa.Table, NDArray[np.bool_]]:
    """Units of two kinds that numbers and a category tell apart."""
    random = np.random.default_rng(seed)
    positive = random.random(N) < 0.3
    return pa.table(
        {
            "bytes": np.where(positive, random.normal(8, 1, N), random.normal(3, 1, N)),
            "noise": random.normal(size=N),
            "service": np.where(positive, "ssh", random.choice(["http", "dns"], N)),
        }
    ), positive


def flipped(positive: NDArray[np.bool_], count: int) -> tuple[NDArray[np.bool_], set[int]]:
    at = np.random.default_rng(5).choice(N, count, replace=False)
    turned = positive.copy()
    turned[at] = ~turned[at]
    return turned, set(at.tolist())


EACH_ITS_OWN = np.arange(N)


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_planted_errors_are_the_suspects_and_their_share_is_estimated(share: float) -> None:
    units, positive = table()
    given, planted = flipped(positive, round(share * N))
    found = label_noise(units, given, EACH_ITS_OWN, trial=False)
    suspects = set(found.suspects.tolist())
    assert len(suspects & planted) >= 0.75 * len(planted)
    assert len(suspects - planted) <= 0.1 * len(suspects)
    assert found.share == pytest.approx(share, abs=0.025)
    bounds = (found.low, found.share, found.high)
    assert list(bounds) == sorted(bound for bound in bounds if bound is not None)


def test_right_labels_are_left_alone() -> None:
    units, positive = table()
    found = label_noise(units, positive, EACH_ITS_OWN, trial=False)
    assert len(found.suspects) <= 2
    assert found.share == pytest.approx(0, abs=0.005)


def test_an_error_that_an_entity_repeats_cannot_vouch_for_itself() -> None:
    units, positive = table()
    odd = np.flatnonzero(~positive)[:40]  # one host, always called an attack
    marked = np.zeros(N)
    marked[odd] = 1
    units = units.append_column("host", pa.array(marked))
    given, groups = positive.copy(), EACH_ITS_OWN.copy()
    given[odd], groups[odd] = True, N
    found = label_noise(units, given, groups, trial=False)
    assert len(set(odd.tolist()) & set(found.suspects.tolist())) >= 36
    alone = label_noise(units, given, EACH_ITS_OWN, trial=False)
    assert len(alone.suspects) <= 5


def test_attacks_that_equal_benign_units_are_suspects_as_the_rarer_label() -> None:
    units = pa.table({"keys": [[1, 2, 3], [1, 2, 4]] * (N // 2)})
    positive = np.zeros(N, bool)
    positive[np.random.default_rng(1).choice(N, 60, replace=False)] = True
    found = label_noise(units, positive, EACH_ITS_OWN, trial=False)
    assert found.share == pytest.approx(0.1, abs=0.02)
    assert positive[found.suspects].mean() > 0.9


def test_the_trial_says_how_far_to_trust_the_suspects() -> None:
    units, positive = table()
    clear = label_noise(units, positive, EACH_ITS_OWN).trial
    random = np.random.default_rng(0)
    chance = label_noise(pa.table({"x": random.normal(size=N)}), positive, EACH_ITS_OWN).trial
    assert clear is not None
    assert (clear.planted, clear.recall > 0.85, (clear.precision or 0) > 0.85) == (30, True, True)
    assert chance is not None
    assert (chance.precision or 0) < 0.5


def test_equal_input_gives_equal_answers_and_texts_are_read() -> None:
    random = np.random.default_rng(0)
    positive = random.random(N) < 0.5
    texts = [
        f"id={n}' OR 1=1--" if attack else f"page={n}&sort=up" for n, attack in enumerate(positive)
    ]
    given, planted = flipped(positive, 20)
    runs = [label_noise(pa.table({"query": texts}), given, EACH_ITS_OWN, trial=False) for _ in "ab"]
    assert len(planted & set(runs[0].suspects.tolist())) >= 18
    assert np.array_equal(runs[0].attack, runs[1].attack)


def test_too_few_of_a_class_tell_nothing() -> None:
    units, _ = table()
    few = np.zeros(N, bool)
    few[:300] = True
    found = label_noise(units, few, np.where(few, 0, EACH_ITS_OWN))
    assert (found.share, len(found.suspects)) == (None, 0)
    assert "1 entities with attack labels" in found.reason
