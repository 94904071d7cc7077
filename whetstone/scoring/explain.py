"""Why a unit got its score, from nothing but a scorer: works from a bundle alone."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from whetstone.scoring.encoding import UNKNOWN, Dense, Ragged
from whetstone.scoring.encoding.rows import Rows
from whetstone.scoring.onnx import MEMBERS, PARTS, OnnxScorer, member_prefix

_POSITIONS = 512  # of a sequence whose graph has no parts: how many are tried


@dataclass(frozen=True)
class Contribution:
    """What one feature, or one position of one, adds to a score.

    Attributes:
        feature: its name.
        value: its value in the unit; of a position what stands there; None where it is missing.
        contribution: of a feature how much lower the score would be, had this feature alone the
            value that is usual for benign units; of a position its part of the score.
        position: 0, 1 … in a feature that is a sequence.
        member: of an ensemble, the member that fired: the one whose score is the highest, and
            whose score this contributes to.
    """

    feature: str
    value: float | str | None
    contribution: float
    position: int | None = None
    member: str | None = None


def explain(scorer: OnnxScorer, units: pa.Table) -> list[list[Contribution]]:
    """Explain the score of each unit, the largest contribution (by amount) first.

    Features that say the same thing share no credit: the score stays where it is when only one of
    them is replaced.

    Raises:
        InputError: as `OnnxScorer.score`.
    """
    if not scorer.members:
        return _explain(_View(scorer), units)
    fired = scorer.run(scorer.encode(units), MEMBERS).argmax(axis=1)
    explained: list[list[Contribution]] = [[] for _ in fired]
    for number in np.unique(fired):
        rows = np.flatnonzero(fired == number)
        found = _explain(_View(scorer, int(number)), units.take(pa.array(rows)))
        for row, contributions in zip(rows, found, strict=True):
            name = scorer.members[number]
            explained[row] = [replace(c, member=name) for c in contributions]
    return explained


@dataclass(frozen=True)
class _View:
    """What an explanation is about: a scorer, or one member of an ensemble."""

    scorer: OnnxScorer
    member: int | None = None

    @property
    def prefix(self) -> str:
        """How its inputs' and outputs' names begin."""
        return "" if self.member is None else member_prefix(self.member)

    @property
    def inputs(self) -> list[int]:
        """The numbers of its inputs."""
        names = [given.name for given in self.scorer.inputs]
        return [at for at, name in enumerate(names) if name.startswith(self.prefix)]

    @property
    def names(self) -> list[str]:
        """The features that it reads."""
        return [name for at in self.inputs for name in self.scorer.inputs[at].encoding.columns]

    def score(self, tensors: Sequence[Dense | Ragged]) -> NDArray[np.float64]:
        """(n,) scores of units that are tensors already."""
        if self.member is None:
            return self.scorer.score_encoded(tensors)
        return self.scorer.run(tensors, MEMBERS)[:, self.member].astype(np.float64)


def _explain(view: _View, units: pa.Table) -> list[list[Contribution]]:
    scorer = view.scorer
    tensors = scorer.encode(units)
    dense = {at: _Usual.of(scorer, at) for at in view.inputs if not scorer.inputs[at].ragged}
    ragged = [at for at in view.inputs if scorer.inputs[at].ragged]
    words = {at: scorer.inputs[at].encoding.tokens(units) for at in ragged}
    has_parts = view.prefix + PARTS in scorer.outputs
    parts = scorer.parts(tensors, view.prefix) if has_parts else None
    if parts is not None:
        ragged = ragged[:1]  # the others say more about the same positions
    values = {name: units.column(name).to_pylist() for name in view.names}
    explained: list[list[Contribution]] = []
    for number in range(units.num_rows):
        unit = [_unit(tensor, number) for tensor in tensors]
        found: list[Contribution] = []
        for at, usual in dense.items():
            found += _features(view, unit, at, usual, {n: v[number] for n, v in values.items()})
        for at in ragged:
            amounts = _positions(view, unit, at) if parts is None else parts.unit(number)
            column = scorer.inputs[at].encoding.columns[0]
            found += [
                Contribution(column, word, float(amount), position)
                for position, (word, amount) in enumerate(
                    zip(words[at][number], amounts, strict=False)
                )
            ]
        explained.append(sorted(found, key=lambda c: -abs(c.contribution)))
    return explained


@dataclass(frozen=True, eq=False)
class _Usual:
    """Of a dense input: what its features are for benign units.

    Attributes:
        row: (d,) encoded.
        spans: which columns of the row each feature has.
    """

    row: NDArray[np.float32]
    spans: dict[str, slice]

    @staticmethod
    def of(scorer: OnnxScorer, at: int) -> "_Usual":
        encoding = scorer.inputs[at].encoding
        assert isinstance(encoding, Rows), "the only dense encoding"
        usual = {
            name: pa.array(
                [scorer.baselines.get(name)],
                pa.string() if name in encoding.categories else pa.float64(),
            )
            for name in encoding.columns
        }
        spans = {name: encoding.span(name) for name in encoding.columns}
        return _Usual(encoding.encode(pa.table(usual))[0], spans)


def _features(
    view: _View,
    unit: Sequence[Dense | Ragged],
    at: int,
    usual: _Usual,
    values: dict[str, object],
) -> Iterator[Contribution]:
    """One of each feature of a dense input; all d + 1 rows are scored in one batch."""
    count = len(usual.spans) + 1
    rows = np.tile(np.asarray(unit[at]), (count, 1))
    for row, span in enumerate(usual.spans.values()):
        rows[row, span] = usual.row[span]
    scores = view.score(_replaced(unit, at, rows, count))
    for number, name in enumerate(usual.spans):
        value = values[name]
        shown = value if isinstance(value, str) else _number(rows[-1, usual.spans[name]][0])
        yield Contribution(name, shown, float(scores[-1] - scores[number]))


def _positions(view: _View, unit: Sequence[Dense | Ragged], at: int) -> NDArray[np.float64]:
    """How much lower the score would be, had each position alone something unknown."""
    sequence = unit[at]
    assert isinstance(sequence, Ragged)
    length = len(sequence.values)
    tried = min(length, _POSITIONS)
    if not tried:
        return np.empty(0)
    values = np.tile(sequence.values, (tried + 1, *(1 for _ in sequence.values.shape[1:])))
    changed = values.reshape(tried + 1, length, *sequence.values.shape[1:])
    changed[np.arange(tried), np.arange(tried)] = UNKNOWN
    offsets = np.arange(tried + 2, dtype=np.int64) * length
    variants = Ragged(changed.reshape(-1, *sequence.values.shape[1:]), offsets)
    scores = view.score(_replaced(unit, at, variants, tried + 1))
    return scores[-1] - scores[:-1]


def _replaced(
    unit: Sequence[Dense | Ragged], at: int, tensor: Dense | Ragged, count: int
) -> list[Dense | Ragged]:
    """The unit `count` times, with `tensor` in the place of one of its inputs."""
    copies = np.zeros(count, dtype=np.int64)
    return [
        tensor
        if number == at
        else given.take(copies)
        if isinstance(given, Ragged)
        else given[copies]
        for number, given in enumerate(unit)
    ]


def _unit(tensor: Dense | Ragged, number: int) -> Dense | Ragged:
    if isinstance(tensor, Ragged):
        return tensor.take(np.array([number]))
    return tensor[number : number + 1]


def _number(value: np.float32) -> float | None:
    return None if np.isnan(value) else float(value)
