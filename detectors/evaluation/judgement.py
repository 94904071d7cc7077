"""Judge a challenger: bring together what there is to compare by, decide, and look for culprits."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from detectors.evaluation.comparison import PairedScores
from detectors.evaluation.gate import CanaryFindings, Evidence, GateDecision, Rules, decide
from detectors.evaluation.metrics import Metrics, evaluate
from detectors.evaluation.pairs import Pairs, paired
from detectors.evaluation.shadow import ShadowAlerts
from detectors.interface import Training
from detectors.training import fit
from detectors.trust.guard import Investigation, Trial, investigate
from detectors.trust.origins import has_origins, new_origins, thinned, without
from whetstone.canaries import CanaryResult, canaries_found
from whetstone.catalog import Catalog
from whetstone.catalog.catalog_pb2 import Detector, GoldenDataset
from whetstone.catalog.slow import feature_names
from whetstone.lake import Lake
from whetstone.releases import Bundle
from whetstone.scoring.history import GoldenFiles
from whetstone.scoring.run import BundleScorer


@dataclass(frozen=True, eq=False)
class Contest:
    """A challenger, the champion that it wants to replace, and what they are judged by.

    Attributes:
        lake: where the golden dataset lies.
        catalog: the definitions now.
        detector: the one that both are models of.
        golden: its golden dataset, with the events.
        training_set: the examples, with the challenger's features.
        challenger: the newest model.
        metrics: of the challenger on the core test set.
        champion: the model in service; None: there is none.
        known: `origin` of what the champion was trained on; None: it is not recorded.
        trusted: origins that a person released from quarantine.
        shadow: what both said of live traffic; None: the challenger was not in shadow.
        training: how the challenger was trained.
    """

    lake: Lake
    catalog: Catalog
    detector: Detector
    golden: GoldenFiles
    training_set: pa.Table
    challenger: Bundle
    metrics: Metrics
    champion: Bundle | None
    known: Collection[str] | None
    trusted: Collection[str]
    shadow: ShadowAlerts | None
    training: Training

    @property
    def dataset(self) -> GoldenDataset:
        """The golden dataset as it is defined now."""
        return self.catalog.golden_datasets[self.detector.golden_dataset]


@dataclass(frozen=True)
class Judgement:
    """The gate's decision, and who is suspected to have made the challenger worse.

    Attributes:
        decision: of the gate.
        suspects: what the poison guard found; None where there is nothing to compare.
        canaries: what became of each, by the challenger.
    """

    decision: GateDecision
    suspects: Investigation | None
    canaries: list[CanaryResult]

    def facts(self) -> dict[str, Any]:
        """For the manifest, as JSON takes it."""
        numbers = self.decision.numbers
        canaries = numbers.get("canaries")
        results = [one.to_dict() for one in self.canaries]
        return {
            "gate": "passed" if self.decision.passed else "failed",
            "reasons": self.decision.reasons,
            "refusals": self.decision.refusals,
            "numbers": numbers,
            "budget": numbers["budget"],
            "canaries": None if canaries is None else {**canaries, "results": results},
            "shadow": numbers.get("shadow"),
            "suspects": None if self.suspects is None else self.suspects.to_dict(),
        }


def judge(contest: Contest) -> Judgement:
    """Decide on a challenger.

    Raises:
        InputError: champion and challenger have no held-out example in common.
    """
    new = BundleScorer(contest.challenger)
    old = None if contest.champion is None else BundleScorer(contest.champion)
    pairs = champion = None
    if old is not None:
        pairs = paired(
            contest.lake,
            contest.catalog.feature_views,
            contest.golden,
            contest.training_set,
            new,
            old,
            contest.known,
        )
        champion = None if pairs is None else _metrics(pairs, old, contest.detector.seed)
    found, canaries = _canaries(contest, new, old)
    evidence = Evidence(
        core=None if pairs is None else pairs.core,
        established=_established(pairs),
        verdicts=None if pairs is None else pairs.verdicts,
        canaries=canaries,
        shadow=contest.shadow,
    )
    decision = decide(contest.metrics, champion, evidence, Rules.of(contest.detector))
    suspects = None if pairs is None or old is None else _suspects(contest, pairs, new, old)
    if suspects is not None and suspects.culprits:
        told = f"Poison guard: {suspects.reason}"
        decision = replace(
            decision,
            passed=False,
            reasons=[*decision.reasons, told],
            refusals=[*decision.refusals, told],
        )
    return Judgement(decision, suspects, found)


def _metrics(pairs: Pairs, champion: BundleScorer, seed: int) -> Metrics:
    core = pairs.core
    return evaluate(core.champion, core.positive, champion.bundle.threshold, seed, core.groups)


def _established(pairs: Pairs | None) -> PairedScores | None:
    """The core examples that the champion knew, where they are not all of them."""
    if pairs is None or pairs.known is None or pairs.known.all():
        return None
    return pairs.core.where(pairs.known)


def _canaries(
    contest: Contest, challenger: BundleScorer, champion: BundleScorer | None
) -> tuple[list[CanaryResult], CanaryFindings | None]:
    if not contest.dataset.canaries:
        return [], None
    # An instant of the examples, so that equal models find the same ones whenever they are asked.
    at = max(contest.training_set["event_timestamp"].to_pylist())
    results = canaries_found(challenger, contest.dataset, at)
    before = None if champion is None else canaries_found(champion, contest.dataset, at)
    return results, CanaryFindings(
        planted=tuple(one.name for one in results),
        challenger=_names(results),
        champion=None if before is None else _names(before),
    )


def _names(results: list[CanaryResult]) -> frozenset[str]:
    return frozenset(one.name for one in results if one.found)


def _suspects(
    contest: Contest, pairs: Pairs, challenger: BundleScorer, champion: BundleScorer
) -> Investigation:
    if pairs.known is None or contest.known is None or not has_origins(contest.training_set):
        return Investigation(False, "It is not recorded what the champion was trained on", {})
    rows = pairs.rows.filter(pa.array(pairs.known)).select(list(feature_names(contest.detector)))
    known = contest.known
    return investigate(
        pairs.core.where(pairs.known),
        (challenger.bundle.threshold, champion.bundle.threshold),
        new_origins(contest.training_set, known),
        lambda removed: _trained(contest, without(contest.training_set, removed), rows),
        lambda count, seed: _trained(
            contest, thinned(contest.training_set, known, count, seed), rows
        ),
        tolerance=contest.detector.gate.tolerance,
        seed=contest.detector.seed,
        trusted=contest.trusted,
        say=contest.training.say,
    )


def _trained(contest: Contest, examples: pa.Table, rows: pa.Table) -> Trial:
    """Train as the challenger was trained, on other examples, and score the core `rows`."""
    training = replace(contest.training, checkpoint=None)
    fitted = fit(contest.detector, examples, training, contest.dataset.max_contributor_share)
    return Trial(np.asarray(fitted.model.score(rows)), fitted.threshold)
