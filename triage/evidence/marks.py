"""Which parts of a raw line an explanation speaks of (pure).

A record of an explanation says what weighs, not where it stands in the line: it is looked for. What
is marked therefore stands there, word for word; that all of it is marked is not promised, because
features may count, compare or decode what the line holds.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triage.evidence.reasons import Reason

WHY, WHO = "reason", "subject"
_SHORTEST = 2
_SHORTEST_INSIDE = 4
_MOST_TERMS = 60


@dataclass(frozen=True)
class Term:
    """A text that is looked for.

    Attributes:
        text: it stands in the line like this, in small or capital letters.
        kind: `reason` (part of the explanation) or `subject` (value of the entity).
        feature: which feature, or which column of the entity, has it.
        inside: whether it counts inside a longer word, as a passage of a text does.
    """

    text: str
    kind: str
    feature: str
    inside: bool = False


@dataclass(frozen=True)
class Piece:
    """A piece of a line; pieces follow one another without a gap.

    Attributes:
        text: hostile.
        at: where it begins, in characters of the line.
        term: what it is marked as; None: it is not.
    """

    text: str
    at: int
    term: Term | None = None


def terms(reasons: Iterable[Reason], entity: Mapping[str, Any], one_event: bool) -> list[Term]:
    """What to look for.

    Args:
        reasons: only what adds to the score is looked for.
        entity: column to value.
        one_event: whether the unit is one event. Then numbers stand in its line, too; those of a
            window are counted over all lines, and would be found where they mean nothing.
    """
    found: dict[str, Term] = {}
    for reason in reasons:
        text = _text(reason.value, one_event)
        if reason.contribution > 0 and len(text) >= _SHORTEST:
            inside = reason.position is not None and len(text) >= _SHORTEST_INSIDE
            found.setdefault(text.casefold(), Term(text, WHY, reason.feature, inside))
    for name, value in entity.items():
        text = str(value)
        if value is not None and len(text) >= _SHORTEST and name != "raw_line":
            found.setdefault(text.casefold(), Term(text, WHO, name))
    # The longest first: where two begin at one place, the longer one says more.
    return sorted(found.values(), key=lambda term: -len(term.text))[:_MOST_TERMS]


def marked(line: str, wanted: Sequence[Term]) -> list[Piece]:
    """The line cut into pieces, those that a term stands in marked with it."""
    if not wanted:
        return [Piece(line, 0)]
    by_text = {term.text.casefold(): term for term in wanted}
    pieces: list[Piece] = []
    at = 0
    for found in _pattern(wanted).finditer(line):
        if found.start() > at:
            pieces.append(Piece(line[at : found.start()], at))
        term = by_text.get(found[0].casefold())
        pieces.append(Piece(found[0], found.start(), term))
        at = found.end()
    if at < len(line) or not pieces:
        pieces.append(Piece(line[at:], at))
    return pieces


def _text(value: float | str | None, one_event: bool) -> str:
    if isinstance(value, str):
        return value.strip()
    if value is None or isinstance(value, bool) or not one_event:
        return ""
    return f"{value:.0f}" if float(value).is_integer() else repr(value)


def _pattern(wanted: Sequence[Term]) -> re.Pattern[str]:
    return re.compile("|".join(map(_sought, wanted)), re.IGNORECASE)


def _sought(term: Term) -> str:
    exact = re.escape(term.text)
    if term.inside:
        return exact
    before = r"(?<!\w)" if re.match(r"\w", term.text) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", term.text) else ""
    return f"{before}{exact}{after}"
