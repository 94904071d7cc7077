"""What is made from verdicts, noted as it is made: the ground on which receipts stand.

Manifests in the lake tell of the newest only, so each version is written down once it is seen: by
the step that made it, by the heartbeat of the scorer that serves it, and by whoever looks at a
receipt. To see something twice changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

import pyarrow.parquet as pq
from sqlalchemy import Connection, and_, func, select, update

from triage import schema
from triage.database import Alone, Database, alone
from triage.exchange.changes import EVERYWHERE, Change, ChangeKind, tell
from triage.records import VerdictValue, current
from triage.rows import verdict_of
from triage.statements import dialect_of
from whetstone.lake import Lake, Manifest, Place
from whetstone.root_causes import root_changes

_T = schema.receipt_steps.c
_P = schema.receipts.c
_V = schema.verdicts.c
_ONCE = ("name", "kind", "version", "environment", "at")
_ORIGIN = "verdict:"
_AT_ONCE = 5_000
_TOLD_CAUSES = 3
_COMPARED = ("average_precision", "balanced_accuracy", "share_right")


class StepKind(StrEnum):
    """What can be made from verdicts, in this order."""

    DATASET = "dataset"
    MODEL = "model"
    EVALUATION = "evaluation"
    RELEASE = "release"
    SERVED = "served"


@dataclass(frozen=True)
class Step:
    """Something that was made from verdicts, or where it arrived.

    Attributes:
        name: the golden dataset of a `dataset`, else the detector.
        dataset: the golden dataset that it comes from; empty where it is served.
        version: of the dataset, or of the model.
        at: when, UTC.
        environment: that serves it; else empty.
        cause: what began the chain of changes that ended in it, or what its run was told.
        detail: what more there is to say, see `_steps`.
        seq: its place among all steps; 0 before it is stored.
    """

    kind: StepKind
    name: str
    dataset: str
    version: str
    at: datetime
    environment: str = ""
    cause: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seq: int = 0


def note_progress(database: Database, lake: Lake, dataset: str, detectors: Sequence[str]) -> None:
    """Write down how far a golden dataset and the detectors that learn from it have come.

    Args:
        dataset: the golden dataset.
        detectors: that learn from it.
    """
    made = lake.manifest(Place("golden", dataset))
    if made is None:
        return
    held = _dataset_step(dataset, made)
    steps = [held, *(s for name in detectors for s in _steps(lake, name, dataset))]
    with database.reading() as connection:
        new = [step for step in steps if not _is_known(connection, step)]
    if not new:
        return
    labels = _labels(lake, dataset) if held in new else {}
    told = [replace(step, cause=_because(lake, step)) for step in new]
    with database.writing(Alone.RECEIPTS) as connection:
        if lake.manifest(Place("golden", dataset)) != made:
            # Whoever has replaced it will note it.
            return
        for step in told:
            _note(connection, step, labels)


def note_served(
    connection: Connection, environment: str, digest: Mapping[str, Any], at: datetime
) -> None:
    """Write down which releases a scorer says that it serves; its digest is hostile."""
    served = {
        (told["detector"], told["version"])
        for told in _dicts(digest.get("releases"))
        if told.get("role") == "champion"
        and isinstance(told.get("detector"), str)
        and isinstance(told.get("version"), str)
    }
    if not _new_to(connection, environment, served):
        return
    alone(connection, Alone.RECEIPTS)
    for name, version in sorted(_new_to(connection, environment, served)):
        _note(connection, Step(StepKind.SERVED, name, "", version, at, environment), {})


def _new_to(
    connection: Connection, environment: str, served: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Those of these releases that are ours, and that an environment has not served yet."""
    names = [detector for detector, _ in served]
    known = connection.execute(
        select(_T.name, _T.version).where(_T.name.in_(names), _T.kind == StepKind.RELEASE)
    )
    ours = {(row.name, row.version) for row in known} & served
    told = connection.execute(
        select(_T.name, _T.version).where(
            _T.name.in_(names), _T.kind == StepKind.SERVED, _T.environment == environment
        )
    )
    return ours - {(row.name, row.version) for row in told}


def _steps(lake: Lake, detector: str, dataset: str) -> Iterator[Step]:
    """What there is of a detector, each with what it was made from."""
    examples = lake.manifest(Place("training_set", detector))
    model = lake.manifest(Place("model", detector))
    judged = lake.manifest(Place("evaluation", detector))
    release = lake.manifest(Place("release", detector))
    if examples and model and model.inputs.get(f"training_set/{detector}") == examples.version:
        source = {"source": examples.inputs.get(f"golden/{dataset}")}
        yield _step(StepKind.MODEL, detector, dataset, model, source)
    if judged:
        found = _step(StepKind.EVALUATION, detector, dataset, judged, _judgement(judged.facts))
        yield replace(found, version=judged.facts["challenger"])
    if release:
        same = judged and judged.facts["challenger"] == release.version
        before = {"replaces": judged.facts.get("champion")} if judged and same else {}
        yield _step(StepKind.RELEASE, detector, dataset, release, before)


def _step(
    kind: StepKind, name: str, dataset: str, made: Manifest, detail: Mapping[str, Any]
) -> Step:
    at = datetime.fromisoformat(made.made_at)
    at = at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    return Step(kind, name, dataset, made.version, at, cause=made.cause, detail=detail)


def _because(lake: Lake, step: Step) -> str:
    """What began the chain of changes at whose end a step's version was made."""
    layer = "golden" if step.kind is StepKind.DATASET else step.kind
    changes = root_changes(lake, f"{layer}/{step.name}")
    if changes is None:
        return step.cause
    if not changes:
        return "there was none before"
    more = f"; and {len(changes) - _TOLD_CAUSES} more" if len(changes) > _TOLD_CAUSES else ""
    return "; ".join(change.brief for change in changes[:_TOLD_CAUSES]) + more


def _judgement(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The gate's word; what the new model and the champion reach on what both are tested on."""
    numbers = facts.get("numbers") or {}
    budget = numbers.get("budget") or {}
    compared = {
        measure: {"before": found.get("champion"), "after": found.get("challenger")}
        for measure, found in (numbers.get("core") or {}).items()
        if measure in _COMPARED
    }
    if not compared and numbers.get("average_precision") is not None:
        compared["average_precision"] = {"before": None, "after": numbers["average_precision"]}
    rate = {"before": budget.get("champion_rate"), "after": budget.get("rate")}
    return {
        "passed": facts.get("gate") == "passed",
        "reasons": list(facts.get("reasons", [])),
        "refusals": list(facts.get("refusals", [])),
        "champion": facts.get("champion"),
        "metrics": {**compared, "false_positive_rate": rate},
    }


def _dataset_step(dataset: str, made: Manifest) -> Step:
    kept = ("examples", "conflicts")
    facts = {name: made.facts[name] for name in kept if name in made.facts}
    detail = {**facts, "before": (made.before or {}).get("version")}
    return _step(StepKind.DATASET, dataset, dataset, made, detail)


def _labels(lake: Lake, dataset: str) -> dict[str, tuple[str, str]]:
    """The verdicts that examples come from: verdict_id -> label and split."""
    table = pq.read_table(lake.part(Place("golden", dataset)), columns=["origin", "label", "split"])
    return {
        row["origin"].removeprefix(_ORIGIN): (row["label"], row["split"])
        for row in table.to_pylist()
        if row["origin"].startswith(_ORIGIN)
    }


def _hear(
    connection: Connection, dataset: str, seq: int, labels: Mapping[str, tuple[str, str]]
) -> None:
    """Note which verdicts a dataset hears from a step on, and which no longer.

    An example names the last of the verdicts that made it; those that say the same of the alert
    are heard with it.
    """
    known = select(_P.verdict_id, _P.gone).where(_P.dataset == dataset)
    before = {row.verdict_id: row.gone for row in connection.execute(known)}
    heard: dict[str, tuple[str, str]] = {}
    for ids in _portions(sorted(labels)):
        heard |= _agreeing(connection, ids, labels)
    rows = [
        {"verdict_id": verdict_id, "dataset": dataset, "heard": seq, "label": label, "split": split}
        for verdict_id, (label, split) in heard.items()
        if verdict_id not in before
    ]
    if rows:
        connection.execute(schema.receipts.insert(), rows)
    left = [v for v, gone in before.items() if gone is None and v not in heard]
    back = [v for v, gone in before.items() if gone is not None and v in heard]
    for ids, gone in ((left, seq), (back, None)):
        for some in _portions(ids):
            these = and_(_P.dataset == dataset, _P.verdict_id.in_(some))
            connection.execute(update(schema.receipts).where(these).values(gone=gone))


def _agreeing(
    connection: Connection, ids: Sequence[str], labels: Mapping[str, tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    alerts = select(_V.alert_id).where(_V.verdict_id.in_(ids))
    query = select(schema.verdicts).where(_V.alert_id.in_(alerts)).order_by(_V.seq)
    given = [verdict_of(row) for row in connection.execute(query)]
    last = {v.alert_id: (place, v) for place, v in enumerate(given) if v.verdict_id in labels}
    found: dict[str, tuple[str, str]] = {}
    standing = {v.verdict_id for v in current(given)}
    for place, verdict in enumerate(given):
        at, named = last[verdict.alert_id]
        same = _attack(verdict.value) is not None and _attack(verdict.value) == _attack(named.value)
        if same and place <= at and verdict.verdict_id in standing:
            found[verdict.verdict_id] = labels[named.verdict_id]
    return found


def _attack(value: VerdictValue) -> bool | None:
    return None if value is VerdictValue.UNSURE else value is VerdictValue.TRUE_POSITIVE


def _is_known(connection: Connection, step: Step) -> bool:
    these = and_(*(_T[name] == getattr(step, name) for name in _ONCE))
    return connection.execute(select(_T.seq).where(these)).first() is not None


def _note(connection: Connection, step: Step, labels: Mapping[str, tuple[str, str]]) -> None:
    """Store a step, and what follows from it; of what nobody knows the source, nothing follows."""
    learned_from = _source(connection, step)
    if learned_from is None and step.kind not in (StepKind.DATASET, StepKind.SERVED):
        return
    row = {**vars(step), "learned_from": learned_from}
    del row["seq"]
    insert = dialect_of(connection).insert(schema.receipt_steps).on_conflict_do_nothing()
    seq = connection.execute(insert.values(row).returning(_T.seq)).scalar()
    if seq is None:
        return
    if step.kind is StepKind.DATASET:
        _hear(connection, step.name, seq, labels)
    if step.kind is StepKind.RELEASE:
        told = {"version": step.version}
        published = ChangeKind.RELEASE_PUBLISHED
        tell(connection, [Change(published, EVERYWHERE, step.name, step.version, told)])


def _source(connection: Connection, step: Step) -> int | None:
    """The step of the dataset from which something was made."""
    newest = select(func.max(_T.seq)).where(_T.dataset == step.dataset)
    match step.kind:
        case StepKind.MODEL:
            of = and_(_T.kind == StepKind.DATASET, _T.version == step.detail["source"])
            return connection.scalar(newest.where(of))
        case StepKind.EVALUATION | StepKind.RELEASE:
            model = and_(_T.kind == StepKind.MODEL, _T.version == step.version)
            sources = select(_T.learned_from).where(_T.name == step.name, model)
            return connection.scalar(sources.order_by(_T.seq.desc()).limit(1))
        case _:
            return None


def _portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[first : first + _AT_ONCE] for first in range(0, len(ids), _AT_ONCE))


def _dicts(value: Any) -> list[dict[Any, Any]]:
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[Any, Any]", each) for each in listed if isinstance(each, dict)]
