"""A cap on what one contributor's verdicts can do to a training set. Pure.

Of the verdict-born training examples of a class, each contributor may have a share of the class's
training examples (`GoldenDataset.max_contributor_share`). What is more is left out, chosen by hash
of the unit: equal tables give equal examples, whoever gave the verdicts cannot choose which count,
and a further verdict replaces few of those before.

Weights instead, for the families that take them, were measured (NSL-KDD, a quarter of the training
examples false by one contributor, share 0.1; recall of boosting, forest, logistic regression):
0.80, 0.70, 0.55 of examples left out, 0.84, 0.68, 0.57 of weights where any unit was turned over;
0.79, 0.80, 0.54 and 0.78, 0.82, 0.53 where one attack was called benign. No difference that would
be worth a rule of its own for some families.

Several names that work together have a cap each: the cap alone stops one of them, the guard's
comparison with the champion the rest.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from detectors.trust.origins import from_verdicts, has_origins, suspects_of

DEFAULT_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Capped:
    """A training set in which nobody weighs too much.

    Attributes:
        table: the examples that are left, in their order.
        left_out: by contributor (`verdicts:ada`), how many training examples the cap took.
    """

    table: pa.Table
    left_out: dict[str, int]


def capped(training_set: pa.Table, share: float = 0.0) -> Capped:
    """Leave out what contributors have beyond their share.

    An example that several analysts decided together counts for each of them, and stays if one of
    them has room for it. A contributor may always have one example of a class: where nothing else
    is known, somebody has to begin.

    Args:
        training_set: `split`, `positive`, and `origin` and `contributor`, without which nothing
            comes from anybody; the hash is of `environment`, `unit` and `event_timestamp`.
        share: of a class's training examples; 0: `DEFAULT_SHARE`.
    """
    if not has_origins(training_set):
        return Capped(training_set, {})
    train = np.array(training_set.column("split").to_pylist(), dtype=object) == "train"
    positive = training_set.column("positive").to_numpy(zero_copy_only=False).astype(bool)
    verdicts = from_verdicts(training_set)
    kept = np.ones(training_set.num_rows, dtype=bool)
    left_out: dict[str, int] = defaultdict(int)
    for of_class in (train & positive, train & ~positive):
        places = np.flatnonzero(of_class & verdicts)
        given = _by_contributor(training_set.take(pa.array(places)))
        others = int(of_class.sum()) - len(places)
        room = _room([len(each) for each in given.values()], others, share or DEFAULT_SHARE)
        stays = {at for each in given.values() for at in each[:room]}
        for name, each in given.items():
            left_out[name] += len(set(each) - stays)
        kept[places[sorted({at for each in given.values() for at in each} - stays)]] = False
    return Capped(
        training_set.filter(pa.array(kept)),
        {name: count for name, count in sorted(left_out.items()) if count},
    )


def _by_contributor(examples: pa.Table) -> dict[str, list[int]]:
    """The examples that each contributor vouches for, by position, in the order of their hash."""
    given: dict[str, list[int]] = defaultdict(list)
    names = suspects_of(examples)
    for at in _order(examples):
        for name in names[at]:
            given[name].append(at)
    return given


def _room(counts: list[int], others: int, share: float) -> int:
    """The most that each contributor may have, so that nobody's share exceeds `share`.

    The class is `others` examples of contributions and what is left of `counts`: the largest room
    r with r <= share * (others + sum of min(count, r)).
    """
    room = max(counts, default=1)
    while True:
        allowed = int(share * (others + sum(min(count, room) for count in counts)))
        if allowed >= room or room <= 1:
            return max(room, 1)
        room = allowed


def _order(examples: pa.Table) -> list[int]:
    """Positions by hash of the unit."""
    unit = [n for n in ("environment", "unit", "event_timestamp") if n in examples.column_names]
    columns = [examples.column(name).to_pylist() for name in unit or ["origin"]]
    hashes = [
        hashlib.sha256("\x1f".join(map(str, values)).encode()).digest()
        for values in zip(*columns, strict=True)
    ]
    return sorted(range(len(hashes)), key=lambda at: (hashes[at], at))
