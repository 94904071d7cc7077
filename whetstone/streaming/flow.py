"""What flows through a scorer, from the inputs to the alerts.

Input -> Chunk -> records -> events -> Scored -> alert records -> journal -> outputs
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from whetstone.scoring.run import BundleScorer

Position = dict[str, Any]
"""Where an input goes on, as JSON takes it; an input understands only its own."""


class EndOfInput(Exception):  # noqa: N818 - an event, not an error
    """A finite input has given everything."""


@dataclass(frozen=True)
class Chunk:
    """Raw bytes of one input, in order.

    Attributes:
        data: not empty; it may begin and end within a line.
        position: where the input goes on after them.
        arrived: `time.monotonic()` when they were read.
    """

    data: bytes
    position: Position
    arrived: float


class Input(Protocol):
    """Where raw lines of one source come from. One thread reads it.

    Attributes:
        name: stable from run to run: the checkpoint knows the input by it.
        source: name of the source whose lines it gives.
        finite: whether it ends by itself.
    """

    name: str
    source: str
    finite: bool

    def open(self, position: Position | None) -> None:
        """Begin where `position` says; None: where a new scorer begins.

        Raises:
            InputError: what is wrong with the URL, file or peer and what to do.
        """
        ...

    def read(self, most: int, wait: float) -> Chunk | None:
        """The next at most `most` bytes; None if nothing came within `wait` seconds.

        Raises:
            EndOfInput: a finite input has no more.
            InputError: it cannot be read; it may be opened again.
        """
        ...

    def commit(self, position: Position) -> None:
        """A checkpoint holds all up to `position`: what lies before need not be kept."""
        ...

    def close(self) -> None:
        """Give back what it holds; it may be opened again."""
        ...


@dataclass(frozen=True)
class Line:
    """A raw line that is evidence.

    Attributes:
        input: name of the input.
        number: of the line (the first of a record of several), from 1.
        hash: of the record's text, as `raw_hash` of an event.
    """

    input: str
    number: int
    hash: int


@dataclass(frozen=True, eq=False)
class Scored:
    """Units of one detector as they score now.

    Attributes:
        scorer: the detector's model.
        units: a row a unit: `environment`, entity columns, `unit`, `unit_start`, `event_timestamp`,
            `score`, `threshold`, `is_alert`, `model_version`, features, and `_events` and
            `_last_event`: how many events it has so far and the time of the newest.
        final: whether the units are complete; if not, they will come again.
        shadow: whether the model is a challenger, whose alerts no analyst sees.
        arrived: `time.monotonic()` when the last line that went into them arrived.
        lines: row number -> its latest events' lines, oldest first, at most a few hundred.
        watermark: event time (microseconds since 1970) up to which the source is complete.
        silent: whether nobody shall see its alerts: a model that was replaced scores on beside its
            successor, for comparison.
    """

    scorer: BundleScorer
    units: pa.Table
    final: bool
    shadow: bool
    arrived: float
    lines: Callable[[int], list[Line]]
    watermark: int
    silent: bool = False
