"""Texts as sequences of words."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

import re
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from whetstone.scoring.encoding import FIRST_KNOWN, UNKNOWN, Ragged
from whetstone.scoring.encoding.texts import ragged_ids, texts_of
from whetstone.scoring.encoding.vocabulary import Vocabulary

# Letters, digits and underscores together; each other sign by itself; white space only separates.
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Words(Vocabulary):
    """One id a word of a text column; implements `Encoding`.

    Attributes:
        column: a text a unit; NULL is an empty text.
        vocabulary: the words known; the first one has the id `FIRST_KNOWN`.
        max_length: words of a unit that count, from its first; the rest is left out.
    """

    kind: ClassVar[str] = "words"

    @staticmethod
    def fitted(units: pa.Table, column: str, max_length: int, size: int) -> "Words":
        """For the most frequent words of training units, at most `size` of them.

        A word that occurs once stays unknown: so a model learns where unknown words are usual.
        """
        seen = Counter[str]()
        for text in texts_of(units, column):
            seen.update(_WORD.findall(text)[:max_length])
        repeated = [word for word, count in seen.items() if count > 1]
        ranked = sorted(repeated, key=lambda word: (-seen[word], word))
        return Words(column, tuple(sorted(ranked[:size])), max_length)

    def encode(self, units: pa.Table) -> Ragged:
        """(n, t) ids; see `Encoding.encode`."""
        known = {word: at for at, word in enumerate(self.vocabulary, FIRST_KNOWN)}

        def ids(text: str) -> list[int]:
            return [known.get(word, UNKNOWN) for word in self._words(text)]

        return ragged_ids(texts_of(units, self.column), lambda texts: [ids(text) for text in texts])

    def tokens(self, units: pa.Table) -> list[list[str]]:
        """The words."""
        return [self._words(text) for text in texts_of(units, self.column)]

    def _words(self, text: str) -> list[str]:
        return _WORD.findall(text)[: self.max_length]
