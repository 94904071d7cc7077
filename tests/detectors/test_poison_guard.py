"""A campaign of false verdicts on real data, without the guard and with it."""

from pathlib import Path

import numpy as np
import pytest
from poisoned import WORLDS, World, outcome

from detectors.evaluation.comparison import PairedScores
from detectors.trust import Investigation, Trial, investigate

POINT = 0.01


@pytest.fixture(scope="module")
def worlds(real_data: Path) -> dict[str, World]:
    return {family: make(real_data) for family, make in WORLDS.items()}


@pytest.mark.parametrize(
    ("family", "pattern", "names"),
    [
        ("nearest_neighbours", None, ("mallory",)),
        ("nearest_neighbours", "neptune", ("mal", "lory")),
        ("text_ngrams", None, ("mallory",)),
    ],
    ids=["any unit turned over", "one attack called benign, by two", "texts"],
)
def test_five_per_cent_false_verdicts_cost_no_more_than_a_point_of_core_recall(
    family: str, pattern: str | None, names: tuple[str, ...], worlds: dict[str, World]
) -> None:
    world = worlds[family]
    found = outcome(world, world.judged(0.05, pattern, names, seed=0))
    assert found.unguarded < found.champion - POINT, "without the guard it does harm"
    assert found.guarded >= found.champion - POINT
    assert found.culprits == {f"verdicts:{name}" for name in names}, "nobody who is honest"


def test_honest_verdicts_start_no_investigation(worlds: dict[str, World]) -> None:
    world = worlds["nearest_neighbours"]
    found = outcome(world, world.judged(0.0))
    assert [one.trainings for one in found.rounds] == [0]
    assert found.guarded == found.unguarded


RNG = np.random.default_rng(5)
POSITIVE = np.arange(2000) < 600
BEST = RNG.normal(size=2000) + 4.0 * POSITIVE


def model(harm: int) -> Trial:
    """One that misses so many of the attacks."""
    scores = BEST.copy()
    scores[:harm] = -1.0
    return Trial(scores, 2.0)


def search(
    harmful: dict[str, int], trusted: set[str] | None = None, base: int = 0, most: int = 24
) -> Investigation:
    """Origins a to h, some of which cost so many attacks each; `base` are lost whatever is done."""
    origins = {f"contribution:{letter}": 10 for letter in "abcdefgh"}

    def trial(removed: frozenset[str]) -> Trial:
        return model(base + sum(cost for name, cost in harmful.items() if name not in removed))

    challenger, champion = trial(frozenset()), model(0)
    return investigate(
        PairedScores(POSITIVE, challenger.scores, champion.scores),
        (challenger.threshold, champion.threshold),
        origins,
        trial,
        lambda _count, _seed: challenger,
        trusted=trusted or (),
        most=most,
    )


def test_who_does_harm_is_named_with_the_numbers_with_and_without() -> None:
    found = search({"contribution:c": 60})
    assert found.culprits == ("contribution:c",)
    recall = found.numbers["recall"]
    assert recall["champion"] == recall["without"] > recall["with"] + 0.09
    assert f"{recall['with']:.4f} with" in found.reason
    assert found.to_dict()["culprits"] == ["contribution:c"]


def test_all_who_do_harm_together_are_named() -> None:
    found = search({"contribution:a": 40, "contribution:g": 40})
    assert found.culprits == ("contribution:a", "contribution:g")


def test_what_a_person_released_is_not_blamed_again() -> None:
    found = search({"contribution:c": 60}, trusted={"contribution:c"})
    assert (found.harmed, found.culprits) == (True, ())


def test_a_loss_that_nothing_new_explains_blames_nobody() -> None:
    found = search({}, base=60)
    assert (found.harmed, found.culprits, found.trainings) == (True, (), 1)
    assert "all the same" in found.reason


def test_a_loss_within_chance_is_not_looked_into() -> None:
    found = search({"contribution:c": 3})
    assert (found.harmed, found.trainings) == (False, 0)


def test_trainings_that_do_not_suffice_are_said_so_and_blame_nobody() -> None:
    found = search({f"contribution:{letter}": 20 for letter in "abcdefg"}, most=8)
    assert (found.harmed, found.culprits) == (True, ())
    assert "8 trainings did not suffice" in found.reason
    assert found.trainings <= 8


def test_who_cannot_be_told_from_chance_is_acquitted() -> None:
    challenger, champion = model(60), model(0)
    found = investigate(
        PairedScores(POSITIVE, challenger.scores, champion.scores),
        (challenger.threshold, champion.threshold),
        {"verdicts:ada": 5, "verdicts:bo": 5},
        lambda removed: model(0) if "verdicts:ada" in removed else challenger,
        # Leaving out anybody else changes as much.
        lambda _count, seed: model(60 * (seed % 2)),
    )
    assert (found.harmed, found.culprits) == (True, ())
    assert "told from chance" in found.reason
