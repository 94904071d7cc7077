"""Scores of texts by the simplest rules: what a model of texts has to beat."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.interface import Examples
from whetstone.scoring.encoding.texts import texts_of

_WINDOW = 3  # characters; pairs are nearly all known soon, longer ones nearly all new


def text_baselines(
    train: Examples, test: Examples, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Scores (n,) of the `test` examples by the simplest rules; all learn from benign ones only.

    Of several texts the highest score counts. Nothing is random.

    - `length`: characters.
    - `length_range`: how many characters a text is longer than the longest known, or shorter than
      the shortest.
    - `unseen_trigrams`: share of the runs of three characters, marks of beginning and end among
      them, that never occurred.
    - `unseen_characters`: share of the characters that never occurred.
    - `entropy`: Shannon entropy of the characters, bits.
    """
    benign = train.benign()
    scores: dict[str, NDArray[np.float64]] = {}
    for column in train.names:
        known, asked = texts_of(benign.units, column), texts_of(test.units, column)
        for name, found in _scores(known, asked).items():
            scores[name] = np.maximum(scores.get(name, -np.inf), found)
    return scores


def _scores(known: Sequence[str], asked: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    lengths = np.array([len(text) for text in asked], dtype=np.float64)
    longest, shortest = max(map(len, known), default=0), min(map(len, known), default=0)
    trigrams = {window for text in known for window in _windows(text)}
    characters = set().union(*known)
    return {
        "length": lengths,
        "length_range": np.maximum(np.maximum(lengths - longest, shortest - lengths), 0.0),
        "unseen_trigrams": np.array(
            [_share_unseen(list(_windows(text)), trigrams) for text in asked], dtype=np.float64
        ),
        "unseen_characters": np.array(
            [_share_unseen(text, characters) for text in asked], dtype=np.float64
        ),
        "entropy": np.array([_entropy(text) for text in asked], dtype=np.float64),
    }


def _windows(text: str) -> Iterator[str]:
    # No log line has these two characters but one that means to deceive, and then it deceives a
    # baseline only.
    marked = f"\x02{text}\x03"
    return (marked[at : at + _WINDOW] for at in range(len(marked) - _WINDOW + 1))


def _share_unseen(found: Sequence[str], known: set[str]) -> float:
    return sum(one not in known for one in found) / len(found) if found else 0.0


def _entropy(text: str) -> float:
    shares = np.array(list(Counter(text).values())) / max(len(text), 1)
    return float(-(shares * np.log2(shares)).sum()) if text else 0.0
