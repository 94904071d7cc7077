"""The case store: every alert, every verdict.

What a caller may rely on:

1. `give_verdict` returns after the verdict is on disk (SQLite in WAL mode with a sync at each
   commit, or Postgres). A verdict that was acknowledged is never lost and never counted twice.
2. `replace_alerts` is how a day's scores enter; running a day again changes nothing, and no
   verdict is ever dropped because a later model stays silent.
3. `take_records` is how scorers' alerts enter; records that come twice or out of order leave what
   their highest revision says. Found by both, an alert is one; see `triage.scorers`.
4. A trigger or a pause that was acknowledged is on disk as a verdict is.
5. Any number of processes may read and write at once.

    store = CaseStore("sqlite:///cases.db")
    store.replace_alerts(day, "ssh_bruteforce", alerts)
    store.give_verdict(store.alert("3fa9").alert_id, "true_positive", by="ada")
    store.decisions(["ssh_bruteforce"])
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import and_, func, not_, select, update

from triage import schema, scorers, subjects
from triage.arriving import row_of, store_found
from triage.counting import counted
from triage.database import Alone, Database
from triage.exchange.changes import tell_opened
from triage.incoming import Incoming, Role
from triage.judging.judgements import Judgements
from triage.judging.suspending import forget
from triage.judging.verdicts import Said
from triage.pauses import Pause, end_pause, read_pauses, store_pause
from triage.queue import (
    GROWS,
    JUDGED,
    NEWEST_FIRST,
    NO_PROBE,
    STANDING,
    STATES,
    behind,
    refresh,
    weigh,
)
from triage.records import (
    ERASED,
    Alert,
    Counts,
    Decision,
    State,
    Verdict,
    decide,
    fingerprint,
)
from triage.rows import utc, verdict_of
from triage.scorers import Scorer, Taken
from triage.shadow import ShadowRecords, newest_day, read_shadow
from triage.stored import stored_alerts
from triage.triggers import (
    Trigger,
    fingerprint_of,
    newest_triggers,
    store_triggers,
    trigger_of,
)
from whetstone.catalog.catalog_pb2 import Environment
from whetstone.errors import InputError

_A = schema.alerts.c
_V = schema.verdicts.c


class CaseStore:
    """Alerts and verdicts of all environments, in SQLite or Postgres.

    Args:
        url: SQLAlchemy URL. Tables are created if they do not exist.

    Raises:
        InputError: The URL is neither SQLite nor Postgres.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)

    def close(self) -> None:
        """Close all connections; the store opens new ones when used again."""
        self.database.close()

    def replace_alerts(self, day: date, detector: str, alerts: Sequence[Alert]) -> None:
        """Make `alerts` the alerts that the batch of `day` finds by `detector`, in one transaction.

        Alerts of that day and detector that no longer fire are withdrawn unless they carry a
        verdict or a scorer finds them; they come back when they fire again.

        Raises:
            InputError: An alert is of another detector, has no number for a score, or comes twice.
        """
        rows = [row_of(alert, day, detector) for alert in alerts]
        if len({row["alert_id"] for row in rows}) < len(rows):
            raise InputError(f"alerts of {detector} on {day}: an alert_id comes twice")
        of_day = and_(_A.day == day, _A.detector == detector)
        with self.database.writing(Alone.DESK) as connection:
            known = connection.scalars(select(_A.alert_id).where(of_day)).all()
            connection.execute(update(schema.alerts).where(of_day).values(firing=False))
            store_found(connection, rows)
            scorers.settle_day(connection, day, detector)
            touched = {*known, *(str(row["alert_id"]) for row in rows)}
            refresh(connection, touched)
            tell_opened(connection, of_day)

    def alerts(
        self,
        environment: str | None = None,
        detector: str | None = None,
        state: State | None = None,
        limit: int = 100,
        after: str | None = None,
        within: Collection[str] | None = None,
        days: tuple[date, date] | None = None,
    ) -> list[Alert]:
        """The alerts, probes left out: newest day first, within a day the highest score first.

        Args:
            environment: only its alerts.
            detector: only its alerts.
            state: only alerts in it.
            limit: at most so many.
            after: id of the last alert of the page before; the next page begins behind it.
            within: only alerts of these environments; None: of any.
            days: only alerts from the first to the last of them, both included.

        Raises:
            InputError: no such state; no alert of the id `after`.
        """
        if state is not None and state not in STATES:
            raise InputError(f"state {state!r}: one of {', '.join(STATES)}")
        query = select(schema.alerts).where(NO_PROBE).order_by(*NEWEST_FIRST).limit(limit)
        if environment is not None:
            query = query.where(_A.environment == environment)
        if detector is not None:
            query = query.where(_A.detector == detector)
        if state is not None:
            query = query.where(STATES[state])
        if within is not None:
            query = query.where(_A.environment.in_(within))
        if days is not None:
            query = query.where(_A.day.between(*days))
        with self.database.reading() as connection:
            if after is not None:
                query = query.where(behind(connection, after))
            return stored_alerts(connection, query)

    def alert(self, alert_id: str) -> Alert:
        """The alert of this id, or the only one whose id starts with it.

        Raises:
            InputError: None or several do; the message names candidates.
        """
        with self.database.reading() as connection:
            found = stored_alerts(connection, select(schema.alerts).where(_A.alert_id == alert_id))
            if found:
                return found[0]
            prefixed = func.substr(_A.alert_id, 1, len(alert_id)) == alert_id
            query = select(schema.alerts).order_by(*NEWEST_FIRST).limit(6)
            found = stored_alerts(connection, query.where(prefixed)) if alert_id else []
            if len(found) == 1:
                return found[0]
            candidates = _named(found or stored_alerts(connection, query))
        if found:
            raise InputError(f"several alerts start with {alert_id!r}: {candidates}")
        raise InputError(f"no alert {alert_id!r}; the newest are: {candidates or 'none at all'}")

    def give_verdict(
        self, alert_id: str, value: str, by: str, note: str = "", verdict_id: str | None = None
    ) -> Verdict:
        """Store a verdict durably and return it.

        A `verdict_id` that is already stored, or the value that this analyst's latest verdict on
        this alert has, stores nothing and returns the first. Another value supersedes the
        analyst's earlier one, which stays in the history. More is said with
        `triage.judging.judgements`.

        Args:
            alert_id: The full id.
            value: One of `VerdictValue`.
            by: Who gives it.
            note: Why.
            verdict_id: Sent again when a request is repeated; drawn at random if not given.

        Raises:
            InputError: No such alert, value or analyst; or the verdict_id belongs to a different
                verdict.
        """
        said = Said.checked(value, note=note)
        return Judgements(self.database).give(alert_id, said, by, verdict_id)

    def verdicts(self, detector: str | None = None, since: datetime | None = None) -> list[Verdict]:
        """All verdicts that stand, superseded ones too, oldest first; `since` is included.

        What was taken back is not among them: `Judgements.history` tells of it.
        """
        query = select(schema.verdicts).where(STANDING).order_by(_V.seq)
        if detector is not None:
            query = query.join(schema.alerts).where(_A.detector == detector)
        if since is not None:
            query = query.where(_V.at >= utc(since))
        with self.database.reading() as connection:
            return [verdict_of(row) for row in connection.execute(query)]

    def decisions(self, detectors: Sequence[str], without: Collection[str] = ()) -> list[Decision]:
        """What analysts decided on these detectors' alerts, in order of time and id.

        Each analyst's latest verdict counts once; those of the names in `without` do not count.
        Conflicts are among them, with no value. An alert on a unit that still grows is not: what it
        will have been is not known yet.
        """
        query = (
            select(schema.alerts)
            .where(_A.detector.in_(set(detectors)), JUDGED, not_(GROWS))
            .order_by(_A.event_timestamp, _A.alert_id)
        )
        with self.database.reading() as connection:
            judged = stored_alerts(connection, query)
        decided = (decide(alert, without) for alert in judged if alert.unit != ERASED)
        return [decision for decision in decided if decision is not None]

    def verdict_fingerprint(self, detectors: Sequence[str], without: Collection[str] = ()) -> str:
        """Hash of these decisions: equal as long as training would learn the same."""
        return fingerprint(self.decisions(detectors, without))

    def find_subject(self, environment: str, values: Collection[str]) -> list[Alert]:
        """The alerts of an environment that are about one of these values.

        Among them are those of challengers and canaries, which no analyst sees.
        """
        query = select(schema.alerts).where(_A.environment == environment).order_by(_A.alert_id)
        with self.database.reading() as connection:
            found = stored_alerts(connection, query)
            told = subjects.named(connection, environment, values)
        ids = {alert.alert_id for alert in told}
        queue = [a for a in found if a.alert_id in ids or set(values) & set(a.entity.values())]
        known = {alert.alert_id for alert in found}
        hidden = {alert.alert_id: alert for alert in told if alert.alert_id not in known}
        return [*queue, *hidden.values()]

    def erase(self, alert_ids: Sequence[str]) -> None:
        """Erase what alerts and verdicts on them say of somebody, for ever.

        They stay in the history, without entity, explanation and notes; what analysts decided on
        them counts no more, because nothing is left that could be learned from.
        """
        with self.database.writing(Alone.DESK) as connection:
            subjects.erase(connection, alert_ids)
            refresh(connection, alert_ids)

    def scrub(self, environment: str, values: Collection[str]) -> int:
        """Take these values out of what scorers sent beside alerts on others; of how many records.

        Their context and the text of their lines go; notices that tell of the values go whole.
        Allow rules that name them are about nothing any more.
        """
        with self.database.writing(Alone.DESK) as connection:
            refresh(connection, forget(connection, environment, values))
            return subjects.scrub(connection, environment, values)

    def weigh(self, environments: Mapping[str, Environment]) -> None:
        """Make assets weigh in the queue what the catalog's environments say."""
        with self.database.writing(Alone.DESK) as connection:
            weigh(connection, environments)

    def counts(self, environment: str | None = None, detector: str | None = None) -> Counts:
        """How many alerts are in which state, and how many current verdicts of which value.

        Probes are no alerts, and verdicts on them are not counted.
        """
        with self.database.reading() as connection:
            return counted(connection, environment, detector)

    def take_records(self, sent: Sequence[Incoming]) -> Taken:
        """Store what scorers report, all of it or nothing, and return how much of it was new.

        Alerts of champions enter the queue; those of challengers, on canaries, and notices do not.

        Raises:
            InputError: a record bears the id of one of another environment or detector.
        """
        with self.database.writing(Alone.DESK) as connection:
            return scorers.take(connection, sent)

    def records(
        self,
        role: Role,
        environment: str | None = None,
        detector: str | None = None,
        limit: int = 100,
        within: Collection[str] | None = None,
        after: str | None = None,
    ) -> list[dict[str, Any]]:
        """What scorers reported in a role, newest first; the text in it is hostile.

        Args:
            within: only of these environments; None: of any.
            after: id of the last record of the page before; the next page begins behind it.

        Raises:
            InputError: no record of the id `after`.
        """
        wanted = {environment} if environment is not None else within
        with self.database.reading() as connection:
            return scorers.listed(connection, role, wanted, detector, limit, after)

    def record(self, alert_id: str) -> dict[str, Any] | None:
        """What a scorer said last of an alert, with lines and context; None if none ever did."""
        with self.database.reading() as connection:
            return scorers.record_of(connection, alert_id)

    def raised(self, detector: str) -> dict[str, datetime]:
        """When scorers first told of alerts of a detector's champion, by the platform's clock."""
        with self.database.reading() as connection:
            return scorers.raised(connection, detector)

    def hear(self, environment: str, name: str, digest: dict[str, Any]) -> None:
        """A scorer tells of itself: that it lives, what it runs, how it does."""
        with self.database.writing() as connection:
            scorers.heard(connection, environment, name, digest)

    def scorers(self) -> list[Scorer]:
        """All scorers that were ever heard of, by environment and name."""
        with self.database.reading() as connection:
            return scorers.scorers(connection)

    def record_counts(self) -> dict[str, int]:
        """How many records of each role are kept."""
        with self.database.reading() as connection:
            return scorers.counted(connection)

    def shadow(self, detector: str, version: str) -> ShadowRecords | None:
        """What a challenger said in shadow, beside its champion; None where it never was."""
        with self.database.reading() as connection:
            return read_shadow(connection, detector, version)

    def newest_shadow_day(self, detector: str) -> str:
        """The last day on which a challenger of a detector said anything; empty: none ever did."""
        with self.database.reading() as connection:
            return newest_day(connection, detector)

    def add_triggers(self, triggers: Sequence[Trigger]) -> list[Trigger]:
        """Store these calls for retrainings durably; returns those that were new."""
        with self.database.writing(Alone.RETRAINING) as connection:
            return store_triggers(connection, triggers)

    def triggers(self, detector: str | None = None, limit: int = 100) -> list[Trigger]:
        """What was called for, newest first."""
        with self.database.reading() as connection:
            found = connection.execute(newest_triggers(detector, limit))
            return [trigger_of(row) for row in found]

    def trigger_fingerprint(self, detectors: Sequence[str]) -> str:
        """Hash of what was ever called for; it changes with each new trigger of theirs."""
        with self.database.reading() as connection:
            return fingerprint_of(connection, detectors)

    def pause(self, detector: str, by: str, reason: str, until: datetime | None = None) -> Pause:
        """Neither retrain nor release a detector (`*`: any) until then, or until it is resumed."""
        with self.database.writing(Alone.RETRAINING) as connection:
            return store_pause(connection, detector, by, reason, until)

    def resume(self, detector: str, by: str) -> Pause:
        """End the pause of a detector (`*`: the one of all); InputError: there is none."""
        with self.database.writing(Alone.RETRAINING) as connection:
            return end_pause(connection, detector, by)

    def pauses(self, now: datetime | None = None) -> list[Pause]:
        """The pauses in force."""
        with self.database.reading() as connection:
            return read_pauses(connection, now or datetime.now(UTC))


def _named(alerts: Iterable[Alert]) -> str:
    return ", ".join(f"{a.alert_id} ({a.detector}, {a.environment}, {a.unit})" for a in alerts)
