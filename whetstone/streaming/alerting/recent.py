"""The latest raw lines and events, for the alerts that are yet to come.

An alert shows its lines, and what else its entity did. Whoever reads a stream has both in his
hands only once: so they are kept for a while, as the Arrow batches that they came in, nothing
copied. Adding a batch costs the same whatever it holds; what is searched is searched for alerts.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportAttributeAccessIssue=false

import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from whetstone.streaming.instants import instant

_SCANNED = 200_000  # rows a search looks at; what is older is not found
_BLOCK = 50_000  # rows at a time, the newest first: most searches end in the first
_MOST_TEXT = 200  # characters of a field
_MOST_FIELDS = 30
_OWN = frozenset(("environment", "raw_line"))  # no entity: a site, the number of a line
_HIDDEN = frozenset(("environment", "event_time", "raw_file", "raw_line", "raw_hash", "key_id"))


@dataclass(frozen=True, eq=False)
class _Kept:
    """A batch of an input: lines, or the events of its source."""

    input: str
    source: str | None
    rows: pa.Table
    size: int
    since: float


class Recent:
    """What came last, as much as fits; safe to fill and to search from two threads.

    Args:
        size: bytes at most, all inputs together.
        seconds: how long at most, and how far around an alert its context reaches in event time.
        raw: whether raw lines may be shown. Where an environment's personal data is treated they
            may not: only parsed events, in which it is treated, leave then.
        clock: seconds that pass.
    """

    def __init__(
        self,
        size: int,
        seconds: float = 600,
        raw: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._most = size
        self._seconds = seconds
        self._raw = raw
        self._clock = clock
        self._kept: deque[_Kept] = deque()
        self._lines: defaultdict[str, deque[_Kept]] = defaultdict(deque)
        self._lock = Lock()
        self.size = 0
        """Bytes that it holds."""

    def add_lines(self, name: str, records: pa.RecordBatch | pa.Table) -> None:
        """Keep the next records (`whetstone.parsing.records.RECORD_SCHEMA`) of an input."""
        if self._raw and records.num_rows:
            self._add(name, None, records.select(["line", "raw_line"]))

    def add_events(self, source: str, name: str, events: pa.Table) -> None:
        """Keep the next events of an input's source: `event_time`, `raw_line` and fields."""
        if events.num_rows:
            self._add(name, source, events)

    def text(self, name: str, number: int) -> str | None:
        """The record of an input that begins on a line; None if it is kept no more, or not shown.

        It may be long, and is as hostile as any log.
        """
        with self._lock:
            batches = list(self._lines.get(name, ()))
        for kept in reversed(batches):
            numbers = kept.rows["raw_line"].to_numpy()
            if numbers[0] <= number:
                at = int(np.searchsorted(numbers, number))
                found = at < len(numbers) and numbers[at] == number
                return kept.rows["line"][at].as_py() if found else None
        return None

    def context(
        self,
        entity: Mapping[str, str],
        around: int,
        most: int,
        but: Collection[tuple[str, int]] = (),
    ) -> list[dict[str, Any]]:
        """The latest events of all sources that are about an entity, in the order they came in.

        An event is about it if all fields that bear the names of the entity's columns have its
        values, and there is such a field: of one flow where both have its number, else of its
        address.

        Args:
            entity: field to value; numbers of lines do not count, each source counts its own.
            around: microseconds since 1970; events further away than `seconds` are left out.
            most: so many at most.
            but: (input, line) of events that are known already.

        Returns:
            `source`, `input`, `line`, `event_time`, and `fields`: their text is hostile, and cut.
        """
        reach = int(self._seconds * 1_000_000)
        wanted = {name: value for name, value in entity.items() if name not in _OWN}
        found: list[dict[str, Any]] = []
        for batch, block in self._blocks() if wanted and most else ():
            about = _about(block, wanted)
            if about is None or not pc.call_function("any", [about]).as_py():
                continue
            times = block["event_time"].cast(pa.timestamp("us")).cast(pa.int64())
            near = pc.less_equal(pc.abs(pc.subtract(times, around)), reach)
            at = pc.indices_nonzero(pc.and_kleene(about, near)).to_numpy()
            for row in at[::-1][: most + len(but)].tolist():
                event = _event(batch, block, row)
                if (event["input"], event["line"]) not in but:
                    found.append(event)
                if len(found) == most:
                    return found[::-1]
        return found[::-1]

    def _add(self, name: str, source: str | None, rows: pa.RecordBatch | pa.Table) -> None:
        table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
        # With all that the batch's slices hold on to.
        kept = _Kept(name, source, table, table.get_total_buffer_size(), self._clock())
        with self._lock:
            self._kept.append(kept)
            self.size += kept.size
            if source is None:
                self._lines[name].append(kept)
            while self._kept and (
                self.size > self._most or self._kept[0].since < kept.since - self._seconds
            ):
                oldest = self._kept.popleft()
                self.size -= oldest.size
                if oldest.source is None:
                    self._lines[oldest.input].popleft()

    def _blocks(self) -> Iterator[tuple[_Kept, pa.Table]]:
        """Events in blocks, the latest first."""
        with self._lock:
            batches = [kept for kept in self._kept if kept.source is not None]
        left = _SCANNED
        for kept in reversed(batches):
            end = kept.rows.num_rows
            while end and left > 0:
                start = max(0, end - _BLOCK)
                yield kept, kept.rows.slice(start, end - start)
                left -= end - start
                end = start


def _about(block: pa.Table, wanted: Mapping[str, str]) -> pa.ChunkedArray | None:
    """Which rows have the wanted values; None if the block has none of the fields."""
    mask = None
    for name, value in wanted.items():
        if name not in block.column_names:
            continue
        try:
            equal = pc.equal(block[name], pa.scalar(value).cast(block[name].type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # the same name, another type
            return None
        mask = equal if mask is None else pc.and_kleene(mask, equal)
    return mask


def _event(batch: _Kept, block: pa.Table, row: int) -> dict[str, Any]:
    values = {name: block[name][row].as_py() for name in block.column_names}
    shown = {
        name: _shown(value)
        for name, value in values.items()
        if value is not None and name not in _HIDDEN and not name.startswith("_")
    }
    return {
        "source": batch.source,
        "input": batch.input,
        "line": values["raw_line"],
        "event_time": instant(values["event_time"]),
        "fields": dict(list(shown.items())[:_MOST_FIELDS]),
    }


def _shown(value: Any) -> Any:
    return value if isinstance(value, bool | int | float) else str(value)[:_MOST_TEXT]
