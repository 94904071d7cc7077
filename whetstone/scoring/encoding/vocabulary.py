"""What the encodings share that give one id a token of one column."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from whetstone.scoring.encoding import FIRST_KNOWN


@dataclass(frozen=True)
class OneColumn:
    """The shape of what gives one id a token of a column.

    Attributes:
        kind: in the spec.
        column: the one column that is read.
    """

    kind: ClassVar[str]

    column: str

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


@dataclass(frozen=True)
class Vocabulary(OneColumn):
    """Tokens that are numbered by a list of those known.

    Attributes:
        vocabulary: the tokens known; the first one has the id `FIRST_KNOWN`.
        max_length: tokens of a unit that count, from its first; the rest is left out.
    """

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
    def ids(self) -> int:
        """How many different ids there are, padding and unknown among them."""
        return FIRST_KNOWN + len(self.vocabulary)
