"""The raw lines behind an alert, with what its explanation speaks of marked in them.

They are what the scorer sent with its alert. Where it sent none, the unit's events are looked up in
the lake, and their lines in the landed files by file and number. Where an environment has a policy
of privacy its raw lines are never shown, wherever they come from: then an event is its fields as
they were parsed, in which personal data is treated.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from triage.evidence.events import UnitEvent, events_of_unit
from triage.evidence.marks import Piece, Term, marked, terms
from triage.evidence.place import Place
from triage.evidence.reasons import Reason, reasons_of
from triage.evidence.told import ToldLine, told_lines
from whetstone.catalog.catalog_pb2 import Source
from whetstone.errors import InputError
from whetstone.event_lines import in_words, records_at

MOST_CHARACTERS = 4_000
"""Of a line."""


class Origin(StrEnum):
    """Where shown lines are from."""

    SCORER = "scorer"
    """The scorer sent them."""
    LANDED = "landed"
    """The landed raw files, found through the lake; what they lack is shown as parsed."""
    PARSED = "parsed"
    """The lake: fields as parsed, personal data treated, because the environment has a policy."""
    NOWHERE = "nowhere"
    """There are none (any more, or yet)."""


@dataclass(frozen=True)
class ShownLine:
    """A line.

    Attributes:
        index: which line of its unit it is, from 0.
        where: the file, or the scorer's input.
        number: of the line in it, from 1.
        pieces: its text, cut after 4,000 characters.
        left_out: how many more characters it has.
        why: what the explanation says of it as a whole: the element of a sequence that it is.
    """

    index: int
    where: str
    number: int
    pieces: list[Piece]
    left_out: int = 0
    why: Reason | None = None


@dataclass(frozen=True)
class Lines:
    """Lines of an alert; `total` is how many its unit has, None: unknown."""

    shown: list[ShownLine]
    origin: Origin
    total: int | None = None


def lines_of(place: Place, record: Mapping[str, Any] | None) -> Lines:
    """The lines of an alert.

    Args:
        place: the alert, and where its evidence lies.
        record: what its scorer said last of it; None: no scorer ever did.
    """
    reasons = reasons_of(place.alert)
    wanted = terms(reasons, place.alert.entity, place.one_event)
    told = [line for line in told_lines(record) if line.text is not None]
    if told and not place.protected:
        shown = [_told(index, line, wanted) for index, line in enumerate(told)]
        return Lines(shown, Origin.SCORER, place.alert.events)
    sequence = next((each.feature for each in reasons if each.position is not None), None)
    placed = {each.position: each for each in reasons if each.feature == sequence}
    events, total = events_of_unit(place, sequence, [at for at in placed if at is not None])
    if not events or place.source is None:
        return Lines([], Origin.NOWHERE, place.alert.events)
    raw = {} if place.protected else _landed(place, place.source, events)
    shown = [
        _line(event, raw.get(_where(event)), wanted, placed.get(event.position)) for event in events
    ]
    return Lines(shown, Origin.PARSED if place.protected else Origin.LANDED, total)


def _told(index: int, line: ToldLine, wanted: Sequence[Term]) -> ShownLine:
    pieces = marked((line.text or "")[:MOST_CHARACTERS], wanted)
    return ShownLine(index, line.input, line.number, pieces, _rest(line.text or ""))


def _line(
    event: UnitEvent, raw: str | None, wanted: Sequence[Term], why: Reason | None
) -> ShownLine:
    text = raw if raw is not None else in_words(event.row)
    pieces = marked(text[:MOST_CHARACTERS], wanted)
    return ShownLine(event.row["_number"], *_where(event), pieces, _rest(text), why)


def _landed(
    place: Place, source: Source, events: Sequence[UnitEvent]
) -> dict[tuple[str, int], str]:
    """The raw lines of events, by file and number."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for event in events:
        file, number = _where(event)
        numbers[file].add(number)
    found: dict[tuple[str, int], str] = {}
    home = (place.settings.landing / place.alert.environment).resolve()
    for file, wanted in numbers.items():
        path = (place.settings.landing / file).resolve()
        if not path.is_relative_to(home) or not path.is_file():
            continue
        try:
            records = records_at(source, path, wanted, place.settings.max_line_bytes)
        except InputError:  # it went this very moment, or nobody may read it
            continue
        found |= {(file, number): text for number, text in records.items()}
    return found


def _where(event: UnitEvent) -> tuple[str, int]:
    return str(event.row["raw_file"]), int(event.row["raw_line"])


def _rest(text: str) -> int:
    return max(0, len(text) - MOST_CHARACTERS)
