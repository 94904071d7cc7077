"""Headers taken off records: what they name goes beside each record below them."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

import csv
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.parsing.joined import matches
from whetstone.parsing.lines import SCHEMA as LINE_SCHEMA

# A header is the same for many records: it is stored once a batch.
_HEADER = pa.dictionary(pa.int32(), pa.string())
RECORD_SCHEMA = pa.schema([*LINE_SCHEMA, ("header", _HEADER)])
_LONGEST_HEADER = 64 << 10
_NO_HEADER = "no header before it"
_ODD_HEADER = "its header is not one that Zeek writes by default"


class Headers(Protocol):
    """Takes headers off records and remembers them."""

    def take(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Records of `whetstone.parsing.lines.SCHEMA` as ones of `RECORD_SCHEMA`."""
        ...

    def state(self) -> dict[str, Any]:
        """All that is remembered, as JSON takes it."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        ...


class NoHeaders:
    """Records without headers."""

    def take(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """The same records; the header of each is null."""
        header = pa.nulls(records.num_rows, _HEADER)
        return pa.RecordBatch.from_arrays([*records.columns, header], schema=RECORD_SCHEMA)

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to remember."""


class FirstLine:
    """Records below a header: the first of the input, wherever it stands again."""

    def __init__(self, separator: str) -> None:
        self._separator = separator
        self._header = ""

    def take(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """The records but the header, each with the names in it."""
        if not self._header:
            lengths = pc.binary_length(records["line"])
            full = np.flatnonzero(pc.greater(lengths, 0).to_numpy(False))
            if not len(full):
                return NoHeaders().take(records.filter(records["problem"].is_valid()))
            self._header = str(records["line"][int(full[0])])
        names = _names(self._header, self._separator)
        rest = records.filter(pc.not_equal(records["line"], self._header))
        if names:
            return _with_headers(rest, np.zeros(rest.num_rows, np.int32), [names])
        return NoHeaders().take(_with_problem(rest, _filled(rest), _NO_HEADER))

    def state(self) -> dict[str, Any]:
        """The header."""
        return {"header": self._header}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on below the header of a `state`."""
        self._header = state["header"]


def _names(header: str, separator: str) -> str:
    """The names of a header, joined by the separator: quotes undone, each on one line."""
    if len(header) > _LONGEST_HEADER:
        return ""
    if separator == "\t":
        return header
    try:
        cells = next(csv.reader([header], strict=False), [])
    except csv.Error:
        return ""
    return separator.join(" ".join(cell.replace(separator, " ").split()) for cell in cells)


class ZeekHeaders:
    """Records of Zeek: JSON objects, or values below the last `#fields` line."""

    def __init__(self) -> None:
        self._header: str | None = None
        self._plain = True  # whether values are written as by default

    def take(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """The records but those that begin with #, values with the names of their header."""
        texts = records["line"]
        comments = matches(texts, "^#")
        headers: list[str | None] = [self._header]
        legible = [self._plain]
        fields: list[int] = []
        for number in np.flatnonzero(comments).tolist():
            self._read(texts[number].as_py())
            if texts[number].as_py().startswith("#fields"):
                headers.append(self._header)
                legible.append(self._plain)
                fields.append(number)
        which = np.searchsorted(fields, np.arange(len(texts)), side="right")[~comments]
        rest = records.filter(pa.array(~comments))
        objects = matches(rest["line"], r"^\s*\{")
        known = np.array([bool(name) for name in headers])[which]
        rest = _with_problem(rest, ~objects & ~known & _filled(rest), _NO_HEADER)
        rest = _with_problem(rest, ~objects & ~np.array(legible)[which], _ODD_HEADER)
        indices = np.where(objects | ~known, -1, which)
        return _with_headers(rest, indices, [name or "" for name in headers])

    def state(self) -> dict[str, Any]:
        """The last header."""
        return {"header": self._header, "plain": self._plain}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on below the header of a `state`."""
        self._header, self._plain = state["header"], state["plain"]

    def _read(self, comment: str) -> None:
        if comment.startswith("#separator"):
            self._plain = True
        self._plain = self._plain and not _is_odd(comment)
        if comment.startswith("#fields"):
            self._header = comment.partition("\t")[2] if len(comment) <= _LONGEST_HEADER else None


def _is_odd(text: str) -> bool:
    """Whether a # line says that values are written in another way than is Zeek's default."""
    key, _, value = text.replace(" ", "\t", 1).partition("\t")
    usual = {"#separator": r"\x09", "#set_separator": ",", "#unset_field": "-"}
    return key in usual and value != usual[key]


def _filled(batch: pa.RecordBatch) -> np.ndarray:
    return pc.greater(pc.binary_length(batch["line"]), 0).to_numpy(zero_copy_only=False)


def _with_problem(batch: pa.RecordBatch, where: np.ndarray, problem: str) -> pa.RecordBatch:
    """The batch with a problem beside some records that had none."""
    if not where.any():
        return batch
    chosen = pc.if_else(pa.array(where), problem, pa.scalar(None, pa.string()))
    problems = pc.coalesce(batch["problem"], chosen)
    columns = [batch["line"], batch["raw_line"], problems]
    return pa.RecordBatch.from_arrays(columns, schema=LINE_SCHEMA)


def _with_headers(batch: pa.RecordBatch, which: np.ndarray, headers: list[str]) -> pa.RecordBatch:
    """The batch with the header of each record, by number; -1: none."""
    numbers = pa.array(which.astype(np.int32), pa.int32(), mask=which < 0)
    column = pa.DictionaryArray.from_arrays(numbers, pa.array(headers, pa.string()))
    return pa.RecordBatch.from_arrays([*batch.columns, column], schema=RECORD_SCHEMA)
