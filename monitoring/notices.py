"""What owners are told: that a detector went blunt, once, and that it is over (pure).

A condition stands as long as each look finds it; `triage.outbox` remembers which stand, so that a
week of drift is one notice and not seven. What a notice says comes from logs in part: `harmless`
takes from it whatever a chat, a mail header or a terminal would obey.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from monitoring.overview import Overview, Reason, Row
from monitoring.plain import plain

ANYBODY = "*"
"""Whom a notice reaches whose owners have no address of their own."""
DIGEST_FROM = 4
"""So many notices at once become one message."""
_MOST_LISTED = 40
_ALWAYS = ("gate", "suspects", "canaries", "blindness")
"""What is told though it be a warning only."""
_MARKUP = str.maketrans({"<": "‹", ">": "›", "@": "＠", "[": "(", "]": ")", "`": "'", "|": "¦"})
_EMPHASIS = re.compile(r"[*_~]{2,}|\*")


@dataclass(frozen=True)
class Condition:
    """Something that its owners should know.

    Attributes:
        subject: the detector, or the asset that fails.
        kind: what it is, such as `drift`; with the subject it says which condition this is.
        text: what was found.
        owners: who is told, as the catalog names them.
        link: where to read on; empty: nowhere.
    """

    subject: str
    kind: str
    text: str
    owners: Sequence[str] = ()
    link: str = ""


@dataclass(frozen=True)
class Notice:
    """A condition that began to stand, or is over."""

    subject: str
    kind: str
    text: str
    link: str = ""
    over: bool = False


@dataclass(frozen=True)
class Message:
    """What is sent: one line, and text."""

    title: str
    body: str


def conditions(overview: Overview, reports_url: str) -> list[Condition]:
    """What the detectors' owners should know, of what the overview shows."""
    return [
        Condition(
            row.detector, reason.about, reason.text, row.owners, _link(row, reason, reports_url)
        )
        for row in overview.rows
        for reason in _told(row)
    ]


def addresses(owners: Iterable[str], known: Mapping[str, Sequence[object]]) -> list[str]:
    """Who of `known` is told: the owners that have an address, or else whoever stands for anybody.

    An address is `<owner>#<place in the owner's list>`: what it is stands in the settings only.
    """
    named = [owner for owner in dict.fromkeys(owners) if known.get(owner)]
    chosen = named or ([ANYBODY] if known.get(ANYBODY) else [])
    return [f"{owner}#{place}" for owner in chosen for place in range(len(known[owner]))]


def messages(notices: Sequence[Notice]) -> list[tuple[Message, Sequence[Notice]]]:
    """What is sent to one address: each notice by itself, or one digest of many."""
    if len(notices) < DIGEST_FROM:
        return [(_single(notice), (notice,)) for notice in notices]
    return [(_digest(notices), tuple(notices))]


def harmless(text: str, most: int = 500) -> str:
    """Text of logs that calls nobody, links nowhere and formats nothing.

    One line; no control characters and no turned direction; no mentions (`<!channel>`, `@here`),
    links (`[x](url)`, `scheme://`) or emphasis.
    """
    shown = plain(text, most).translate(_MARKUP)
    return _EMPHASIS.sub("", shown).replace("://", " :// ")


def _told(row: Row) -> list[Reason]:
    found: dict[str, Reason] = {}
    for reason in row.reasons:  # the worst first
        if reason.level == "bad" or reason.about in _ALWAYS:
            found.setdefault(reason.about, reason)
    return list(found.values())


def _link(row: Row, reason: Reason, reports_url: str) -> str:
    report = row.drift_report if reason.about == "drift" else row.quality_report
    return f"{reports_url.rstrip('/')}/{report.path if report else 'overview.html'}"


def _single(notice: Notice) -> Message:
    lines = [harmless(notice.text), *([notice.link] if notice.link else [])]
    return Message(_title(notice), "\n".join(lines))


def _title(notice: Notice) -> str:
    what = f"{harmless(notice.subject, 100)}: {harmless(notice.kind, 60)}"
    return f"Whetstone: {what} is over" if notice.over else f"Whetstone: {what}"


def _digest(notices: Sequence[Notice]) -> Message:
    began = sum(not notice.over for notice in notices)
    over = f", {len(notices) - began} over" if began < len(notices) else ""
    lines = [_in_a_line(notice) for notice in notices[:_MOST_LISTED]]
    if len(notices) > _MOST_LISTED:
        lines.append(f"and {len(notices) - _MOST_LISTED} more: see the overview")
    return Message(f"Whetstone: {began} new notices{over}", "\n".join(lines))


def _in_a_line(notice: Notice) -> str:
    what = f"{harmless(notice.subject, 100)}: {harmless(notice.kind, 60)}"
    link = f" {notice.link}" if notice.link else ""
    return f"- {what} is over" if notice.over else f"- {what}: {harmless(notice.text, 160)}{link}"
