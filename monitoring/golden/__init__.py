"""Is a golden dataset worth learning from? Contradictions, repetitions, wrong and old labels.

`golden` computes, on tables alone; `render_golden` shows the result as an Evidently report.
"""

# pyarrow builds most of its functions when it is imported, where pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from detectors.evaluation.baselines import Ceiling
    from detectors.evaluation.label_noise import LabelNoise
    from monitoring.workspace import Rendered

NOISE = 0.05
"""Share of wrong labels that the whole interval lies above, from which one is warned."""
TRUSTED = 1 / 3
"""Share of new suspects that were planted in the trial, below which suspects mean little.

Data with 15 % of their labels wrong on purpose reached 0.36, URLs that no feature tells apart 0.33.
"""
REPEATED = 0.5
"""Share of test units with a near-duplicate in training, from which one is warned."""
STALE = 0.5
"""Share of examples that are a year older than production, from which one is warned."""
AGES = (("up to 30 days", 30), ("31 to 90 days", 90), ("91 to 365 days", 365), ("older", 10**6))
LISTED = 50
"""Suspects and conflicts that are listed with their lines."""

_YEAR = 365
_SPLITS = ("train", "validation", "test", "verdicts")

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """Examples of one environment, contributor, or age."""

    kind: str
    name: str
    examples: int
    positives: int
    test: int


@dataclass(frozen=True)
class Near:
    """Near-duplicates: in how many groups all examples are; and what lies across splits.

    Attributes:
        groups: chains of near-duplicates count as one.
        in_training: share of the test examples that have one in training; None without either.
        attacks_in_training: the same of the attacks among them.
        contradicting: examples with one that bears the other sign.
    """

    groups: int
    in_training: float | None
    attacks_in_training: float | None
    contradicting: int


@dataclass(frozen=True)
class Reuse:
    """How often the test examples were opened, and what that means for what they say.

    Attributes:
        opened: by purpose.
        decisions: different gate decisions.
        optimism: how much better than it is a model may look, at worst; None: no test examples.
        fresh: the same of a test set that was never used.
        problems: with the log.
    """

    opened: Mapping[str, int]
    decisions: int
    optimism: float | None
    fresh: float | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class About:
    """What is known of a dataset beside its examples.

    Attributes:
        dataset: its name.
        technique: ATT&CK technique of the attack.
        canaries: techniques of its canaries, by name.
        conflicts: units, or equal raw lines, that carry both labels.
        duplicates: units left out because their raw lines occur elsewhere.
        expired: training examples that were too old, by sign.
        refresh: what the benign refresh took; None where there is none.
        now: the newest event of production, UTC; None where there is none.
        reuse: of the test examples.
    """

    dataset: str
    technique: str
    canaries: Mapping[str, str]
    conflicts: int
    duplicates: int
    expired: Mapping[str, int]
    refresh: Mapping[str, Any] | None
    now: datetime | None
    reuse: Reuse


@dataclass(frozen=True, eq=False)
class GoldenResult:
    """What `golden` found; `examples` are the rows that the indices in it are about."""

    about: About
    examples: pa.Table
    newest: datetime
    verdict: Literal["ok", "warn"]
    reasons: tuple[str, ...]
    counts: Mapping[str, tuple[int, int]]
    """By split: positive and negative examples."""
    parts: tuple[Part, ...]
    near: Near
    ceiling: Ceiling
    noise: LabelNoise
    ages: Mapping[str, int]
    stale_share: float

    @property
    def noisy(self) -> bool:
        """Whether more labels are wrong than is tolerated, beyond doubt."""
        return self.told_apart and self.noise.low is not None and self.noise.low > NOISE

    @property
    def told_apart(self) -> bool:
        """Whether the features tell the classes apart so well that suspects mean something."""
        trial = self.noise.trial
        return trial is None or (trial.precision or 0) >= TRUSTED

    @property
    def repeating(self) -> bool:
        """Whether most of the test set is known from training."""
        return (self.near.in_training or 0) > REPEATED

    @property
    def stale(self) -> bool:
        """Whether most examples are old."""
        return self.stale_share > STALE

    def facts(self) -> dict[str, Any]:
        """The numbers, as JSON takes them."""
        trial = self.noise.trial
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "examples": {split: list(signs) for split, signs in self.counts.items()},
            "conflicts": self.about.conflicts,
            "duplicates": self.about.duplicates,
            "near_duplicates": asdict(self.near),
            "ceiling": self.ceiling.to_dict(),
            "label_noise": {
                "share": self.noise.share,
                "low": self.noise.low,
                "high": self.noise.high,
                "suspects": len(self.noise.suspects),
                "looked_at": self.noise.looked_at,
                "trial": None if trial is None else asdict(trial),
                "reason": self.noise.reason,
            },
            "newest": self.newest.isoformat(),
            "stale_share": self.stale_share,
            "expired": dict(self.about.expired),
            "refresh": None if self.about.refresh is None else dict(self.about.refresh),
            "reuse": asdict(self.about.reuse),
        }


def golden(examples: pa.Table, features: Sequence[str], about: About) -> GoldenResult:
    """Look a golden dataset over.

    Args:
        examples: at least one; `environment`, `unit`, `event_timestamp`, `positive`, `split`,
            `origin`, `contributor`, and the features.
        features: the columns that a model may see.
        about: what else is known.
    """
    from detectors.evaluation.baselines import oracle_ceiling
    from detectors.evaluation.label_noise import label_noise
    from detectors.evaluation.near_duplicates import near_duplicates

    units = examples.select(list(features))
    positive = examples["positive"].to_numpy().astype(bool)
    splits = np.array(examples["split"].to_pylist())
    newest = max(examples["event_timestamp"].to_pylist())
    days = _ages(examples, max(filter(None, (newest, about.now))))
    test = splits == "test"
    noise = label_noise(units, positive, _groups(examples))
    result = GoldenResult(
        about=about,
        examples=examples,
        newest=newest,
        verdict="ok",
        reasons=(),
        counts={
            split: (int(positive[splits == split].sum()), int((~positive[splits == split]).sum()))
            for split in _SPLITS
        },
        parts=_parts(examples, positive, test, days),
        near=_near(near_duplicates(units), positive, splits),
        ceiling=oracle_ceiling(units.filter(pa.array(test)), positive[test]),
        noise=noise,
        ages=_by_age(days),
        stale_share=float((days > _YEAR).mean()),
    )
    reasons = tuple(_reasons(result))
    return _judged(result, reasons)


def render_golden(
    result: GoldenResult,
    lines: Mapping[int, Sequence[str]],
    conflicts: Sequence[Mapping[str, Any]],
    reports: Path,
    workspace: Path,
) -> Rendered:
    """Write the page below `reports`; see `monitoring.golden.report.render`."""
    from monitoring.golden.report import render

    return render(result, lines, conflicts, reports, workspace)


def _judged(result: GoldenResult, reasons: tuple[str, ...]) -> GoldenResult:
    return replace(result, verdict="warn" if reasons else "ok", reasons=reasons)


def _reasons(result: GoldenResult) -> Iterator[str]:
    noise, near, about = result.noise, result.near, result.about
    if result.noisy:
        yield (
            f"{_percent(noise.share)} of the labels look wrong"
            f" ({_percent(noise.low)} to {_percent(noise.high)}): look the suspects over"
        )
    if result.repeating:
        yield (
            f"{_percent(near.in_training)} of the test examples have a near-duplicate in training:"
            " they say how well it is remembered"
        )
    if result.stale:
        yield f"{_percent(result.stale_share)} of the examples are older than a year"
    if about.conflicts:
        yield f"{about.conflicts} units carry both labels and teach nothing"
    left = sum(sum(signs) for signs in result.counts.values())
    expired = sum(about.expired.values())
    if expired > left:
        yield f"{expired} training examples have expired, {left} are left"
    yield from about.reuse.problems


def _groups(examples: pa.Table) -> npt.NDArray[np.int64]:
    keys = pc.binary_join_element_wise(examples["environment"], examples["unit"], "|")
    codes = pc.dictionary_encode(keys).combine_chunks()
    return codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _near(found: Any, positive: Flags, splits: npt.NDArray[np.str_]) -> Near:
    test, train = splits == "test", splits == "train"
    beside = found.beside(train)
    contradicting = (found.beside(positive) & ~positive) | (found.beside(~positive) & positive)
    return Near(
        groups=len(np.unique(found.groups())),
        in_training=_share(beside[test]),
        attacks_in_training=_share(beside[test & positive]),
        contradicting=int(contradicting.sum()),
    )


def _share(flags: Flags) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _ages(examples: pa.Table, now: datetime) -> npt.NDArray[np.int64]:
    """(n,) whole days between each example and now."""
    ages = [(now - at).days for at in examples["event_timestamp"].to_pylist()]
    return np.array(ages, np.int64)


def _by_age(days: npt.NDArray[np.int64]) -> dict[str, int]:
    limits = [limit for _, limit in AGES]
    counts = np.bincount(np.searchsorted(limits, days), minlength=len(limits))
    return {name: int(count) for (name, _), count in zip(AGES, counts, strict=False)}


def _parts(
    examples: pa.Table, positive: Flags, test: Flags, days: npt.NDArray[np.int64]
) -> tuple[Part, ...]:
    ages = np.array([name for name, _ in AGES])[np.searchsorted([n for _, n in AGES], days)]
    kinds = {
        "contributor": np.array(examples["contributor"].to_pylist(), dtype=np.str_),
        "environment": np.array(examples["environment"].to_pylist(), dtype=np.str_),
        "origin": np.array([o.partition(":")[0] for o in examples["origin"].to_pylist()]),
        "age": ages,
    }
    return tuple(
        Part(kind, str(name), int(of.sum()), int(positive[of].sum()), int(test[of].sum()))
        for kind, names in kinds.items()
        for name in np.unique(names)
        for of in (names == name,)
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
