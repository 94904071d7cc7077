"""JSON documents out of what they are wrapped in, in bounded memory.

A file is lines of documents as a rule, and then is read as lines are. Other files are one document
after the other over several lines, arrays of documents, or envelopes (see
`whetstone.parsing.wrapped`). Of what Elasticsearch exports, the document is `_source`; the action
lines of its bulk format are none.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.parsing.lines import (
    CHUNK_BYTES,
    SCHEMA,
    BrokenOffError,
    read_chunks,
    read_lines,
)
from whetstone.parsing.wrapped import SPACE, Finder, Marks

# How much of a file decides how it is read.
HEAD_BYTES = 64 << 10
# Keys that an envelope begins with.
_ENVELOPE = re.compile(rb'\{\s*"(?:_scroll_id|pit_id|took|timed_out|_shards|hits|Records)"\s*:')
_METADATA = r'^\s*\{\s*"_(?:index|type|id|score|source|version|seq_no)"\s*:'
_ACTION = (
    r'^\s*\{\s*"(?:index|create|update|delete)"\s*:\s*\{\s*'
    r'(?:"(?:_\w+|routing|version|version_type|pipeline|require_alias)"\s*:[^{}]*)?\}\s*\}\s*$'
)
_FIRST_LETTERS = np.zeros(256, bool)  # of keys that the two begin with
_FIRST_LETTERS[[*b"_icud"]] = True


def read_documents(
    path: Path, max_bytes: int, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[pa.RecordBatch]:
    """Yield the JSON documents of a raw file as batches of `whetstone.parsing.lines.SCHEMA`.

    `raw_line` is the line a document begins on; of several on one line each has the next number.
    A document longer than `max_bytes` keeps its beginning and gets the problem "record too long"
    (on a line of its own: "line too long").

    Raises:
        InputError: the file cannot be opened or read.
    """
    if is_lines(_head(path)):
        return map(documents_of_lines, read_lines(path, max_bytes, chunk_bytes))
    return map(unwrapped, _found(path, max_bytes, chunk_bytes))


def documents_of_lines(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The documents of lines that are one each: without actions, taken out of hits."""
    if _are_plain(batch["line"]):
        return batch
    actions = pc.match_substring_regex(batch["line"], _ACTION)
    return unwrapped(batch.filter(pc.invert(actions)) if actions.true_count else batch)


def _are_plain(lines: pa.Array) -> bool:
    """Whether no line can be an action or a hit, by the first letter of its first key.

    Searching each line of a stream for either costs more than cutting it.
    """
    _, offsets, data = lines.buffers()
    codes = np.frombuffer(data or b"", np.uint8)
    at = np.frombuffer(offsets or b"", np.int32)[lines.offset :][: len(lines)]
    if not len(at) or at[-1] + 2 >= len(codes):
        return False
    keyed = (codes[at] == ord("{")) & (codes[at + 1] == ord('"'))
    return bool(keyed.all()) and not _FIRST_LETTERS[codes[at + 2]].any()


def _head(path: Path) -> bytes:
    head = b""
    try:
        for chunk in read_chunks(path, HEAD_BYTES):
            head += chunk
            if len(head) >= HEAD_BYTES:
                break
    except BrokenOffError:
        pass
    return head[:HEAD_BYTES]


def is_lines(head: bytes) -> bool:
    """Whether each line of a file is a document (or is to be judged as one)."""
    start = head.lstrip(SPACE)
    if start[:1] != b"{":
        return start[:1] != b"["
    first, newline, rest = start.partition(b"\n")
    marks = Marks.of(first, 0, False)
    if (marks.depth == 0).any():
        return not _ENVELOPE.match(first)
    # A document that goes on has a key or an end in its second line; one that is cut off has
    # another document.
    return bool(newline) and rest.lstrip(SPACE)[:1] in (b"{", b"")


def unwrapped(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with each of Elasticsearch's hits replaced by the document in it."""
    hits = pc.match_substring_regex(batch["line"], _METADATA)
    if not hits.true_count:
        return batch
    documents = [
        _source_of(line) if hit else line
        for line, hit in zip(batch["line"].to_pylist(), hits.to_pylist(), strict=True)
    ]
    columns = [pa.array(documents, pa.string()), batch["raw_line"], batch["problem"]]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


# Numbers stay text: what is huge must not fail.
_VALUE = json.JSONDecoder(parse_int=str, parse_float=str)
_BETWEEN = re.compile(r"[ \t\r\n]*[{,:]?[ \t\r\n]*")


def _source_of(hit: str) -> str:
    """The text of the value of `_source`; the text itself where there is none."""
    try:
        at = _after(hit, 0)
        while hit[at] == '"':
            key, at = _VALUE.raw_decode(hit, at)
            start = _after(hit, at)
            _, at = _VALUE.raw_decode(hit, start)
            if key == "_source":
                return hit[start:at]
            at = _after(hit, at)
    except (ValueError, IndexError, RecursionError):
        pass
    return hit


def _after(text: str, at: int) -> int:
    """The place of the next key or value, behind white space and one `{`, `,` or `:`."""
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _found(path: Path, limit: int, chunk_bytes: int) -> Iterator[pa.RecordBatch]:
    finder = Finder(limit)
    try:
        for chunk in read_chunks(path, chunk_bytes):
            finder.add(chunk)
            yield finder.batch()
        finder.end()
        yield finder.batch()
    except BrokenOffError as error:
        finder.end()
        yield finder.batch()
        yield error.row(finder.line + 1)
