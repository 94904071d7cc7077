"""Texts as sequences of characters."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from whetstone.errors import InputError
from whetstone.scoring.encoding import FIRST_KNOWN, UNKNOWN, Ragged, column_of
from whetstone.scoring.encoding.columns import is_text
from whetstone.scoring.encoding.vocabulary import Vocabulary


@dataclass(frozen=True)
class Texts(Vocabulary):
    """One id a character of a text column; implements `Encoding`.

    Attributes:
        column: a text a unit; NULL is an empty text.
        vocabulary: the characters known, sorted; the first one has the id `FIRST_KNOWN`.
        max_length: characters of a unit that count, from its first; the rest is left out.
    """

    kind: ClassVar[str] = "texts"

    @staticmethod
    def fitted(units: pa.Table, column: str, max_length: int) -> "Texts":
        """For the characters of training units."""
        seen = Counter[str]()
        for text in texts_of(units, column):
            seen.update(text[:max_length])
        return Texts(column, tuple(sorted(seen)), max_length)

    def encode(self, units: pa.Table) -> Ragged:
        """(n, t) ids; see `Encoding.encode`."""
        texts = [text[: self.max_length] for text in texts_of(units, self.column)]
        offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
        codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
        return Ragged(self._ids(codes), offsets)

    def tokens(self, units: pa.Table) -> list[list[str]]:
        """The characters."""
        return [list(text[: self.max_length]) for text in texts_of(units, self.column)]

    def _ids(self, codes: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Ids of code points; the vocabulary is sorted, so its code points are."""
        known = np.array([ord(token) for token in self.vocabulary], dtype=np.uint32)
        if not len(known):
            return np.full(len(codes), UNKNOWN, dtype=np.int64)
        at = np.searchsorted(known, codes).clip(max=len(known) - 1)
        return np.where(known[at] == codes, at + FIRST_KNOWN, UNKNOWN).astype(np.int64)


def texts_of(units: pa.Table, column: str) -> list[str]:
    """The texts of units, empty where there is none.

    Raises:
        InputError: the column is not there or holds no texts.
    """
    values = column_of(units, column)
    if not is_text(values.type):
        raise InputError(f"Feature {column} is {values.type}; the model takes a text there")
    return [text or "" for text in cast(list[str | None], values.to_pylist())]


def ragged_ids(texts: Sequence[str], ids_of: Callable[[list[str]], Iterable[list[int]]]) -> Ragged:
    """The ids of texts, of which `ids_of` is given each distinct one once."""
    ids = dict(zip(found := list(dict.fromkeys(texts)), ids_of(found), strict=True))
    rows = [ids[text] for text in texts]
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return Ragged(np.fromiter(chain.from_iterable(rows), np.int64, int(offsets[-1])), offsets)
