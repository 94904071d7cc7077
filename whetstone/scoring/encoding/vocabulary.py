"""What the encodings share that number the tokens of one column by a list of those they know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from whetstone.scoring.encoding import FIRST_KNOWN


@dataclass(frozen=True)
class Vocabulary:
    """One id a token of a column.

    Attributes:
        kind: in the spec.
        column: the one column that is read.
        vocabulary: the tokens known; the first one has the id `FIRST_KNOWN`.
        max_length: tokens of a unit that count, from its first; the rest is left out.
    """

    kind: ClassVar[str]

    column: str
    vocabulary: tuple[str, ...]
    max_length: int

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Self:
        """The inverse of `spec`."""
        return cls(spec["column"], tuple(spec["vocabulary"]), int(spec["max_length"]))

    def spec(self) -> dict[str, Any]:
        """See `Encoding.spec`."""
        return {
            "kind": self.kind,
            "column": self.column,
            "vocabulary": list(self.vocabulary),
            "max_length": self.max_length,
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.column,)

    @property
    def dtype(self) -> type[np.generic]:
        """int64."""
        return np.int64

    @property
    def shape(self) -> tuple[str | int, ...]:
        """(n, t)."""
        return ("n", "t")

    @property
    def ids(self) -> int:
        """How many different ids there are, padding and unknown among them."""
        return FIRST_KNOWN + len(self.vocabulary)
