"""Hashed character n-grams: as arrays for training, and as nodes of a graph with equal integers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper
from scipy.sparse import csr_matrix

from whetstone.errors import TrainingError
from whetstone.scoring.encoding import FIRST_KNOWN, Ragged
from whetstone.scoring.encoding.texts import Texts
from whetstone.scoring.onnx import INPUT, LENGTHS, OUTPUT, PARTS

BUCKETS = 262_139  # a prime; the weights are 1 MB, which stays in the cache of one core
MULTIPLIER = 1_000_003
_LONGEST = 8  # what the shortest padding of a text has room for
_END = 0  # the mark behind a text is the id that padding has


@dataclass(frozen=True, eq=False)
class Windows:
    """The n-grams that are looked at, and how they are hashed.

    Attributes:
        shortest: characters of an n-gram, at least.
        longest: characters of an n-gram, at most.
        codes: (ids,) int64, the id that each id counts as.
    """

    shortest: int
    longest: int
    codes: NDArray[np.int64]

    @staticmethod
    def of(shortest: int, longest: int, encoding: Texts, *, fold_case: bool) -> "Windows":
        """For texts of an encoding.

        Raises:
            TrainingError: impossible lengths.
        """
        if not 1 <= shortest <= longest <= _LONGEST:
            raise TrainingError(
                f"N-grams of {shortest} to {longest} characters: "
                f"give shortest <= longest, from 1 to {_LONGEST}"
            )
        codes = np.arange(encoding.ids)
        if fold_case:
            ids = {character: at for at, character in enumerate(encoding.vocabulary, FIRST_KNOWN)}
            for character, at in ids.items():
                codes[at] = ids.get(character.lower(), at)
        return Windows(shortest, longest, codes)

    @property
    def begin(self) -> int:
        """The id of the mark before a text: one that no character has."""
        return len(self.codes)

    def buckets(self, texts: Ragged) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All n-grams of n texts: the number of the text (m,) and the bucket (m,) of each."""
        sizes = texts.lengths + 2
        ends = np.cumsum(sizes)
        marked = np.full(sizes.sum(), self.begin)
        within = np.repeat(np.arange(len(texts)), texts.lengths)
        marked[np.arange(len(within)) + 2 * within + 1] = self.codes[texts.values]
        marked[ends - 1] = _END
        text = np.repeat(np.arange(len(texts)), sizes)
        left = np.repeat(ends, sizes) - np.arange(len(marked))
        hashed = marked
        found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        for length in range(1, self.longest + 1):
            if length > 1:
                hashed = (hashed[:-1] * MULTIPLIER + marked[length - 1 :]) % BUCKETS
            if length >= self.shortest:
                whole = left[: len(hashed)] >= length
                found.append((text[: len(hashed)][whole], hashed[whole]))
        texts_of, buckets = zip(*found, strict=True)
        return np.concatenate(texts_of), np.concatenate(buckets)

    def count(self, texts: Ragged) -> csr_matrix:
        """(n, BUCKETS) float64: how often each bucket is reached, by the root of the length."""
        text, bucket = self.buckets(texts)
        weights = 1 / np.sqrt(texts.lengths + 2.0)
        return csr_matrix((weights[text], (text, bucket)), shape=(len(texts), BUCKETS))


def constants(
    windows: Windows, weights: NDArray[np.float64], intercept: float
) -> dict[str, NDArray[np.generic]]:
    """What the nodes read: (BUCKETS,) weights, among others."""
    return {
        "codes": windows.codes,
        "weights": weights.astype(np.float32),
        "intercept": np.array(intercept, dtype=np.float32),
        "begin": np.array(windows.begin),
        "end": np.array(_END),
        "multiplier": np.array(MULTIPLIER),
        "buckets": np.array(BUCKETS),
        "marks": np.array(2),
        "before_text": np.array([1, 0, 0, 0]),
        "behind_text": np.array([0, 0, 1, 0]),
        "zero": np.array(0),
        "one": np.array(1),
        "flat": np.array([-1]),
        "steps_axis": np.array([0]),
        "texts_axis": np.array([1]),
        "from_1": np.array([0]),
        "from_2": np.array([1]),
        "last": np.array([-1]),
        "far": np.array([np.iinfo(np.int64).max]),
        **{f"from_{n}": np.array([n - 1]) for n in range(3, windows.longest + 1)},
        **{f"share_{n}": np.array(1 / n, dtype=np.float32) for n in range(1, windows.longest + 1)},
        **{f"rows_{k}_behind": np.array([0, 0, k, 0]) for k in range(windows.longest)},
        **{f"down_{k}": np.array([k, 0, -k, 0]) for k in range(windows.longest)},
    }


def nodes(windows: Windows) -> list[NodeProto]:
    """From ids [n, t] and lengths [n] to score [n] and parts [n, t].

    Texts stand in columns: slices are then whole rows, and sums add row to row, always in the same
    order. (A sum along a row begins where memory is aligned, so it would depend on which row it
    is.) What follows the end mark of a text in its column is an end mark too, so only the n-grams
    that reach beyond the first one are taken out.
    """
    node = helper.make_node
    lengths = range(windows.shortest, windows.longest + 1)
    made = [
        node("Transpose", [INPUT], ["ids"], perm=[1, 0]),
        *_look_up("codes", "ids", "characters"),
        node("Pad", ["characters", "before_text", "begin"], ["begun"]),
        node("Pad", ["begun", "behind_text", "end"], ["hashed_1"]),
        node("Add", [LENGTHS, "marks"], ["sizes"]),
        node("Shape", ["hashed_1"], ["shape"], end=1),
        node("Squeeze", ["shape"], ["height"]),
        node("Range", ["zero", "height", "one"], ["step_row"]),
        node("Unsqueeze", ["step_row", "texts_axis"], ["steps"]),
        node("Less", ["steps", "sizes"], ["within"]),
        node("Cast", ["within"], ["within_1"], to=TensorProto.FLOAT),
        node("Cast", ["sizes"], ["real_sizes"], to=TensorProto.FLOAT),
        node("Sqrt", ["real_sizes"], ["root"]),
    ]
    for n in range(2, windows.longest + 1):
        made += [
            node("Slice", [f"hashed_{n - 1}", "from_1", "last", "steps_axis"], [f"shorter_{n}"]),
            node("Slice", ["hashed_1", f"from_{n}", "far", "steps_axis"], [f"next_{n}"]),
            node("Mul", [f"shorter_{n}", "multiplier"], [f"moved_{n}"]),
            node("Add", [f"moved_{n}", f"next_{n}"], [f"sum_{n}"]),
            node("Mod", [f"sum_{n}", "buckets"], [f"hashed_{n}"]),
            node("Slice", ["within_1", f"from_{n}", "far", "steps_axis"], [f"within_{n}"]),
        ]
    for n in lengths:
        made += [
            *_look_up("weights", f"hashed_{n}", f"reached_{n}"),
            node("Mul", [f"reached_{n}", f"within_{n}"], [f"weighted_{n}"]),
            node("ReduceSum", [f"weighted_{n}", "steps_axis"], [f"total_{n}"], keepdims=0),
        ]
    return [
        *made,
        node("Sum", [f"total_{n}" for n in lengths], ["total"]),
        node("Div", ["total", "root"], ["scaled"]),
        node("Add", ["scaled", "intercept"], [OUTPUT]),
        *_share_out(windows),
        node("Slice", ["shares", "from_2", "last", "steps_axis"], ["text_shares"]),
        node("Div", ["text_shares", "root"], ["columns"]),
        node("Transpose", ["columns"], [PARTS], perm=[1, 0]),
    ]


def _share_out(windows: Windows) -> list[NodeProto]:
    """Nodes that give each character, and each mark, its share of the n-grams it is in: `shares`.

    An n-gram's weight is shared equally. Of all n-grams that begin somewhere, those longer than k
    give a share to the character k places further on; so their shares are added up from the longest
    ones on, and then moved by k.
    """
    node = helper.make_node
    found: list[NodeProto] = []
    longer: list[str] = []
    for k in reversed(range(windows.longest)):
        n = k + 1
        if n >= windows.shortest:
            found += [
                node("Mul", [f"weighted_{n}", f"share_{n}"], [f"small_{n}"]),
                node("Pad", [f"small_{n}", f"rows_{k}_behind"], [f"full_{n}"]),
                node("Sum", [*longer, f"full_{n}"], [f"longer_{k}"]),
            ]
            longer = [f"longer_{k}"]
        found.append(node("Pad", [*longer, f"down_{k}"], [f"moved_down_{k}"]))
    moved = [f"moved_down_{k}" for k in range(windows.longest)]
    return [*found, node("Sum", moved, ["shares"])]


def _look_up(table: str, index: str, output: str) -> list[NodeProto]:
    """Nodes that give `table[index]` for an `index` of two axes.

    GatherElements on one flat row takes a tenth of the time of Gather, which copies each element
    by itself.
    """
    node = helper.make_node
    return [
        node("Shape", [index], [f"{output}_shape"]),
        node("Reshape", [index, "flat"], [f"{output}_index"]),
        node("GatherElements", [table, f"{output}_index"], [f"{output}_flat"], axis=0),
        node("Reshape", [f"{output}_flat", f"{output}_shape"], [output]),
    ]
