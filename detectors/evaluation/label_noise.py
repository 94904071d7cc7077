"""How many labels of a dataset are wrong, and which: confident learning by cross-validation. Pure.

A classifier learns all units but a fifth and says of that fifth how likely each is an attack; units
of one entity stay in one fold, so that an error that repeats cannot vouch for itself. A unit counts
as of a class where the classifier takes it for the likelier one and is at least as sure of it as it
is on average of the units that bear that label. The share that counts as of the other class
estimates the noise; of each class so many units, those that look least like it, are the suspects.

A suspect is a question, not an answer: where features cannot tell classes apart, or an attack is
the only one of its kind, the label may be right. So the estimate comes with a trial: a twentieth of
the labels is turned round on purpose, and how many of these are found says how far to trust it.

References:
    Northcutt, Jiang, Chuang: Confident Learning: Estimating Uncertainty in Dataset Labels,
    JAIR 70, 2021.
"""

# scikit-learn's annotations are incomplete.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from detectors.evaluation.token_sets import is_free_text, token_sets
from detectors.interface import Examples
from detectors.tabular import Matrix
from whetstone.scoring.encoding.columns import is_list

MOST_UNITS = 10_000
"""Of more units a sample is looked at."""
PLANTED = 0.05

_FOLDS = 5
_TREES, _LEAF = 50, 3
_BUCKETS = 128  # of the tokens of texts and lists
_RESAMPLES = 200
_LEAST = 10  # groups of each class, below which nothing is estimated


@dataclass(frozen=True, eq=False)
class LabelNoise:
    """The estimate for n units.

    Attributes:
        share: of labels that are wrong; None with the `reason` why it cannot be told.
        low: lower bound of its 95 % interval, by resampling groups; `high` likewise.
        suspects: indices of units whose label looks wrong, the surest first.
        attack: (n,) probability of an attack by models that did not see the unit; NaN where it
            was not looked at.
        looked_at: how many units were.
        trial: how the suspects did where labels had been turned round on purpose.
        reason: why there is no estimate.
    """

    share: float | None
    low: float | None
    high: float | None
    suspects: NDArray[np.int64]
    attack: NDArray[np.float64]
    looked_at: int
    trial: "Trial | None" = None
    reason: str = ""


@dataclass(frozen=True)
class Trial:
    """What was found of labels that had been turned round.

    Attributes:
        planted: how many were.
        recall: share of them among the suspects.
        precision: share of them among the suspects that were none before.
    """

    planted: int
    recall: float
    precision: float | None


def label_noise(
    units: pa.Table,
    positive: NDArray[np.bool_],
    groups: NDArray[np.int64],
    *,
    seed: int = 0,
    trial: bool = True,
) -> LabelNoise:
    """Estimate the noise in the labels (n,) of n units.

    Args:
        units: their features.
        positive: (n,) the labels.
        groups: (n,) codes, equal for units of one entity.
        seed: of folds, forests and what is planted.
        trial: whether to plant errors and look for them, which doubles the time.
    """
    chosen = _sample(len(positive), seed)
    unknown = np.full(len(positive), np.nan)
    labels, of = positive[chosen], groups[chosen]
    reason = _problem(labels, of)
    if reason:
        return LabelNoise(None, None, None, chosen[:0], unknown, 0, reason=reason)
    vectors = _vectors(units.take(pa.array(chosen)))
    attack = _held_out(vectors, labels, of, seed)
    found = _suspects(attack, labels)
    shares = _resampled(attack, labels, of, seed)
    unknown[chosen] = attack
    return LabelNoise(
        share=_share(attack, labels, np.ones(len(labels))),
        low=float(np.percentile(shares, 2.5)),
        high=float(np.percentile(shares, 97.5)),
        suspects=chosen[found],
        attack=unknown,
        looked_at=len(chosen),
        trial=_trial(vectors, labels, of, found, seed) if trial else None,
    )


def _sample(n: int, seed: int) -> NDArray[np.int64]:
    if n <= MOST_UNITS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, MOST_UNITS, replace=False))


def _problem(positive: NDArray[np.bool_], groups: NDArray[np.int64]) -> str:
    for name, one in (("attack", positive), ("benign", ~positive)):
        known = len(np.unique(groups[one]))
        if known < _LEAST:
            return f"{known} entities with {name} labels; it takes {_LEAST} to tell"
    return ""


def _vectors(units: pa.Table) -> NDArray[np.float32]:
    """(n, d): numbers and categories in columns, texts and lists as counts of hashed tokens."""
    wide = [
        name
        for name in units.column_names
        if is_list(units.column(name).type) or is_free_text(units.column(name))
    ]
    narrow = [name for name in units.column_names if name not in wide]
    parts = [np.zeros((units.num_rows, 0), np.float32)]
    if narrow:
        parts.append(Matrix.of(Examples(units.select(narrow), None)).features)
    for name in wide:
        sets = token_sets(units.select([name]))
        at = sets.rows() * _BUCKETS + (sets.tokens % np.uint64(_BUCKETS)).astype(np.int64)
        counts = np.bincount(at, minlength=units.num_rows * _BUCKETS)
        parts.append(counts.reshape(-1, _BUCKETS).astype(np.float32))
        parts.append(np.diff(sets.offsets)[:, None].astype(np.float32))
    # Trees take missing numbers as they are, and no infinite ones.
    largest = np.finfo(np.float32).max
    return np.clip(np.concatenate(parts, axis=1), -largest, largest)


def _held_out(
    vectors: NDArray[np.float32],
    positive: NDArray[np.bool_],
    groups: NDArray[np.int64],
    seed: int,
) -> NDArray[np.float64]:
    """(n,) how likely each unit is an attack, by forests that saw none of its group."""
    folds = _folds(positive, groups, seed)
    attack = np.empty(len(positive))
    for fold in range(_FOLDS):
        inside = folds == fold
        forest = RandomForestClassifier(_TREES, min_samples_leaf=_LEAF, random_state=seed, n_jobs=1)
        forest.fit(vectors[~inside], positive[~inside])
        attack[inside] = np.asarray(forest.predict_proba(vectors[inside]))[:, 1]
    return attack


def _folds(positive: NDArray[np.bool_], groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """(n,) folds: groups are dealt out in turn, those with attacks apart from the others."""
    random = np.random.default_rng(seed)
    codes, of = np.unique(groups, return_inverse=True)
    attacks = np.bincount(of, weights=positive) > 0
    folds = np.empty(len(codes), np.int64)
    for kind in (attacks, ~attacks):
        members = random.permutation(np.flatnonzero(kind))
        folds[members] = np.arange(len(members)) % _FOLDS
    return folds[of]


def _confident(
    attack: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n,) which units count as attacks, and which as benign."""
    of_attacks = np.average(attack[positive], weights=weights[positive])
    of_benign = np.average(1 - attack[~positive], weights=weights[~positive])
    # Of a rare class nobody is sure: to be as sure of it as of its own members is not enough.
    return (
        (attack >= of_attacks) & (attack > 0.5),
        (1 - attack >= of_benign) & (attack < 0.5),
    )


def _suspects(attack: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of each class as many as the joint says are wrong, the surest ("prune by noise rate")."""
    wrong = _wrong(attack, positive, np.ones(len(positive)))
    doubt = np.where(positive, 1 - attack, attack)
    found: list[NDArray[np.int64]] = []
    for labelled, count in zip((positive, ~positive), wrong, strict=True):
        members = np.flatnonzero(labelled & (doubt > 0.5))
        found.append(members[np.argsort(-doubt[members], kind="stable")][: round(count)])
    both = np.concatenate(found)
    return both[np.argsort(-doubt[both], kind="stable")]


def _wrong(
    attack: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """How many attack labels and how many benign ones are wrong.

    That is what lies off the diagonal of the confident joint, scaled to each class's labels.
    """
    as_attack, as_benign = _confident(attack, positive, weights)
    counts: list[float] = []
    for labelled, right, other in (
        (positive, as_attack, as_benign),
        (~positive, as_benign, as_attack),
    ):
        kept, turned = (float(weights[labelled & one].sum()) for one in (right, other))
        of = float(weights[labelled].sum())
        counts.append(of * turned / (kept + turned) if kept + turned else 0.0)
    return counts[0], counts[1]


def _share(
    attack: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> float:
    return sum(_wrong(attack, positive, weights)) / float(weights.sum())


def _resampled(
    attack: NDArray[np.float64], positive: NDArray[np.bool_], groups: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """The share in resamples of groups; those that lack a class are left out."""
    random = np.random.default_rng(seed)
    codes, of = np.unique(groups, return_inverse=True)
    shares: list[float] = []
    for _ in range(_RESAMPLES):
        drawn = random.multinomial(len(codes), np.full(len(codes), 1 / len(codes)))
        weights = drawn[of].astype(np.float64)
        if weights[positive].any() and weights[~positive].any():
            shares.append(_share(attack, positive, weights))
    return np.array(shares)


def _trial(
    vectors: NDArray[np.float32],
    positive: NDArray[np.bool_],
    groups: NDArray[np.int64],
    suspects: NDArray[np.int64],
    seed: int,
) -> Trial | None:
    """Turn labels round that looked right, and look for them."""
    clean = np.setdiff1d(np.arange(len(positive)), suspects)
    count = round(PLANTED * len(positive))
    if not 0 < count <= len(clean):
        return None
    planted = np.random.default_rng(seed + 1).choice(clean, count, replace=False)
    turned = positive.copy()
    turned[planted] = ~turned[planted]
    if _problem(turned, groups):
        return None
    found = _suspects(_held_out(vectors, turned, groups, seed), turned)
    hits = int(np.isin(planted, found).sum())
    new = np.setdiff1d(found, suspects)
    return Trial(count, hits / count, hits / len(new) if len(new) else None)
