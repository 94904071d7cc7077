"""Ways to read alerts that are folded by pattern, and what comes of them (pure).

Each alert that is opened is an item. The analyst is right about what is read, and decides a
pattern by what was opened of it:

- `one`: the alert on top decides for all;
- `by_size`: that on top, that at the bottom where there are ten or more, and one at random for
  every further tenfold; where they differ, all of the pattern is read;
- `escalate`: the same, but where they differ the whole pattern is taken for an attack;
- `ends`: that on top and that at the bottom of every pattern of two or more, and the random ones of
  `by_size`; where they differ, the whole pattern is taken for an attack.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

WAYS = ("one", "by_size", "escalate", "ends")


@dataclass(frozen=True)
class Read:
    """What an analyst did and what came of it.

    Attributes:
        items: cases that were opened.
        found: attacks in what was called an attack.
        lost: attacks in patterns that were taken for benign.
        missed: patterns with an attack that were taken for benign.
        blamed: benign alerts in patterns that were taken for attacks.
        mixed: patterns that were read to the end.
    """

    items: int
    found: int
    lost: int
    missed: int
    blamed: int
    mixed: int


def read(patterns: Iterable[Sequence[bool]], way: str, draw: np.random.Generator) -> Read:
    """Read patterns in a way of `WAYS`; each is the truth about its alerts, highest score first."""
    items = found = lost = missed = blamed = mixed = 0
    for truth in patterns:
        size, attacks = len(truth), sum(truth)
        seen = [truth[at] for at in _opened(size, way, draw)]
        items += len(seen)
        if len(set(seen)) > 1 and way == "by_size":
            items, found, mixed = items + size - len(seen), found + attacks, mixed + 1
        elif any(seen):
            found, blamed = found + attacks, blamed + size - attacks
        else:
            lost, missed = lost + attacks, missed + (attacks > 0)
    return Read(items, found, lost, missed, blamed, mixed)


def _opened(size: int, way: str, draw: np.random.Generator) -> list[int]:
    """Which of the alerts of a pattern are opened: the places of their scores."""
    more = 0 if way == "one" else int(math.log10(size))
    if way == "ends" and size > 1:
        more = max(more, 1)
    if not more:
        return [0]
    between = draw.permutation(np.arange(1, size - 1))[: more - 1]
    return [0, size - 1, *between.tolist()]
