"""What an evaluation finds out about contributors: quarantine, its check; results in shadow."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from triage import CaseStore, VerdictValue
from whetstone.quarantine import GUARD, Mark, quarantine

if TYPE_CHECKING:
    from detectors.evaluation.judgement import Contest, Judgement
    from detectors.evaluation.shadow import ShadowAlerts

_CHECK = "no_suspects"


def spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check on contributors."""
    return dg.AssetCheckSpec(
        _CHECK,
        asset=key,
        description="Nothing that was contributed since the champion makes the model worse. What"
        " does is in quarantine until a person releases it.",
    )


def put_into_quarantine(root: Path, contest: "Contest", judged: "Judgement") -> list[Mark]:
    """Mark the culprits that the poison guard found; nothing is trained on them any more."""
    found = judged.suspects
    marks: list[Mark] = []
    if found is None:
        return marks
    detector = contest.detector
    for origin in found.culprits:
        kind, _, name = origin.partition(":")
        mark, _ = quarantine(
            root,
            detector.golden_dataset,
            kind,
            name,
            reason=f"{detector.name}: {found.reason}",
            by=GUARD,
            numbers={"detector": detector.name, **found.numbers},
        )
        marks.append(mark)
    return marks


def check(
    key: dg.AssetKey, dataset: str, facts: dict[str, Any], marks: list[Mark]
) -> dg.AssetCheckResult:
    """Who made the model worse, the numbers with and without, and how to overrule it."""
    found = facts["suspects"] or {"reason": "There is no champion to compare with", "culprits": []}
    release = [f"whetstone golden release {dataset} {m.origin} --by NAME --why WHY" for m in marks]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=_CHECK,
        passed=not found["culprits"],
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "reason": found["reason"],
            "culprits": ", ".join(found["culprits"]) or "none",
            "in_quarantine_since": ", ".join(f"{m.origin}: {m.at}" for m in marks) or "nothing",
            "numbers": dg.MetadataValue.json(found),
            "to_release": "; ".join(release) or "nothing is in quarantine by this evaluation",
        },
    )


def shadow_of(cases: CaseStore, detector: str, version: str) -> "ShadowAlerts | None":
    """What a challenger and the champion said of the same traffic, with analysts' verdicts."""
    from detectors.evaluation.shadow import ShadowAlerts

    found = cases.shadow(detector, version)
    if found is None:
        return None
    raised = found.challenger | found.champion
    verdicts = {
        decision.alert.alert_id: decision.value is VerdictValue.TRUE_POSITIVE
        for decision in cases.decisions([detector])
        if decision.value is not None and decision.alert.alert_id in raised
    }
    return ShadowAlerts(
        found.challenger, found.champion, verdicts, tuple(found.days), found.compared
    )
