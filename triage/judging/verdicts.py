"""Verdicts on their way into the case store, each inside a transaction."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Connection, null, select

from triage import schema
from triage.records import REASONS, Verdict, VerdictValue
from triage.rows import verdict_of
from triage.texts import checked_text
from whetstone.errors import InputError

_A = schema.alerts.c
_V = schema.verdicts.c
_SPAN = ("line", "start", "end")
_FARTHEST = 10**9


@dataclass(frozen=True)
class Said:
    """What an analyst says, whatever it is about.

    Attributes:
        value: the verdict.
        reason: why, a word of `REASONS[value]`; None: not said.
        note: why, in the analyst's words.
        span: which part of the raw lines tells it: `line` counts them from 0, `start` and `end`
            its characters; None: not said.
    """

    value: VerdictValue
    reason: str | None = None
    note: str = ""
    span: Mapping[str, int] | None = None

    @staticmethod
    def checked(value: str, reason: str | None = None, note: str = "", span: Any = None) -> "Said":
        """What was said, as it came from outside.

        Args:
            value: one of `VerdictValue`.
            reason: a word of `REASONS`, or nothing.
            note: at most 10,000 characters.
            span: a mapping, or text of JSON, or nothing.

        Raises:
            InputError: one of them is wrong; the message names it.
        """
        word = _value(value)
        if reason and reason not in REASONS[word]:
            raise InputError(f"reason {reason!r}: of {word} one of {', '.join(REASONS[word])}")
        note = checked_text("note", note, 10_000, required=False)
        return Said(word, reason or None, note, _span(span))

    def on(self, alert_id: str, by: str, verdict_id: str | None, batch_id: str | None) -> Verdict:
        """The verdict on an alert as it would be stored now.

        Raises:
            InputError: the analyst has no name, or one of the ids cannot be stored.
        """
        for name, given in (("verdict_id", verdict_id), ("batch_id", batch_id)):
            if given is not None:
                checked_text(name, given, 200, required=True)
        return Verdict(
            verdict_id=verdict_id or uuid.uuid4().hex,
            alert_id=alert_id,
            value=self.value,
            by=checked_text("by", by.strip(), 200, required=True),
            at=datetime.now(UTC).replace(tzinfo=None),
            note=self.note,
            reason=self.reason,
            span=None if self.span is None else dict(self.span),
            batch_id=batch_id,
        )


def store_verdict(connection: Connection, wanted: Verdict) -> tuple[Verdict, bool]:
    """Store a verdict; returns it, or the one that says the same already, and whether it is new.

    The transaction must be `Alone.DESK`.

    Raises:
        InputError: there is no such alert, or the id belongs to a different verdict.
    """
    alert = select(_A.alert_id).where(_A.alert_id == wanted.alert_id)
    if connection.execute(alert).first() is None:
        raise InputError(f"no alert {wanted.alert_id!r}: give the full id of an existing alert")
    same_id = select(schema.verdicts).where(_V.verdict_id == wanted.verdict_id)
    for row in connection.execute(same_id):
        stored = verdict_of(row)
        if (stored.alert_id, stored.value, stored.by) != (wanted.alert_id, wanted.value, wanted.by):
            # Whose it is, and on which alert, may be nothing that who asks may see.
            raise InputError(
                f"verdict_id {wanted.verdict_id!r}: another verdict has it;"
                " a new verdict needs a new id"
            )
        return stored, False
    before = _latest(connection, wanted)
    if before is not None and _says_no_more(wanted, before):
        return before, False
    row = asdict(wanted)
    # JSON's null would be text in the column.
    row["span"] = null() if wanted.span is None else wanted.span
    connection.execute(schema.verdicts.insert().values(row))
    return wanted, True


def _latest(connection: Connection, wanted: Verdict) -> Verdict | None:
    """What this analyst said last of this alert, and still says."""
    query = (
        select(schema.verdicts)
        .where(_V.alert_id == wanted.alert_id, _V.by == wanted.by, _V.retracted.is_(None))
        .order_by(_V.seq.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else verdict_of(row)


def _says_no_more(wanted: Verdict, before: Verdict) -> bool:
    if before.batch_id is not None and wanted.batch_id is None:
        # Whoever judged many at once has now looked at this one.
        return False
    return wanted.value == before.value and all(
        not new or new == old
        for new, old in (
            (wanted.reason, before.reason),
            (wanted.note, before.note),
            (wanted.span, before.span),
        )
    )


def _value(value: str) -> VerdictValue:
    try:
        return VerdictValue(value)
    except ValueError:
        raise InputError(f"verdict {value!r}: one of {', '.join(VerdictValue)}") from None


def _span(given: Any) -> dict[str, int] | None:
    if given is None or given == "":
        return None
    if isinstance(given, str):
        try:
            given = json.loads(given[:1_000])
        except ValueError:
            given = None
    if isinstance(given, Mapping):
        parts = cast("Mapping[Any, Any]", given)
        whole = all(type(n) is int and 0 <= n <= _FARTHEST for n in parts.values())
        if set(parts) == set(_SPAN) and whole and parts["start"] < parts["end"]:
            return {name: parts[name] for name in _SPAN}
    raise InputError(
        'span: {"line": 0, "start": 0, "end": 8}, the number of a line and characters of it'
    )
