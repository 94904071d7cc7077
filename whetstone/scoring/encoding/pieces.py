"""Texts as sequences of pieces of words, found by byte-pair encoding."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from whetstone.errors import InputError
from whetstone.scoring.encoding import FIRST_KNOWN, Ragged
from whetstone.scoring.encoding.texts import ragged_ids, texts_of
from whetstone.scoring.encoding.vocabulary import OneColumn

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Pieces(OneColumn):
    """One id a piece of a text column; implements `Encoding`.

    Every byte is a piece, so nothing is unknown (the id stays unused), and no text of a log is ever
    taken for a special token, for there are none. Needs the library tokenizers: `whetstone[bpe]`.

    Attributes:
        column: a text a unit; NULL is an empty text.
        tokenizer: the merges, as the library's JSON.
        max_length: pieces of a unit that count, from its first; the rest is left out.

    References:
        Sennrich, Haddow, Birch, Neural Machine Translation of Rare Words with Subword Units,
        ACL 2016.
    """

    kind: ClassVar[str] = "pieces"

    tokenizer: str
    max_length: int

    @staticmethod
    def fitted(units: pa.Table, column: str, max_length: int, size: int) -> "Pieces":
        """For `size` pieces of training units (256 at least), merged in order of frequency."""
        library = _library()
        splitter = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = splitter
        trainer = library.trainers.BpeTrainer(
            vocab_size=size, show_progress=False, initial_alphabet=splitter.alphabet()
        )
        tokenizer.train_from_iterator(texts_of(units, column), trainer)
        return Pieces(column, tokenizer.to_str(), max_length)

    @staticmethod
    def from_spec(spec: Mapping[str, Any]) -> "Pieces":
        """The inverse of `spec`."""
        return Pieces(spec["column"], spec["tokenizer"], int(spec["max_length"]))

    def spec(self) -> dict[str, Any]:
        """See `Encoding.spec`."""
        return {
            "kind": self.kind,
            "column": self.column,
            "tokenizer": self.tokenizer,
            "max_length": self.max_length,
        }

    @property
    def ids(self) -> int:
        """How many different ids there are, padding and unknown among them."""
        return FIRST_KNOWN + self._loaded.get_vocab_size()

    def encode(self, units: pa.Table) -> Ragged:
        """(n, t) ids; see `Encoding.encode`."""

        def ids(texts: list[str]) -> list[list[int]]:
            encoded = self._loaded.encode_batch_fast(texts)
            return [[at + FIRST_KNOWN for at in e.ids[: self.max_length]] for e in encoded]

        return ragged_ids(texts_of(units, self.column), ids)

    def tokens(self, units: pa.Table) -> list[list[str]]:
        """The texts of the pieces; of a character that is cut in two, both are the character."""
        texts = texts_of(units, self.column)
        encoded = self._loaded.encode_batch(texts)
        return [
            [text[start:end] for start, end in e.offsets[: self.max_length]]
            for text, e in zip(texts, encoded, strict=True)
        ]

    @cached_property
    def _loaded(self) -> "Tokenizer":
        try:
            return _library().Tokenizer.from_str(self.tokenizer)
        except InputError:
            raise
        except Exception as error:  # the library's own errors have no common base but this
            raise InputError(f"The model's tokenizer cannot be read: {error}") from error


def _library() -> ModuleType:
    try:
        import tokenizers
    except ImportError as error:
        raise InputError(
            "The model reads byte-pair tokens, for which the library tokenizers is not installed:"
            " install whetstone[bpe]"
        ) from error
    return tokenizers
