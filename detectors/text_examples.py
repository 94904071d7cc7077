"""Examples of which each is one text: what the text families learn from."""

from string import ascii_letters, digits
from typing import cast

import numpy as np
import pyarrow as pa

from detectors.interface import Examples
from whetstone.errors import TrainingError
from whetstone.scoring.encoding.columns import is_text

_SHORTEST = 6  # characters; shorter random strings look like words or their abbreviations


def text_column(examples: Examples) -> str:
    """The name of the one feature, a text.

    Raises:
        TrainingError: there are other features.
    """
    names = examples.names
    if len(names) != 1 or not is_text(examples.units.schema.field(0).type):
        raise TrainingError(f"A model of texts learns from one text, not from {', '.join(names)}")
    return names[0]


def random_texts(texts: pa.ChunkedArray, count: int, seed: int) -> list[str]:
    """Strings that nobody would write: independent characters, all of one alphabet equally likely.

    The alphabets are those that programs draw from: letters, letters with digits, hexadecimal
    digits; of each those that occur in `texts`. Lengths lie anywhere between six characters and
    those of the longest text.

    Args:
        texts: what they are made like.
        count: how many.
        seed: equal texts and seeds give equal strings.
    """
    written = [text for text in cast(list[str | None], texts.to_pylist()) if text]
    characters = sorted(set().union(*written))
    alphabets = [
        [character for character in characters if character in alphabet]
        for alphabet in (ascii_letters, ascii_letters + digits, "0123456789abcdef")
    ]
    usable = [alphabet for alphabet in alphabets if alphabet]
    if not usable:
        return [""] * count
    rng = np.random.default_rng(seed)
    longest = max(_SHORTEST, max(map(len, written)))
    lengths = rng.integers(_SHORTEST, longest, count, endpoint=True)
    kinds = rng.integers(len(usable), size=count)
    return [
        "".join(rng.choice(usable[kind], length))
        for kind, length in zip(kinds, lengths, strict=True)
    ]
