"""The tables of the quality report; one without rows is left out, unless that is news."""

from __future__ import annotations

from evidently.legacy.model.widget import BaseWidgetInfo

from monitoring.drift.columns import percent
from monitoring.quality import QualityResult
from monitoring.quality.words import interval, read, signed, span
from monitoring.widgets import table

CONFLICTS = 50
"""Conflicting verdicts that are listed."""
_INTERVAL = "95% interval"


def urgent(result: QualityResult) -> list[BaseWidgetInfo]:
    """What is to be acted upon: what is missed, and what is not seen."""
    return [*_canaries(result), _techniques(result), *_blindness(result)]


def tables(result: QualityResult) -> list[BaseWidgetInfo]:
    """All others."""
    return [
        _held_out(result),
        *_estimated(result),
        *_track(result),
        *_times(result),
        *_releases(result),
        *_gate(result),
        *_shadow(result),
        _environments(result),
        *_conflicts(result),
    ]


def _canaries(result: QualityResult) -> list[BaseWidgetInfo]:
    if not result.canaries:
        return []
    rows = [
        (
            each.name,
            each.technique,
            "found" if each.found else "MISSED",
            "–" if each.score is None else f"{each.score:.4g}",
            f"{each.threshold:.4g}",
            each.detail,
        )
        for each in sorted(result.canaries, key=lambda each: each.found)
    ]
    header = ("canary", "technique", "", "score", "threshold", "why")
    return [table("Planted attacks (canaries), sent to the model in service", header, rows)]


def _techniques(result: QualityResult) -> BaseWidgetInfo:
    rows = [
        (
            each.technique or "–",
            each.what,
            "–" if each.examples is None else f"{each.examples:,}",
            read(each.recall),
            interval(each.recall),
        )
        for each in result.techniques
    ]
    header = ("ATT&CK technique", "attacks", "how many", "found", _INTERVAL)
    return table("Recall by attack technique", header, rows)


def _blindness(result: QualityResult) -> list[BaseWidgetInfo]:
    if not result.blindness:
        return []
    newest = result.blindness[0].day
    rows = [
        (
            part.environment,
            part.day,
            percent(part.share),
            *(
                f"{percent(loss.share)} ({loss.reason})" if loss.share is not None else loss.reason
                for loss in part.losses.values()
            ),
        )
        for part in result.blindness
        if part.day == newest or (part.share or 0) > 0.01
    ]
    title = "Traffic that could not be seen: the newest day, and days with more than 1 %"
    header = ("environment", "day", "not seen", "rejected", "silent", "dropped", "late")
    return [table(title, header, rows)]


def _held_out(result: QualityResult) -> BaseWidgetInfo:
    rows = [
        (m.measure.replace("_", " "), scorer, read(estimate), interval(estimate))
        for m in result.held_out
        for scorer, estimate in (("model", m.model), *m.baselines.items())
    ]
    rows += [
        (f"recall at a false-positive rate of {percent(rate)}", "model", read(e), interval(e))
        for rate, e in result.recall_at_fpr.items()
    ]
    title = "Core test set"
    if result.examples is not None:
        title += f": {result.examples:,} examples, {result.positives or 0:,} positive"
    return table(title, ("measure", "scorer", "value", _INTERVAL), rows)


def _estimated(result: QualityResult) -> list[BaseWidgetInfo]:
    if not result.estimated:
        return []
    rows = [(method, read(e), interval(e)) for method, e in result.estimated.items()]
    title = "Precision of the newest alerts, estimated without labels: no measurement"
    return [table(title, ("by", "estimate", _INTERVAL), rows)]


def _track(result: QualityResult) -> list[BaseWidgetInfo]:
    if not result.track_records:
        return []
    rows = [
        (
            each.method,
            str(each.days),
            f"{each.mean_off:.3f}",
            f"{each.bias:+.3f}",
            percent(each.held),
        )
        for each in result.track_records
    ]
    title = "How far the estimates were off when verdicts came"
    header = ("by", "days with verdicts", "off by, mean", "promised too much by", "intervals met")
    return [table(title, header, rows)]


def _times(result: QualityResult) -> list[BaseWidgetInfo]:
    if not result.time_to_detect:
        return []
    rows = [
        (
            "scorer, live" if each.way == "live" else "the day's batch",
            f"{each.alerts:,} {'attacks by verdicts' if each.attacks else 'not judged benign'}",
            span(each.median_seconds),
            span(each.slow_seconds),
        )
        for each in result.time_to_detect
    ]
    title = "Time to detect, from a unit's start to its alert"
    return [table(title, ("raised by", "alerts", "median", "90 % within"), rows)]


def _releases(result: QualityResult) -> list[BaseWidgetInfo]:
    if not result.retrainings:
        return []
    rows = [
        (
            each.version + (" (withdrawn)" if each.withdrawn else ""),
            f"{each.at:%Y-%m-%d %H:%M}",
            "–" if each.examples is None else f"{each.examples:,}",
            read(each.recall),
            read(each.average_precision),
            f"{each.alerts:,} on {each.days} days",
            percent(each.labelled.value),
            f"{read(each.precision)} {interval(each.precision)}",
        )
        for each in reversed(result.retrainings)
    ]
    header = (
        *("release", "published", "core test examples", "core recall", "average precision"),
        *("alerts", "with a verdict", "precision by verdicts"),
    )
    return [table("Before and after each retraining", header, rows)]


def _gate(result: QualityResult) -> list[BaseWidgetInfo]:
    rows = [
        (
            each.examples,
            each.measure.replace("_", " "),
            f"{each.challenger:.3f}",
            f"{each.champion:.3f}",
            signed(each.difference),
        )
        for each in result.gate
    ]
    header = ("examples", "measure", "challenger", "champion", "difference, paired")
    return [table("Champion against challenger at the last gate", header, rows)] if rows else []


def _shadow(result: QualityResult) -> list[BaseWidgetInfo]:
    told = result.shadow
    if told is None:
        return []
    rows = [
        ("both", f"{told.both:,}", f"{read(told.precision_both)} {interval(told.precision_both)}"),
        (
            "champion alone",
            f"{told.champion:,}",
            f"{read(told.precision_champion)} {interval(told.precision_champion)}",
        ),
        ("challenger alone", f"{told.challenger:,}", "no verdicts: analysts do not see them"),
    ]
    title = (
        f"Champion against challenger {told.version} in shadow since {told.since:%Y-%m-%d %H:%M}"
    )
    return [table(title, ("raised by", "alerts", "precision by verdicts"), rows)]


def _environments(result: QualityResult) -> BaseWidgetInfo:
    rows = [
        (
            part.environment,
            f"{part.alerts:,}",
            f"{part.labelled:,}",
            read(part.precision),
            interval(part.precision),
        )
        for part in result.environments
    ]
    ages = ", ".join(
        f"{age} {percent(estimate.value)}" for age, estimate in result.labelled_by_age.items()
    )
    header = ("environment", "alerts", "with a verdict", "precision", _INTERVAL)
    return table(f"Environments (alerts with a verdict by age: {ages})", header, rows)


def _conflicts(result: QualityResult) -> list[BaseWidgetInfo]:
    if not result.conflicts:
        return []
    rows = [
        (c.alert_id, c.environment, "; ".join(f"{by}: {verdict}" for by, verdict in c.verdicts))
        for c in result.conflicts[:CONFLICTS]
    ]
    title = f"Conflicting verdicts, {len(rows)} of {len(result.conflicts)}"
    return [table(title, ("alert", "environment", "verdicts"), rows)]
