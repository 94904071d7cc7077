"""Whom the examples of a training set come from, in the words of `whetstone.quarantine`. Pure.

An example of a contribution comes from that contribution, one of a verdict from each analyst who
gave a decisive one: it stays as long as one of them is trusted.
"""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from whetstone.quarantine import CONTRIBUTION, VERDICTS

_VERDICT = "verdict"
_COLUMNS = {"origin", "contributor"}


def has_origins(training_set: pa.Table) -> bool:
    """Whether the examples tell whom they come from."""
    return set(training_set.column_names) >= _COLUMNS


def suspects_of(training_set: pa.Table) -> list[frozenset[str]]:
    """Of each example the origins that vouch for it, such as `verdicts:ada`.

    Empty where nobody does: what the platform itself sampled.
    """
    pairs = zip(
        training_set.column("origin").to_pylist(),
        training_set.column("contributor").to_pylist(),
        strict=True,
    )
    return [frozenset(_of(origin or "", contributor or "")) for origin, contributor in pairs]


def from_verdicts(training_set: pa.Table) -> NDArray[np.bool_]:
    """(n,) which examples come from verdicts."""
    starts = pc.starts_with(training_set.column("origin"), f"{_VERDICT}:")
    return pc.fill_null(starts, False).to_numpy(zero_copy_only=False)


def without(training_set: pa.Table, removed: Collection[str]) -> pa.Table:
    """The examples that somebody else than `removed` vouches for, or nobody."""
    gone = frozenset(removed)
    kept = [not names or bool(names - gone) for names in suspects_of(training_set)]
    return training_set.filter(pa.array(kept))


def thinned(training_set: pa.Table, known: Collection[str], count: int, seed: int) -> pa.Table:
    """Without so many of the training examples that have a known `origin`, drawn by `seed`."""
    train = pc.equal(training_set.column("split"), "train").to_numpy(zero_copy_only=False)
    places = np.flatnonzero(train & ~since(training_set, known))
    kept = np.ones(training_set.num_rows, dtype=bool)
    drawn = np.random.default_rng(seed).permutation(places)
    kept[drawn[: min(count, len(places) // 2)]] = False
    return training_set.filter(pa.array(kept))


def origins_known(training_set: pa.Table) -> list[str]:
    """The `origin` of all examples, each once: what a later training set is compared with."""
    return sorted(filter(None, pc.unique(training_set.column("origin")).to_pylist()))


def since(training_set: pa.Table, known: Collection[str]) -> NDArray[np.bool_]:
    """(n,) which examples have an `origin` that is not among the known ones."""
    column = training_set.column("origin")
    return ~pc.is_in(column, pa.array(list(known), pa.string())).to_numpy(zero_copy_only=False)


def new_origins(training_set: pa.Table, known: Collection[str]) -> dict[str, int]:
    """Suspects that vouch for examples of a new `origin`, and for how many of them."""
    added: dict[str, int] = {}
    for names in suspects_of(training_set.filter(pa.array(since(training_set, known)))):
        for name in names:
            added[name] = added.get(name, 0) + 1
    return dict(sorted(added.items()))


def _of(origin: str, contributor: str) -> Iterator[str]:
    kind, _, identity = origin.partition(":")
    if kind == CONTRIBUTION:
        yield f"{CONTRIBUTION}:{identity}"
    elif kind == _VERDICT:
        for name in filter(None, contributor.split(", ")):
            yield f"{VERDICTS}:{name}"
