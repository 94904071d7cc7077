"""Sites where most alerts are benign, made of alerts most of which are attacks."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.workload_sites import Replay, sites, thin, totals

BENIGN, ATTACKS = 200, 300
# The highest scores are attacks of three patterns; the benign alerts look like the last of them.
TRUTH = np.array([True] * ATTACKS + [False] * BENIGN)
PATTERNS = np.array(["a"] * 100 + ["b"] * 100 + ["c"] * 100 + ["c"] * BENIGN)


def kept(share: float, thinned: str, seed: int = 1) -> NDArray[np.int64]:
    return thin(TRUTH, PATTERNS, share, thinned, np.random.default_rng(seed))


def replay(own: int) -> Replay:
    scores = np.arange(len(TRUTH) + 300, 0, -1.0)
    return Replay(
        positive=np.concatenate([TRUTH, np.zeros(300, bool)]),
        alerts=np.arange(len(TRUTH)),
        patterns=PATTERNS,
        identities=np.arange(len(TRUTH)),
        own=own,
        plain={"good": scores, "bad": -scores},
    )


@pytest.mark.parametrize("thinned", ["units", "patterns"])
@pytest.mark.parametrize(("share", "attacks"), [(0.5, 200), (0.1, 22), (0.01, 2), (0.0001, 1)])
def test_attacks_are_thinned_to_a_share_and_all_benign_alerts_stay(
    share: float, attacks: int, thinned: str
) -> None:
    rows = kept(share, thinned)
    assert (np.diff(rows) > 0).all()
    assert (TRUTH[rows].sum(), (~TRUTH[rows]).sum()) == (attacks, BENIGN)


def test_where_attacks_are_too_few_benign_alerts_are_left_out() -> None:
    rows = kept(0.75, "units")
    assert (TRUTH[rows].sum(), (~TRUTH[rows]).sum()) == (ATTACKS, 100)


def test_attacks_by_patterns_are_of_as_few_patterns_as_can_be() -> None:
    for seed in range(5):
        rows = kept(0.1, "patterns", seed)
        assert len(set(PATTERNS[rows][TRUTH[rows]])) == 1
    rows = kept(0.1, "units")
    assert len(set(PATTERNS[rows][TRUTH[rows]])) == 3


def test_a_site_has_the_alerts_of_its_noise_and_never_fewer_than_the_detector_raises() -> None:
    given = replay(own=ATTACKS + 30)
    assert given.at(0.0) == ATTACKS + 30
    assert given.at(0.2) == ATTACKS + 100


def test_a_site_tells_what_each_way_reads_and_loses() -> None:
    found = sites(replay(own=len(TRUTH)), [0.0], seeds=4)
    assert {(each["share"], each["thinned"]) for each in found} == {
        (share, thinned) for share in (0.5, 0.1, 0.01) for thinned in ("units", "patterns")
    }
    half = next(each for each in found if (each["share"], each["thinned"]) == (0.5, "units"))
    assert half["alerts"] == [400] * 4
    assert half["one.items"] == half["patterns"] == [3] * 4
    # The top of each is an attack, so all are found and all benign alerts are blamed.
    assert half["one.lost"] == [0] * 4
    assert half["one.blamed"] == [BENIGN] * 4
    # The best plain detector finds them without a benign one; three of them, who reads by score.
    assert half["plain"] == [200] * 4
    assert half["one.lost_by_score"] == [197] * 4


def test_too_few_benign_alerts_make_no_site() -> None:
    assert sites(replay(own=ATTACKS + 19), [0.0], seeds=1) == []


def test_totals_give_the_spread_of_the_seeds_over_all_datasets() -> None:
    row = {"sites": sites(replay(own=len(TRUTH)), [0.0], seeds=3)}
    for total in totals([row, row]):
        assert total["datasets"] == 2
        less = total["less_than_every_alert"]
        assert less["lowest"] <= less["mean"] <= less["highest"]
        assert 0 <= total["lost_share_of_attacks"]["mean"] <= 1
