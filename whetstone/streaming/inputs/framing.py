"""Bytes of an input, torn anywhere, as numbered records: the very records of a file of them."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from whetstone.catalog.catalog_pb2 import JSON, Source
from whetstone.parsing.documents import HEAD_BYTES, is_lines, unwrapped
from whetstone.parsing.headers import RECORD_SCHEMA, NoHeaders
from whetstone.parsing.lines import BrokenOffError, Lines
from whetstone.parsing.records import Records
from whetstone.parsing.wrapped import Finder

NONE = pa.RecordBatch.from_arrays(
    [pa.nulls(0, field.type) for field in RECORD_SCHEMA], schema=RECORD_SCHEMA
)
"""No records."""


class Framer:
    """Makes the records of one input, in order, each once.

    However the bytes are cut, the records of all calls together are those that
    `whetstone.parsing.records.read_records` gives of a file of these bytes. A record of several
    lines stays pending until the next begins: `flush` gives it when an input falls silent.

    Args:
        source: its format and framing say what a record is. In streams JSON is a document a line.
        max_line_bytes: longer lines and records keep their beginning and get a problem.
        state: what `state` of a framer of the same source said, to go on from there.
        whole_file: the input is one file: documents of JSON may go over lines, or stand in arrays
            and envelopes. Up to 64 KiB of a JSON file wait until that is clear.
    """

    def __init__(
        self,
        source: Source,
        max_line_bytes: int,
        state: Mapping[str, Any] | None = None,
        whole_file: bool = False,
    ) -> None:
        self._lines = Lines(max_line_bytes)
        self._records = Records(source, max_line_bytes)
        self._source, self._limit = source, max_line_bytes
        self._aside = -1  # the number that the next line aside gets
        self._by_head = whole_file and source.format == JSON
        # What comes first is kept until it is clear what it is; None: it is.
        self._head: bytes | None = b""
        self._documents: Finder | None = None
        if state:
            self._restore(state)

    def feed(self, data: bytes, last: bool = False) -> pa.RecordBatch:
        """The records that are complete with these bytes, as a batch of `RECORD_SCHEMA`.

        Args:
            data: the next bytes, of any size, none too.
            last: the input ends behind them: what is pending is complete.
        """
        if self._head is not None:
            begun = self._begun(self._head + data, last)
            if begun is None:
                return NONE
            data = begun
        return self._framed(data, last)

    def break_off(self, reason: str) -> pa.RecordBatch:
        """What is pending, at the end of a file that is damaged there, and the place as a problem.

        A line that has no end is none: the damage may be in it.
        """
        begun = self._begun(self._head, last=True) if self._head else None
        records = self._framed(begun, last=False) if begun else NONE
        broken = BrokenOffError(reason)
        if self._documents:
            rest = self._found(self._documents, b"", last=True)
            place = NoHeaders().take(broken.row(self._documents.line + 1))
        else:
            self._lines.drop()
            rest = self._records.take(broken.row(self._lines.number))
            place = self._records.end()
        return together([records, rest, place])

    def flush(self) -> pa.RecordBatch:
        """The pending record as if it were complete; a line that has no end stays pending.

        For an input that has been silent for a while: lines that continue the record later become
        one of their own. An open quote of CSV keeps its record.
        """
        return self._records.flush()

    @property
    def pending(self) -> bool:
        """Whether `flush` gives a record."""
        return self._records.pending

    @property
    def lines(self) -> int:
        """How many lines have come, empty ones and headers too."""
        return self._documents.line if self._documents else self._lines.number - 1

    def aside(self, lines: bytes) -> pa.RecordBatch:
        """Records of whole lines that the input did not give, below the header that holds now.

        They are numbered -1, -2 …: all lines of the input keep their numbers.
        """
        records = Records(self._source, self._limit)
        records.share_headers(self._records)
        cut = Lines(self._limit)
        cut.number = self._aside - lines.count(b"\n") - (not lines.endswith(b"\n")) + 1
        self._aside = cut.number - 1
        batches = [records.take(cut.take(lines)), records.take(cut.end()), records.end()]
        return together(batches)

    def skip(self, lines: int) -> None:
        """Count lines that were left out between two whole lines."""
        self._lines.number += lines

    def state(self) -> dict[str, Any]:
        """All that the next records depend on, as JSON takes it."""
        return {
            "head": None if self._head is None else self._head.decode("latin-1"),
            "lines": self._lines.state(),
            "records": self._records.state(),
            "documents": self._documents.state() if self._documents else None,
            "aside": self._aside,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        head = state["head"]
        self._head = None if head is None else head.encode("latin-1")
        self._aside = state["aside"]
        self._lines.restore(state["lines"])
        self._records.restore(state["records"])
        if state["documents"]:
            self._documents = Finder(self._limit)
            self._documents.restore(state["documents"])

    def _begun(self, head: bytes, last: bool) -> bytes | None:
        """What is to be framed, once it is clear how; None: it is kept as the head."""
        if not last and (BOM_UTF8.startswith(head) or not self._is_clear(head)):
            self._head = head
            return None
        self._head = None
        head = head.removeprefix(BOM_UTF8)
        if self._by_head and not is_lines(head[:HEAD_BYTES]):
            self._documents = Finder(self._limit)
        return head

    def _is_clear(self, head: bytes) -> bool:
        return not self._by_head or len(head) >= HEAD_BYTES + len(BOM_UTF8)

    def _framed(self, data: bytes, last: bool) -> pa.RecordBatch:
        if self._documents:
            return self._found(self._documents, data, last)
        records = self._records.take(self._lines.take(data)) if data else NONE
        if not last:
            return records
        self._head = b""
        rest = self._records.take(self._lines.end())
        return together([records, rest, self._records.end()])

    def _found(self, documents: Finder, data: bytes, last: bool) -> pa.RecordBatch:
        documents.add(data)
        if last:
            documents.end()
        return NoHeaders().take(unwrapped(documents.batch()))


def together(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Batches of `RECORD_SCHEMA` as one; their headers are dictionaries that differ."""
    filled = [batch for batch in batches if batch.num_rows]
    if len(filled) < 2:
        return filled[0] if filled else NONE
    table = pa.Table.from_batches(filled).unify_dictionaries().combine_chunks()
    return table.to_batches()[0]
