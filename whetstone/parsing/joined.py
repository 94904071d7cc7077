"""Lines put together to records, however the lines come."""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.parsing.lines import BROKEN_OFF, EMPTY, KEPT_OF_A_BAD_LINE
from whetstone.parsing.lines import SCHEMA as LINE_SCHEMA
from whetstone.parsing.wrapped import TOO_LONG


class Starts(Protocol):
    """Tells which lines begin a record.

    Attributes:
        within: whether a record may go on behind the lines seen; for ever, if that shows only
            where the next begins.
        certain: whether it will then surely go on.
    """

    within: bool
    certain: bool

    def of(self, texts: pa.Array) -> np.ndarray:
        """Whether each of the next lines begins a record."""
        ...


class Joined:
    """Records of lines: a line that begins none belongs to the one before."""

    def __init__(self, starts: Starts, limit: int) -> None:
        self._starts = starts
        self._limit = limit
        self._record = _Record(limit)

    def take(self, lines: pa.RecordBatch) -> pa.RecordBatch:
        """The records that are complete with the next lines, as `whetstone.parsing.lines.SCHEMA`.

        What is wrong with a record stands beside it.
        """
        begins = self._starts.of(lines["line"])
        if lines["problem"].null_count < lines.num_rows:
            broken = pc.starts_with(lines["problem"], BROKEN_OFF).fill_null(False)
            begins = begins | broken.to_numpy(zero_copy_only=False)
        first = np.flatnonzero(begins)
        if not self._starts.within:
            # The last record is complete, too.
            first = np.append(first, lines.num_rows)
        if not len(first):
            self._record.extend(lines)
            return EMPTY
        self._record.extend(lines.slice(0, first[0]))
        before = self._taken()
        whole = lines.slice(first[0], first[-1] - first[0])
        self._record.extend(lines.slice(first[-1]))
        whole = _whole_records(whole, first - first[0], self._limit)
        return pa.concat_batches([before, whole]) if before.num_rows else whole

    def flush(self) -> pa.RecordBatch:
        """The record that is not complete for all one knows; what continues it comes alone."""
        return EMPTY if self._starts.within and self._starts.certain else self._taken()

    def end(self) -> pa.RecordBatch:
        """The record that is not complete, at the end of all lines."""
        if self._starts.certain:
            self._starts.within = False
        return self._taken()

    @property
    def pending(self) -> bool:
        """Whether `flush` gives a record."""
        return not self._record.empty and not (self._starts.within and self._starts.certain)

    def state(self) -> dict[str, Any]:
        """All that is kept between two calls, as JSON takes it."""
        return {"within": self._starts.within, "record": self._record.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self._starts.within = state["within"]
        self._record.restore(state["record"])

    def _taken(self) -> pa.RecordBatch:
        record, self._record = self._record, _Record(self._limit)
        return record.batch()


class Matching:
    """Records begin with lines that a pattern matches; only the next shows where one ends."""

    certain = False

    def __init__(self, pattern: str) -> None:
        self.within = True
        self._pattern = pattern

    def of(self, texts: pa.Array) -> np.ndarray:
        """Whether the pattern matches each line."""
        return matches(texts, self._pattern)


def matches(texts: pa.Array, pattern: str) -> np.ndarray:
    """Which of some texts an RE2 pattern is found in."""
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


# A record of CSV, or what of it a line may be, from its beginning to an open quote.
_CLOSED = '"[^"]*(?:""[^"]*)*"(?:[^",][^,]*)?'
_OPEN = '"[^"]*(?:""[^"]*)*$'
_CELL = f'(?:{_CLOSED}|[^",][^,]*|)'
_OPENS = f"(?s)^(?:{_CELL},)*{_OPEN}"
_REMAINS_OPEN = f'(?s)^[^"]*(?:""[^"]*)*(?:$|"(?:[^",][^,]*)?,(?:{_CELL},)*{_OPEN})'


class Quotes:
    """Records of CSV begin with lines that are not within quotes."""

    certain = True

    def __init__(self) -> None:
        self.within = False

    def of(self, texts: pa.Array) -> np.ndarray:
        """Whether each of the next lines begins outside of quotes."""
        begins = np.ones(len(texts), bool)
        quoted = pc.match_substring(texts, '"').to_numpy(zero_copy_only=False)
        lines = np.flatnonzero(quoted)
        some = texts.take(pa.array(lines))
        opens = lines[matches(some, _OPENS)]
        if not len(opens) and not self.within:
            return begins
        closes = lines[~matches(some, _REMAINS_OPEN)]
        at = 0
        while at < len(texts):
            changes = closes if self.within else opens
            number = int(np.searchsorted(changes, at))
            end = int(changes[number]) + 1 if number < len(changes) else len(texts)
            # The line that opens a quote begins a record, the one that closes it does not.
            if self.within:
                begins[at:end] = False
            self.within ^= number < len(changes)
            at = end
        return begins


def _whole_records(batch: pa.RecordBatch, first: np.ndarray, limit: int) -> pa.RecordBatch:
    """The records of a batch that begins and ends with whole ones; `first` are their lines."""
    if len(first) - 1 == batch.num_rows:
        return batch
    offsets = pa.array(first, pa.int32())
    lines = pc.binary_join(pa.ListArray.from_arrays(offsets, batch["line"]), "\n")
    several = np.diff(first) > 1
    long = pc.greater(pc.binary_length(lines), limit).to_numpy(zero_copy_only=False) & several
    problems = _problems(batch, first, long)
    if problems:
        texts = lines.to_pylist()
        for record in problems:
            if several[record]:
                texts[record] = _beginning(texts[record], limit)
        lines = pa.array(texts, pa.string())
    columns = [
        pc.ascii_rtrim(lines, "\n"),
        batch["raw_line"].take(pa.array(first[:-1])),
        pa.array([problems.get(record) for record in range(len(lines))], pa.string())
        if problems
        else pa.nulls(len(lines), pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=LINE_SCHEMA)


def _problems(batch: pa.RecordBatch, first: np.ndarray, long: np.ndarray) -> dict[int, str]:
    """What is wrong with which records: they are too long, or the first problem of their lines."""
    found: dict[int, str] = {}
    for line in np.flatnonzero(batch["problem"].is_valid().to_numpy(False)).tolist():
        record = int(np.searchsorted(first, line, side="right")) - 1
        found.setdefault(record, batch["problem"][line].as_py())
    return found | dict.fromkeys(np.flatnonzero(long).tolist(), TOO_LONG)


def _beginning(text: str, limit: int) -> str:
    """What is kept of a record that cannot be right."""
    return text.encode()[: min(limit, KEPT_OF_A_BAD_LINE)].decode(errors="replace")


class _Record:
    """A record that is put together line by line, no longer than the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._texts: list[str] = []
        self._size = -1
        self._several = False
        self._number: int | None = None
        self._problem: str | None = None

    def extend(self, lines: pa.RecordBatch) -> None:
        """Add lines; those beyond the limit are dropped."""
        if not lines.num_rows:
            return
        self._several = self._number is not None or lines.num_rows > 1
        if self._number is None:
            self._number = lines["raw_line"][0].as_py()
        problems = lines["problem"].drop_null()
        if self._problem is None and len(problems):
            self._problem = problems[0].as_py()
        if self._size <= self._limit:
            self._texts += lines["line"].to_pylist()
        self._size += lines.num_rows + (pc.sum(pc.binary_length(lines["line"])).as_py() or 0)

    def batch(self) -> pa.RecordBatch:
        """The record as a batch of one row; of none when it has no lines."""
        text = "\n".join(self._texts)
        problem = TOO_LONG if self._several and self._size > self._limit else self._problem
        if problem and self._several:
            text = _beginning(text, self._limit)
        row = {"line": text.rstrip("\n"), "raw_line": self._number, "problem": problem}
        rows = [] if self._number is None else [row]
        return pa.RecordBatch.from_pylist(rows, LINE_SCHEMA)

    @property
    def empty(self) -> bool:
        """Whether no line belongs to it yet."""
        return self._number is None

    def state(self) -> dict[str, Any]:
        """All that is known of it, as JSON takes it."""
        return {
            "texts": self._texts,
            "size": self._size,
            "several": self._several,
            "number": self._number,
            "problem": self._problem,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self._texts = list(state["texts"])
        self._size, self._several = state["size"], state["several"]
        self._number, self._problem = state["number"], state["problem"]
