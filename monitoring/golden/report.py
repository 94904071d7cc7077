"""A `GoldenResult` as an Evidently report: the page, the snapshot, the dashboard over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from evidently.legacy.model.widget import BaseWidgetInfo

from monitoring import widgets, workspace
from monitoring.drift.columns import percent
from monitoring.golden import AGES, LISTED, GoldenResult, Reuse
from monitoring.golden.metrics import (
    Examples,
    LabelNoiseShare,
    RepeatedShare,
    StaleShare,
    TestDecisions,
)
from monitoring.metrics import CarriedMetric, Number, NumbersReport
from monitoring.page import Banner, write
from monitoring.workspace import Line, Panel, Rendered
from whetstone.reports import read_name, report_name

_KINDS = {
    "contributor": "By contributor",
    "environment": "By environment (a contribution is one)",
    "origin": "By origin",
    "age": "By age, counted from production's newest event",
}
_PARTS = 30
_LINE_END = " ⏎ "


def render(
    result: GoldenResult,
    lines: Mapping[int, Sequence[str]],
    conflicts: Sequence[Mapping[str, Any]],
    reports: Path,
    home: Path,
) -> Rendered:
    """Write the page below `reports`, the snapshot and its project into the workspace at `home`.

    Args:
        result: what was found.
        lines: raw lines of the suspects that are listed, by index of the example.
        conflicts: a row a label: `unit`, `unit_start`, `label`, `contributor`, `origin`, `lines`;
            those of one unit follow each other and bear the same `number`.
        reports: the directory of all reports.
        home: of the workspace.
    """
    dataset = result.about.dataset
    name = report_name(dataset, "golden", result.newest)
    drawings = tuple(_drawings(result, lines, conflicts))
    snapshot = NumbersReport(_numbers(result, drawings)).run(
        pd.DataFrame({"examples": [result.examples.num_rows]}),
        timestamp=result.newest,
        name=name.stem,
        tags=["golden", dataset],
        metadata={"dataset": dataset, "verdict": result.verdict},
    )
    path = reports / name.path
    write(path, snapshot, _banner(result))
    # A page quotes raw lines: what has been erased since must not live on in an earlier one.
    for other in path.parent.glob("*.html"):
        found = read_name(other.name)
        if found and (found.detector, found.kind) == (dataset, "golden") and other != path:
            other.unlink(missing_ok=True)
    project = f"Golden dataset: {dataset}"
    description = "Is the dataset worth learning from? A point for each time that it changed."
    workspace.ensure_project(home, project, description, _panels())
    shown = [_summary(result), _split_table(result)]
    return Rendered(path, str(workspace.add_snapshot(home, project, snapshot, shown)))


def _numbers(
    result: GoldenResult, drawings: tuple[BaseWidgetInfo, ...]
) -> list[tuple[CarriedMetric, Number]]:
    noise, near = result.noise, result.near
    missing = noise.reason or "not computable"
    return [
        (
            LabelNoiseShare(bound="estimate"),
            Number(
                noise.share,
                missing,
                "" if noise.share is None else "warn" if result.noisy else "ok",
                f"{percent(noise.low)} to {percent(noise.high)}",
                drawings,
            ),
        ),
        (LabelNoiseShare(bound="lower"), Number(noise.low, missing)),
        (LabelNoiseShare(bound="upper"), Number(noise.high, missing)),
        (
            RepeatedShare(),
            Number(
                near.in_training,
                "not computable: no test examples",
                "" if near.in_training is None else "warn" if result.repeating else "ok",
                "test examples with a near-duplicate in training",
            ),
        ),
        (
            StaleShare(),
            Number(result.stale_share, "", "warn" if result.stale else "ok", "older than a year"),
        ),
        (Examples(), Number(result.examples.num_rows)),
        (TestDecisions(), Number(result.about.reuse.decisions)),
    ]


def _banner(result: GoldenResult) -> Banner:
    noise, near, about = result.noise, result.near, result.about
    signs = np.array(list(result.counts.values())).sum(axis=0)
    trial = noise.trial
    return Banner(
        title=f"{about.dataset}: golden dataset up to {result.newest:%Y-%m-%d %H:%M} UTC",
        subtitle=f"ATT&CK technique {about.technique or 'not given'}",
        state=result.verdict,
        reasons=result.reasons
        or ("labels agree, the test set is not what training repeats, examples are not old",),
        figures=(
            ("Examples", f"{result.examples.num_rows:,}", f"{signs[0]:,} are attacks"),
            (
                "Labels that look wrong",
                _share(noise.share),
                noise.reason
                or f"{percent(noise.low)} to {percent(noise.high)}; {len(noise.suspects)} suspects"
                + (f"; a trial found {trial.recall:.0%}" if trial else ""),
            ),
            (
                "Test examples known from training",
                _share(near.in_training),
                f"of attacks {_share(near.attacks_in_training)}",
            ),
            (
                "Best possible F1 on the test set",
                "–" if result.ceiling.f1 is None else f"{result.ceiling.f1:.3f}",
                f"{result.ceiling.contradictions} examples have an equal of the other label",
            ),
            ("Older than a year", percent(result.stale_share), f"{result.newest:%Y-%m-%d} newest"),
            (
                "Gate decisions on this test set",
                str(about.reuse.decisions),
                _flattery(about.reuse),
            ),
        ),
    )


def _drawings(
    result: GoldenResult,
    lines: Mapping[int, Sequence[str]],
    conflicts: Sequence[Mapping[str, Any]],
) -> Iterator[BaseWidgetInfo]:
    yield _split_table(result)
    yield _suspect_table(result, lines)
    yield from _conflict_table(result, conflicts)
    yield _repetition_table(result)
    yield widgets.columns("Examples by age", [name for name, _ in AGES], list(result.ages.values()))
    yield from _part_tables(result)
    yield _technique_table(result)
    yield _vault_table(result)


def _summary(result: GoldenResult) -> BaseWidgetInfo:
    return widgets.counters(
        "; ".join(result.reasons),
        [
            ("examples", f"{result.examples.num_rows:,}"),
            ("labels that look wrong", _share(result.noise.share)),
            ("test examples known from training", _share(result.near.in_training)),
            ("older than a year", percent(result.stale_share)),
        ],
    )


def _split_table(result: GoldenResult) -> BaseWidgetInfo:
    about = result.about
    rows = [
        (split, f"{attacks + benign:,}", f"{attacks:,}", f"{benign:,}")
        for split, (attacks, benign) in result.counts.items()
    ]
    left = [
        f"{about.conflicts} units with both labels",
        f"{about.duplicates} whose raw lines occur elsewhere",
        *(f"{count} expired ({sign})" for sign, count in about.expired.items()),
    ]
    title = f"Examples by split (left out: {', '.join(left)})"
    return widgets.table(title, ("split", "examples", "attacks", "benign"), rows)


def _suspect_table(result: GoldenResult, lines: Mapping[int, Sequence[str]]) -> BaseWidgetInfo:
    noise, examples = result.noise, result.examples
    rows = []
    for at in noise.suspects[:LISTED].tolist():
        example = examples.slice(at, 1).to_pylist()[0]
        rows.append(
            (
                str(example["unit"]),
                f"{example['unit_start']:%Y-%m-%d %H:%M:%S}",
                str(example["label"]),
                f"{noise.attack[at]:.2f}",
                example["split"],
                f"{example['contributor']} ({example['origin']})",
                _LINE_END.join(lines.get(at, ())),
            )
        )
    trial = noise.trial
    title = f"Labels that look wrong: the {len(rows)} surest of {len(noise.suspects)} suspects"
    if trial:
        precision = "–" if trial.precision is None else f"{trial.precision:.0%}"
        title += (
            f" (trial: of {trial.planted} labels turned round on purpose {trial.recall:.0%} were"
            f" found, and {precision} of the new suspects were such)"
        )
    if not result.told_apart:
        title += "; the features hardly tell the classes apart: these suspects mean little"
    if noise.reason:
        title = f"Labels that look wrong: {noise.reason}"
    header = ("unit", "from", "label", "looks like an attack", "split", "said by", "first lines")
    return widgets.table(title, header, rows)


def _conflict_table(
    result: GoldenResult, conflicts: Sequence[Mapping[str, Any]]
) -> Iterator[BaseWidgetInfo]:
    if not conflicts:
        return
    rows = [
        (
            str(row["number"]),
            str(row["unit"]),
            f"{row['unit_start']:%Y-%m-%d %H:%M:%S}",
            str(row["label"]),
            f"{row['contributor']} ({row['origin']})",
            _LINE_END.join(row["lines"]),
        )
        for row in conflicts
    ]
    shown = len({row["number"] for row in conflicts})
    title = f"Both labels on the same unit or the same lines: {shown} of {result.about.conflicts}"
    yield widgets.table(title, ("", "unit", "from", "label", "said by", "first lines"), rows)


def _repetition_table(result: GoldenResult) -> BaseWidgetInfo:
    near, ceiling = result.near, result.ceiling
    rows = [
        ("examples, a chain of near-duplicates counted once", f"{near.groups:,}"),
        ("test examples with a near-duplicate in training", _share(near.in_training)),
        ("attacks of the test set with one", _share(near.attacks_in_training)),
        ("examples whose near-duplicate bears the other sign", f"{near.contradicting:,}"),
        ("test examples whose very equal bears the other sign", f"{ceiling.contradictions:,}"),
        ("best possible average precision on the test set", _number(ceiling.average_precision)),
        ("best possible area under the ROC curve", _number(ceiling.auc)),
        ("best possible F1", _number(ceiling.f1)),
    ]
    return widgets.table("Repetition, and what the features allow at best", ("what", ""), rows)


def _part_tables(result: GoldenResult) -> Iterator[BaseWidgetInfo]:
    for kind, title in _KINDS.items():
        parts = [part for part in result.parts if part.kind == kind]
        parts.sort(key=lambda part: -part.examples)
        rows = [
            (
                part.name,
                f"{part.examples:,}",
                f"{part.positives:,}",
                f"{part.positives / part.examples:.1%}",
                f"{part.test:,}",
            )
            for part in parts[:_PARTS]
        ]
        if len(parts) > _PARTS:
            title = f"{title}: the {_PARTS} largest of {len(parts)}"
        yield widgets.table(title, (kind, "examples", "attacks", "share", "in the test set"), rows)


def _technique_table(result: GoldenResult) -> BaseWidgetInfo:
    about = result.about
    labels = np.array([str(label) for label in result.examples["label"].to_pylist()])
    positive = result.examples["positive"].to_numpy(zero_copy_only=False).astype(bool)
    splits = np.array(result.examples["split"].to_pylist())
    rows = [
        (
            about.technique,
            f"class {name}",
            f"{int(((labels == name) & (splits == 'train')).sum()):,}",
            f"{int(((labels == name) & (splits == 'test')).sum()):,}",
        )
        for name in np.unique(labels[positive])
    ]
    rows += [
        (technique or about.technique, f"canary {name}", "–", "must be found")
        for name, technique in about.canaries.items()
    ]
    header = ("ATT&CK technique", "shown by", "in training", "in the test set")
    return widgets.table("Techniques that are covered", header, rows)


def _vault_table(result: GoldenResult) -> BaseWidgetInfo:
    reuse = result.about.reuse
    rows = [(purpose, f"{count:,}") for purpose, count in sorted(reuse.opened.items())]
    title = f"Test vault: these test examples were opened; {reuse.decisions} gate decisions"
    return widgets.table(title, ("purpose", "openings"), rows)


def _flattery(reuse: Reuse) -> str:
    if not reuse.decisions or reuse.optimism is None or reuse.fresh is None:
        return "it has decided nothing yet"
    return (
        f"at worst, what is chosen by it is {reuse.optimism:.3f} worse than it looks"
        f" ({reuse.fresh:.3f} if it had never been used)"
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _panels() -> list[Panel]:
    bounds = ("estimate", "lower", "upper")
    return [
        Panel(
            "Labels that look wrong",
            "Share, with the 95% interval",
            [Line(bound, "LabelNoiseShare", {"bound": bound}) for bound in bounds],
        ),
        Panel("Test examples known from training", "Share", [Line("share", "RepeatedShare")]),
        Panel("Examples older than a year", "Share", [Line("share", "StaleShare")]),
        Panel("Examples", "", [Line("examples", "Examples")]),
        Panel("Gate decisions on the test set", "", [Line("decisions", "TestDecisions")]),
    ]
