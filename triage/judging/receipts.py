"""Receipts: of each verdict what it changed, as far as it has come.

    receipt = Receipts(desk.database).of(verdict_id)
    receipt.steps       # dataset, model, the gate's word, release, who serves it
    receipt.waits       # why there is no more; empty: it has arrived

See `triage.judging.progress` for where the steps come from.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from triage import schema
from triage.database import Database
from triage.judging.progress import Step, StepKind
from triage.records import Verdict, VerdictValue, current
from triage.rows import verdict_of
from whetstone.errors import InputError

_A = schema.alerts.c
_V = schema.verdicts.c
_T = schema.receipt_steps.c
_P = schema.receipts.c
_MOST_STEPS = 1_000


@dataclass(frozen=True)
class Learned:
    """How a golden dataset holds an alert as an example, thanks to a verdict.

    Attributes:
        label: what the example is called.
        split: `train` and `validation` teach, `verdicts` and `test` examine.
        gone: a later version no longer holds it.
    """

    dataset: str
    label: str
    split: str
    gone: bool


@dataclass(frozen=True)
class Receipt:
    """What became of a verdict.

    Attributes:
        detector, environment: of its alert.
        together: how many verdicts were given with it, itself among them.
        learned: how golden datasets hold it.
        steps: what was made from it, oldest first: of each detector all models up to the first
            that was released, then each environment that serves that one or a later one.
        waits: why there is no more yet; empty where a release was made from it.
    """

    verdict: Verdict
    detector: str
    environment: str
    together: int
    learned: tuple[Learned, ...]
    steps: tuple[Step, ...]
    waits: str

    @property
    def stage(self) -> str:
        """How far it has come, in a word: that of its last step, or `stored` or `retracted`."""
        if self.verdict.retracted is not None:
            return "retracted"
        order = list(StepKind)
        reached = max((order.index(step.kind) for step in self.steps), default=None)
        return "stored" if reached is None else str(order[reached])

    def as_dict(self) -> dict[str, Any]:
        """The receipt as plain values."""
        return {**asdict(self), "stage": self.stage}


@dataclass(frozen=True)
class ReceiptPage:
    """A page of receipts, and what to ask for the next; None: there is none."""

    receipts: list[Receipt]
    after: int | None


class Receipts:
    """The receipts in the database of the case store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, given_id: str) -> Receipt:
        """The receipt of a verdict, or of the first verdict of a batch.

        Raises:
            InputError: there is no such verdict.
        """
        wanted = or_(_V.verdict_id == given_id, _V.batch_id == given_id)
        with self._database.reading() as connection:
            query = select(schema.verdicts).where(wanted).order_by(_V.seq).limit(1)
            row = connection.execute(query).first()
            if row is None:
                raise InputError(f"no verdict {given_id!r}: /receipts lists the latest")
            return _receipt(connection, row)

    def latest(
        self,
        environments: Collection[str] | None = None,
        by: str | None = None,
        limit: int = 50,
        after: int | None = None,
    ) -> ReceiptPage:
        """The latest verdicts' receipts, newest first; of verdicts given together one.

        Args:
            environments: only of alerts there; None: everywhere.
            by: only of this analyst.
            limit: at most so many.
            after: `ReceiptPage.after` of the page before.
        """
        first = func.min(_V.seq)
        query = select(first).join(schema.alerts, _V.alert_id == _A.alert_id)
        if environments is not None:
            query = query.where(_A.environment.in_(environments))
        if by is not None:
            query = query.where(_V.by == by)
        query = query.group_by(func.coalesce(_V.batch_id, _V.verdict_id)).order_by(first.desc())
        if after is not None:
            query = query.having(first < after)
        with self._database.reading() as connection:
            seqs = connection.scalars(query.limit(limit)).all()
            rows = select(schema.verdicts).where(_V.seq.in_(seqs)).order_by(_V.seq.desc())
            found = [_receipt(connection, row) for row in connection.execute(rows)]
        return ReceiptPage(found, seqs[-1] if len(seqs) == limit else None)


def _receipt(connection: Connection, row: Row[Any]) -> Receipt:
    verdict = verdict_of(row)
    place = select(_A.detector, _A.environment).where(_A.alert_id == verdict.alert_id)
    detector, environment = connection.execute(place).one()
    kept = connection.execute(select(schema.receipts).where(_P.verdict_id == verdict.verdict_id))
    held = list(kept)
    steps = [step for each in held for step in _steps(connection, each)]
    steps += _gone(connection, held)
    learned = [
        Learned(each.dataset, each.label, each.split, each.gone is not None) for each in held
    ]
    together = 1
    if verdict.batch_id is not None:
        count = select(func.count()).where(_V.batch_id == verdict.batch_id)
        together = connection.scalar(count) or 1
    return Receipt(
        verdict,
        detector,
        environment,
        together,
        tuple(learned),
        tuple(sorted(steps, key=lambda step: step.seq)),
        _waits(connection, verdict, learned, steps),
    )


def _steps(connection: Connection, held: Row[Any]) -> Iterator[Step]:
    """The dataset that heard the verdict, and what was made from it up to the first release.

    What was made from it after it lost the verdict owes nothing to it.
    """
    learned = and_(_T.dataset == held.dataset, _T.learned_from >= held.heard)
    if held.gone is not None:
        learned = and_(learned, _T.learned_from < held.gone)
    query = select(schema.receipt_steps).where(or_(_T.seq == held.heard, learned))
    released: dict[str, Step] = {}
    for step in map(_step_of, connection.execute(query.order_by(_T.seq).limit(_MOST_STEPS))):
        if step.name not in released:
            yield step
        if step.kind is StepKind.RELEASE:
            released.setdefault(step.name, step)
    for release in released.values():
        yield from _served(connection, release)


def _served(connection: Connection, release: Step) -> Iterator[Step]:
    """When each environment had a release, or a later one in its place."""
    of_detector = _T.name == release.name
    later = select(_T.version).where(
        of_detector, _T.kind == StepKind.RELEASE, _T.seq >= release.seq
    )
    query = select(schema.receipt_steps).where(
        of_detector, _T.kind == StepKind.SERVED, _T.version.in_(later), _T.seq > release.seq
    )
    seen: set[str] = set()
    for step in map(_step_of, connection.execute(query.order_by(_T.seq))):
        if step.environment not in seen:
            seen.add(step.environment)
            yield step


def _gone(connection: Connection, held: Sequence[Row[Any]]) -> list[Step]:
    """The first versions of datasets that no longer hold it."""
    seqs = [each.gone for each in held if each.gone is not None]
    if not seqs:
        return []
    found = connection.execute(select(schema.receipt_steps).where(_T.seq.in_(seqs)))
    return [_step_of(row) for row in found]


def _waits(
    connection: Connection, verdict: Verdict, learned: Sequence[Learned], steps: Sequence[Step]
) -> str:
    if verdict.retracted is not None:
        return f"taken back by {verdict.retracted_by}: it counts no more"
    if any(step.kind is StepKind.RELEASE for step in steps):
        return ""
    if any(step.kind is StepKind.EVALUATION for step in steps):
        return "the gate refused what was made of it; the next model is made from it, too"
    if any(step.kind is StepKind.MODEL for step in steps):
        return "the gate has not spoken yet"
    if any(not each.gone for each in learned):
        return "no model has been trained from it yet: that follows the detector's cadence"
    if verdict.value is VerdictValue.UNSURE:
        return "who is unsure gives no label: nothing is learned from it"
    query = select(schema.verdicts).where(_V.alert_id == verdict.alert_id).order_by(_V.seq)
    standing = current(verdict_of(row) for row in connection.execute(query))
    if verdict.verdict_id not in {each.verdict_id for each in standing}:
        return f"{verdict.by} has said something else since"
    attack = {each.value is VerdictValue.TRUE_POSITIVE for each in standing if _sure(each)}
    if len(attack) > 1:
        return "analysts disagree on the alert: it is no label until they agree"
    return "the golden dataset has not been made anew yet, or found no events for the alert"


def _sure(verdict: Verdict) -> bool:
    return verdict.value is not VerdictValue.UNSURE


def _step_of(row: Row[Any]) -> Step:
    columns: dict[str, Any] = dict(row._mapping)
    del columns["learned_from"]
    columns["kind"] = StepKind(row.kind)
    return Step(**columns)


def in_words(step: Step, learned: Sequence[Learned] = ()) -> str:
    """A step as a line for people; no text of logs is in it."""
    detail = step.detail
    match step.kind:
        case StepKind.DATASET:
            held = next((each for each in learned if each.dataset == step.name), None)
            as_what = f" as {held.label} ({held.split})" if held else ""
            return f"golden dataset {step.name} version {step.version} holds it{as_what}"
        case StepKind.MODEL:
            return f"{step.name} was retrained: model {step.version}, because {step.cause}"
        case StepKind.EVALUATION:
            word = "passed" if detail.get("passed") else "refused"
            return f"the gate of {step.name} {word} model {step.version}"
        case StepKind.RELEASE:
            before = detail.get("replaces")
            return f"{step.name} {step.version} was released" + (
                f" in place of {before}" if before else ""
            )
        case StepKind.SERVED:
            return f"{step.environment} serves {step.name} {step.version}"


def happened(receipt: Receipt) -> list[tuple[datetime, str]]:
    """The receipt as lines for people, each with its time, oldest first."""
    verdict = receipt.verdict
    lines = [(verdict.at, f"{verdict.value.replace('_', ' ')} by {verdict.by} was stored")]
    gone = {step.seq for step in receipt.steps if _is_gone(step, receipt)}
    for step in receipt.steps:
        text = in_words(step, receipt.learned)
        if step.seq in gone:
            text = f"golden dataset {step.name} version {step.version} no longer holds it"
        lines.append((step.at, text))
    if verdict.retracted is not None:
        lines.append((verdict.retracted, f"{verdict.retracted_by} took it back"))
    return sorted(lines, key=lambda line: line[0])


def _is_gone(step: Step, receipt: Receipt) -> bool:
    """Whether a dataset's step is that by which it lost the verdict: the second of its name."""
    if step.kind is not StepKind.DATASET:
        return False
    first = next(s for s in receipt.steps if s.kind is step.kind and s.name == step.name)
    return first.seq != step.seq
