"""Raw files and streams as Arrow batches of records: lines put together, headers taken off.

Framing is the same code on every engine and in every stream. Every line is in exactly one record,
unless it is a header or wraps documents. What the format says about records goes before what a
line looks like: a record that cannot be right stays in its place with the problem beside it.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from whetstone.catalog.catalog_pb2 import CSV, JSON, TSV, ZEEK, Source
from whetstone.parsing.documents import documents_of_lines, read_documents
from whetstone.parsing.headers import RECORD_SCHEMA, FirstLine, Headers, NoHeaders, ZeekHeaders
from whetstone.parsing.joined import Joined, Matching, Quotes
from whetstone.parsing.lines import CHUNK_BYTES, EMPTY, read_lines

__all__ = ["RECORD_SCHEMA", "Records", "read_records"]


def read_records(
    source: Source, path: Path, max_line_bytes: int, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[pa.RecordBatch]:
    """Yield the records of a raw file as batches of `RECORD_SCHEMA`, in order.

    Args:
        source: its format and framing say what a record is.
        path: a plain, gzip or zstd file.
        max_line_bytes: longer records keep their beginning and get the problem "record too long".
        chunk_bytes: how much is read at a time; memory is a few times this.

    Raises:
        InputError: the file cannot be opened or read.
    """
    if source.format == JSON:
        yield from map(NoHeaders().take, read_documents(path, max_line_bytes, chunk_bytes))
        return
    records = Records(source, max_line_bytes)
    for batch in read_lines(path, max_line_bytes, chunk_bytes):
        yield records.take(batch)
    yield records.end()


class Records:
    """Makes records of numbered lines that come in batches; of JSON, each line is a document."""

    def __init__(self, source: Source, max_line_bytes: int) -> None:
        self._json = source.format == JSON
        self._joined = _joined(source, max_line_bytes)
        self._headers = _headers(source)

    def take(self, lines: pa.RecordBatch) -> pa.RecordBatch:
        """The records that are complete with the next lines."""
        if self._json:
            lines = documents_of_lines(lines)
        records = self._joined.take(lines) if self._joined else lines
        return self._headers.take(records)

    def flush(self) -> pa.RecordBatch:
        """The record that would be complete if no more came; what continues it comes alone."""
        return self._headers.take(self._joined.flush() if self._joined else EMPTY)

    def end(self) -> pa.RecordBatch:
        """The record that is not complete, at the end of all lines."""
        return self._headers.take(self._joined.end() if self._joined else EMPTY)

    @property
    def pending(self) -> bool:
        """Whether `flush` gives a record."""
        return self._joined is not None and self._joined.pending

    def share_headers(self, others: "Records") -> None:
        """Put records below the header that other records of the same source are below now."""
        self._headers.restore(others._headers.state())

    def state(self) -> dict[str, Any]:
        """All that is kept between two calls, as JSON takes it."""
        joined = self._joined.state() if self._joined else None
        return {"joined": joined, "headers": self._headers.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state` of records of the same source."""
        if self._joined:
            self._joined.restore(state["joined"])
        self._headers.restore(state["headers"])


def _joined(source: Source, max_line_bytes: int) -> Joined | None:
    if source.format == CSV:
        return Joined(Quotes(), max_line_bytes)
    # Zeek and headed TSV are lines, whatever else is said.
    if source.format in (JSON, ZEEK) or (source.format == TSV and source.header):
        return None
    return Joined(Matching(source.record_start), max_line_bytes) if source.record_start else None


def _headers(source: Source) -> Headers:
    if source.format == ZEEK:
        return ZeekHeaders()
    if source.format in (CSV, TSV) and source.header:
        return FirstLine("," if source.format == CSV else "\t")
    return NoHeaders()
