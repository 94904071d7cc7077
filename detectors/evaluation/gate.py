"""Whether a challenger may replace the champion. Pure.

What is looked at is one finding each: enough average precision, the false-positive budget, the
canaries, the champion on the core test set, on recent verdicts and in shadow. One that speaks
against the challenger is enough; all are told, with their numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from detectors.evaluation.budget import budget_of
from detectors.evaluation.comparison import PairedScores, compare
from detectors.evaluation.metrics import Metrics
from detectors.evaluation.shadow import ShadowAlerts, judge_shadow
from whetstone.catalog import catalog_pb2
from whetstone.errors import InputError


@dataclass(frozen=True)
class CanaryFindings:
    """Which planted attacks were found; names of `GoldenDataset.canaries`.

    Attributes:
        planted: all of them.
        challenger: those that the challenger finds.
        champion: those that the champion finds; None where nothing is in service.
    """

    planted: tuple[str, ...]
    challenger: frozenset[str]
    champion: frozenset[str] | None


@dataclass(frozen=True, eq=False)
class Evidence:
    """What there is to compare by; None: there is none.

    Attributes:
        core: both models' scores on the core test set; needed where there is a champion.
        established: the same on the part of it that was there when the champion was trained, where
            something was added since.
        verdicts: the same on examples from recent verdicts.
        canaries: planted attacks.
        shadow: alerts of both on live traffic.
    """

    core: PairedScores | None = None
    established: PairedScores | None = None
    verdicts: PairedScores | None = None
    canaries: CanaryFindings | None = None
    shadow: ShadowAlerts | None = None


@dataclass(frozen=True)
class Rules:
    """What a challenger is held to: the detector's gate, false-positive budget and seed."""

    gate: catalog_pb2.Gate
    budget: float
    seed: int = 0

    @staticmethod
    def of(detector: catalog_pb2.Detector) -> "Rules":
        """The rules of a definition."""
        point = detector.operating_point
        return Rules(detector.gate, getattr(point, point.WhichOneof("by") or ""), detector.seed)


@dataclass(frozen=True)
class GateDecision:
    """The outcome.

    Attributes:
        passed: whether the challenger becomes champion.
        reasons: one sentence for each thing that was looked at, with its numbers.
        refusals: those of the reasons for which it is refused.
        numbers: the same numbers, as JSON takes them, by finding.
    """

    passed: bool
    reasons: list[str]
    refusals: list[str]
    numbers: dict[str, Any]


@dataclass(frozen=True)
class _Finding:
    kept: bool
    reasons: list[str]
    numbers: dict[str, Any] = field(default_factory=dict[str, Any])


def decide(
    challenger: Metrics, champion: Metrics | None, evidence: Evidence, rules: Rules
) -> GateDecision:
    """Decide on a challenger.

    1. It needs `gate.min_average_precision` on the core test set, and finds an attack there.
    2. The false-positive budget holds there (`budget_of`). A challenger that misses it is not
       refused for that where the champion has at least as many false alarms: that would keep the
       worse one in service.
    3. It finds each canary that the champion finds; a first model finds all.
    4. It is not worse than the champion (`compare`) on the core test set, on the part of it that is
       older than what was contributed since, and on recent verdicts, beyond `gate.tolerance`.
    5. In shadow it neither floods analysts nor do verdicts speak against it (`judge_shadow`).

    Args:
        challenger: its metrics on the core test set.
        champion: its metrics on the same set; None where nothing is in service yet.
        evidence: what they are compared by.
        rules: what holds.

    Raises:
        InputError: there is a champion, and no scores to compare it by.
    """
    findings = list(_findings(challenger, champion, evidence, rules))
    return GateDecision(
        passed=all(found.kept for found in findings),
        reasons=[reason for found in findings for reason in found.reasons],
        refusals=[reason for found in findings if not found.kept for reason in found.reasons],
        numbers={key: value for found in findings for key, value in found.numbers.items()},
    )


def _findings(
    challenger: Metrics, champion: Metrics | None, evidence: Evidence, rules: Rules
) -> Iterator[_Finding]:
    yield _good_enough(challenger, rules.gate)
    yield _within_budget(challenger, champion, rules.budget)
    if evidence.canaries is not None and evidence.canaries.planted:
        yield _canaries(evidence.canaries)
    if champion is None:
        yield _Finding(True, ["There is no champion to compare with"])
    else:
        thresholds = (challenger.threshold, champion.threshold)
        yield from _compared(thresholds, evidence, rules)
    if evidence.shadow is not None:
        found = judge_shadow(evidence.shadow)
        yield _Finding(not found.refused, found.reasons, {"shadow": found.numbers})


def _good_enough(challenger: Metrics, gate: catalog_pb2.Gate) -> _Finding:
    value, minimum = challenger.average_precision, gate.min_average_precision
    numbers: dict[str, Any] = {
        "average_precision": value,
        "min_average_precision": minimum,
        "tolerance": gate.tolerance,
    }
    if value is None:
        why = challenger.undefined["average_precision"]
        reason = f"The challenger has no average precision on the core test set: {why}"
        return _Finding(False, [reason], numbers)
    if challenger.positives and not challenger.true_positives:
        reason = (
            f"At its threshold the challenger finds none of {challenger.positives} positive "
            "examples of the core test set"
        )
        return _Finding(False, [reason], numbers)
    good = value >= minimum
    reason = (
        f"Average precision on the core test set is {value:.4f}, "
        f"{'at least' if good else 'below'} the required {minimum:.4f}"
    )
    return _Finding(good, [reason], numbers)


def _within_budget(challenger: Metrics, champion: Metrics | None, budget: float) -> _Finding:
    found = budget_of(challenger, budget)
    before = champion.false_positive_rate if champion is not None else None
    numbers = {"budget": {**found.to_dict(), "champion_rate": before}}
    if found.holds:
        return _Finding(True, [found.sentence()], numbers)
    if before is not None and found.rate is not None and found.rate <= before:
        reason = f"{found.sentence()}; the champion has no fewer ({before:.4f}), so it may pass"
        return _Finding(True, [reason], numbers)
    remedy = "contribute benign activity like that of the test, or raise the budget"
    return _Finding(False, [f"{found.sentence()}: {remedy}"], numbers)


def _canaries(canaries: CanaryFindings) -> _Finding:
    missed = [name for name in canaries.planted if name not in canaries.challenger]
    owed = canaries.planted if canaries.champion is None else canaries.champion
    lost = [name for name in missed if name in owed]
    found = len(canaries.planted) - len(missed)
    reason = f"{found} of {len(canaries.planted)} canaries are found"
    if missed:
        reason += f"; missed: {', '.join(missed)}"
    if lost and canaries.champion is not None:
        reason += f"; the champion finds {', '.join(lost)}"
    elif missed and not lost:
        reason += "; the champion misses them, too"
    numbers = {
        "planted": len(canaries.planted),
        "found": found,
        "missed": missed,
        "lost": lost,
        "champion_found": None if canaries.champion is None else sorted(canaries.champion),
    }
    return _Finding(not lost, [reason], {"canaries": numbers})


def _compared(
    thresholds: tuple[float, float], evidence: Evidence, rules: Rules
) -> Iterator[_Finding]:
    core = evidence.core
    if core is None or not len(core.positive):
        raise InputError("A champion is compared by both models' scores on the core test set")
    tolerance = rules.gate.tolerance
    for name, title, pair in (
        ("core", "the core test set", core),
        ("established", "what the core test set held before", evidence.established),
        ("verdicts", "recent verdicts", evidence.verdicts),
    ):
        if pair is not None and len(pair.positive):
            found = compare(title, pair, thresholds, tolerance, rules.seed)
            yield _Finding(not found.worse, found.reasons, {name: found.numbers})
        elif name == "verdicts":
            yield _Finding(True, [f"There are no {title} to compare on"])
