"""What a model says of single characters becomes passages of the text."""

from whetstone.scoring.explain import Contribution
from whetstone.scoring.passages import with_passages


def characters(text: str, amounts: list[float], feature: str = "value") -> list[Contribution]:
    """As an explanation has them: the weightiest first."""
    found = [
        Contribution(feature, character, amount, at)
        for at, (character, amount) in enumerate(zip(text, amounts, strict=True))
    ]
    return sorted(found, key=lambda c: -abs(c.contribution))


def test_characters_side_by_side_are_one_passage_with_their_sum() -> None:
    amounts = [0.0, 0.1, 0.0, 2.0, 3.0, 2.0, 0.0, 0.0, 1.0]
    found = with_passages(characters("id='or--x!", [*amounts, 1.0]), {"value"})
    assert found == [Contribution("value", "'or", 7.0, 3), Contribution("value", "x!", 2.0, 8)]


def test_a_light_character_between_two_heavy_ones_does_not_part_them() -> None:
    (found,) = with_passages(characters("union", [2.0, 2.0, 0.0, 2.0, 2.0]), {"value"})
    assert (found.value, found.contribution, found.position) == ("union", 8.0, 0)


def test_other_features_keep_their_place_in_the_order() -> None:
    others = [Contribution("length", 5.0, 3.0), Contribution("keys", "E1", -9.0, 4)]
    found = with_passages([*characters("ab", [1.0, 1.0]), *others], {"value"})
    assert [c.feature for c in found] == ["keys", "length", "value"]


def test_where_nothing_speaks_for_an_attack_characters_stay_single() -> None:
    given = characters("ab", [-1.0, -2.0])
    assert with_passages(given, {"value"}) == given


def test_members_of_an_ensemble_are_told_apart() -> None:
    given = [Contribution("value", "a", 1.0, 0, "one"), Contribution("value", "b", 1.0, 1, "other")]
    assert with_passages(given, {"value"}) == given


def test_an_empty_explanation_stays_empty() -> None:
    assert with_passages([], {"value"}) == []
