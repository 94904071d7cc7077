"""Explanations by character, put together to passages that people can read (pure)."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from whetstone.scoring.explain import Contribution

_COUNTS = 0.2  # of the weightiest character's contribution; lighter ones are left out
_GAP = 2  # characters that count and stand no further apart belong to one passage


def with_passages(
    contributions: Sequence[Contribution], texts: Collection[str]
) -> list[Contribution]:
    """The same explanation, the largest contribution first, with passages for characters.

    `' OR 1=1` says more than five single characters do. A passage stands at the position of its
    first character and adds what its characters add.

    Args:
        contributions: of one unit.
        texts: the features whose positions are characters.
    """
    characters: dict[tuple[str, str | None], list[Contribution]] = defaultdict(list)
    found: list[Contribution] = []
    for each in contributions:
        if each.feature in texts and isinstance(each.value, str) and each.position is not None:
            characters[each.feature, each.member].append(each)
        else:
            found.append(each)
    for of_one_text in characters.values():
        found += _passages(sorted(of_one_text, key=lambda c: c.position or 0))
    return sorted(found, key=lambda c: -abs(c.contribution))


def _passages(characters: Sequence[Contribution]) -> list[Contribution]:
    """The passages of a text, given all its characters in their order."""
    largest = max(c.contribution for c in characters)
    if largest <= 0:
        return list(characters)
    runs: list[list[int]] = []
    for at, character in enumerate(characters):
        if character.contribution < _COUNTS * largest:
            continue
        if runs and at - runs[-1][-1] <= _GAP:
            runs[-1] += range(runs[-1][-1] + 1, at + 1)
        else:
            runs.append([at])
    return [_passage([characters[at] for at in run]) for run in runs]


def _passage(characters: Sequence[Contribution]) -> Contribution:
    first = characters[0]
    return Contribution(
        first.feature,
        "".join(str(c.value) for c in characters),
        sum(c.contribution for c in characters),
        first.position,
        first.member,
    )
