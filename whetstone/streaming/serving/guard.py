"""Watches a model that was just put in service, and decides whether it stays.

After a swap the new model is on probation. The one before keeps scoring the same units silently, so
that both can be compared (`whetstone.streaming.serving.judgement`). A version that does not stand
its probation is refused: it is never taken into service here again, until somebody removes it from
the file in which that is kept.
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from whetstone.catalog.validation import entity_columns
from whetstone.errors import ReleaseError
from whetstone.releases.bounds import Bounds
from whetstone.releases.files import write_whole
from whetstone.scoring.run import BundleScorer
from whetstone.streaming.flow import Scored
from whetstone.streaming.serving.judgement import (
    FEWEST_UNITS,
    LOOKS,
    Judgement,
    Seen,
    judge,
    units_needed,
)

_DAY = 86_400_000_000  # microseconds
_LONGEST = 7 * _DAY  # of event time; then what was seen has to suffice


@dataclass(frozen=True)
class Outcome:
    """The end of a probation.

    Attributes:
        detector: the detector.
        version: was on probation.
        before: the version before it; None: there was none.
        judgement: `within` decides.
    """

    detector: str
    version: str
    before: str | None
    judgement: Judgement


class Guard:
    """The probations of one environment's models, and the versions it refused. One thread.

    Args:
        path: JSON file with what outlives the process: refused versions, unfinished probations.

    Raises:
        ReleaseError: the file is damaged.
    """

    def __init__(self, path: Path):
        self._path = path
        self._probations: dict[str, _Probation] = {}
        self._refused, self._unfinished = _read(path)

    @property
    def refused(self) -> dict[str, frozenset[str]]:
        """Detector to the versions that were refused."""
        return {detector: frozenset(versions) for detector, versions in self._refused.items()}

    @property
    def unfinished(self) -> Mapping[str, str]:
        """Detector to the version on probation, by the file: also that of a process that died."""
        return dict(self._unfinished)

    def begin(self, new: BundleScorer, old: BundleScorer | None) -> None:
        """Put a model on probation; one of the same detector ends without an outcome.

        Args:
            new: scores from now on.
            old: scores the same units beside it; None: there is none to go back to.
        """
        detector = new.detector.name
        self._probations[detector] = _Probation(_Tally(new), _Tally(old) if old else None)
        self._unfinished[detector] = new.version
        self._write()

    def end(self, detector: str) -> None:
        """Forget the probation of a detector's model, if there is one."""
        self._probations.pop(detector, None)
        if self._unfinished.pop(detector, None) is not None:
            self._write()

    def refuse(self, detector: str, version: str, reason: str) -> None:
        """Never take a version into service here again."""
        self._refused.setdefault(detector, {})[version] = reason
        if self._unfinished.get(detector) == version:
            self._probations.pop(detector, None)
            del self._unfinished[detector]
        self._write()

    def take(self, scored: Scored) -> Outcome | None:
        """Count complete units of a model on probation, or of the one before it; ignore others.

        Returns:
            The outcome, once there is one: the probation is over.
        """
        detector = scored.scorer.detector.name
        probation = self._probations.get(detector)
        if probation is None or not scored.final or not scored.units.num_rows:
            return None
        probation.take(scored)
        judgement = probation.judged()
        if judgement is None:
            return None
        old = probation.old
        outcome = Outcome(detector, probation.new.version, old.version if old else None, judgement)
        if judgement.within or old is None:
            self.end(detector)
        else:
            self.refuse(detector, outcome.version, judgement.reason)
        return outcome

    def _write(self) -> None:
        kept = {"refused": self._refused, "unfinished": self._unfinished}
        write_whole(self._path, f"{json.dumps(kept, sort_keys=True, indent=1)}\n".encode())


class _Tally:
    """What one model did since the swap."""

    def __init__(self, scorer: BundleScorer):
        self.version = scorer.version
        self.bounds = Bounds.of(scorer.bundle.manifest)
        self.units = self.unfit = 0
        self._entity = list(entity_columns(scorer.view))
        self._counts: NDArray[np.int64] | None = None
        self._alerts = 0
        self._alerting: set[tuple[object, ...]] = set()

    def take(self, units: pa.Table) -> None:
        scores = units["score"].to_numpy()
        fit = np.isfinite(scores)
        self.units += int(fit.sum())
        self.unfit += len(scores) - int(fit.sum())
        if self.bounds is not None:
            counts = self.bounds.counted(scores[fit])
            self._counts = counts if self._counts is None else self._counts + counts
        alerts = units.filter(units["is_alert"])
        if not self._entity:
            self._alerts += alerts.num_rows
        elif alerts.num_rows:
            # Of one entity, the first: one noisy address is an attack, not a bad model.
            self._alerting.update(zip(*(alerts[c].to_pylist() for c in self._entity), strict=True))
            self._alerts = len(self._alerting)

    def seen(self) -> Seen:
        counts = () if self._counts is None else tuple(self._counts.tolist())
        return Seen(self.bounds if counts else None, self.units, counts, self._alerts, self.unfit)


@dataclass
class _Probation:
    new: _Tally
    old: _Tally | None
    looks: list[float] = field(default_factory=lambda: list(LOOKS))
    since: int | None = None
    watermark: int = 0

    def take(self, scored: Scored) -> None:
        if self.since is None:
            self.since = scored.watermark
        self.watermark = max(self.watermark, scored.watermark)
        if scored.scorer.version == self.new.version:
            self.new.take(scored.units)
        # What the model before still says aloud are units that the new one came too late for.
        elif self.old is not None and scored.scorer.version == self.old.version and scored.silent:
            self.old.take(scored.units)

    def judged(self) -> Judgement | None:
        """The last word, or a bad one before it; None: too early to say."""
        new, old = self.new.seen(), self.old.seen() if self.old else None
        if new.unfit:
            return judge(new, old)
        needed = units_needed(new.bounds)
        over = self.watermark - (self.since or 0) > _LONGEST
        if over and new.units < FEWEST_UNITS:
            return Judgement(True, f"kept: only {new.units} units in a week", {})
        due = [share for share in self.looks if new.units >= max(share * needed, FEWEST_UNITS)]
        if not due and not over:
            return None
        self.looks = [share for share in self.looks if share not in due]
        judgement = judge(new, old)
        return judgement if over or not self.looks or not judgement.within else None


def _read(path: Path) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    try:
        kept: dict[str, Any] = json.loads(path.read_bytes())
        refused = {str(name): dict(versions) for name, versions in kept["refused"].items()}
        return refused, dict(kept["unfinished"])
    except FileNotFoundError:
        return {}, {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(
            f"{path} does not hold what the guard of releases wrote: {error!r}. Remove it: versions"
            " that were refused here will be tried again"
        ) from error
