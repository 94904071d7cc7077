"""Patterns that analysts confirmed again and again, and never found harmless."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import case, exists, func, select

from triage import schema
from triage.cases import CaseStore
from triage.queue import STANDING
from triage.records import Alert, VerdictValue
from triage.rows import alert_of

_A = schema.alerts.c
_V = schema.verdicts.c
_MOST_EXAMPLES = 200


@dataclass(frozen=True)
class StablePattern:
    """A pattern of a detector.

    Attributes:
        pattern: its key, as of `Alert.pattern`.
        environments: where it was confirmed, in order.
        examples: confirmed alerts, newest first, at most 200.
        confirmed: how many alerts were.
    """

    pattern: str
    detector: str
    environments: tuple[str, ...]
    examples: tuple[Alert, ...]
    confirmed: int


def stable_patterns(
    cases: CaseStore, within: Collection[str] | None, detector: str | None, confirmed: int
) -> list[StablePattern]:
    """The stable patterns, by detector and key.

    Args:
        within: verdicts of these environments count; None: of all.
        detector: only of this one.
        confirmed: so many alerts at least must be confirmed, and none be called harmless.
    """
    said = exists().where(_V.alert_id == _A.alert_id, STANDING)
    attack = said.where(_V.value == VerdictValue.TRUE_POSITIVE)
    harmless = said.where(_V.value.in_((VerdictValue.FALSE_POSITIVE, VerdictValue.BENIGN_EXPECTED)))
    query = (
        select(_A.detector, _A.pattern)
        .where(_A.pattern.is_not(None), said)
        .group_by(_A.detector, _A.pattern)
        .having(
            func.sum(case((attack, 1), else_=0)) >= confirmed,
            func.sum(case((harmless, 1), else_=0)) == 0,
        )
        .order_by(_A.detector, _A.pattern)
    )
    if within is not None:
        query = query.where(_A.environment.in_(within))
    if detector is not None:
        query = query.where(_A.detector == detector)
    with cases.database.reading() as connection:
        found = connection.execute(query).all()
    return [_stable(cases, within, row.detector, row.pattern) for row in found]


def _stable(
    cases: CaseStore, within: Collection[str] | None, detector: str, pattern: str
) -> StablePattern:
    attack = exists().where(
        _V.alert_id == _A.alert_id, STANDING, _V.value == VerdictValue.TRUE_POSITIVE
    )
    chosen = [_A.detector == detector, _A.pattern == pattern, attack]
    if within is not None:
        chosen.append(_A.environment.in_(within))
    newest = select(schema.alerts).where(*chosen).order_by(_A.event_timestamp.desc(), _A.alert_id)
    places = select(_A.environment).where(*chosen).distinct().order_by(_A.environment)
    count = select(func.count()).select_from(schema.alerts).where(*chosen)
    with cases.database.reading() as connection:
        rows = connection.execute(newest.limit(_MOST_EXAMPLES)).all()
        return StablePattern(
            pattern=pattern,
            detector=detector,
            environments=tuple(connection.scalars(places)),
            examples=tuple(alert_of(row, ()) for row in rows),
            confirmed=connection.scalar(count) or 0,
        )
