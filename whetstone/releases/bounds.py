"""What a model's scores look like where it was judged: what the same model in service should show.

Bounds are a part of the bundle's manifest, so an environment compares without training code.
`detectors.evaluation.bounds` makes them; `whetstone.streaming.serving.guard` compares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whetstone.errors import ReleaseError
from whetstone.scoring.calibration import Expected

BOUNDS = "bounds"
"""Their key in a bundle's manifest."""


@dataclass(frozen=True)
class Bounds:
    """How a model's scores were distributed, and how often they were alerts.

    Attributes:
        edges: some scores, ascending, each once. Bin i holds the scores above edge i - 1 up to and
            including edge i; one bin lies below the first edge, one above the last.
        benign: number of benign validation units in each of the len(edges) + 1 bins.
        judged: number of test units, attacks among them, in each of them.
        alerts: share of benign units that are alerts, with its 95 % interval.
        units: so many units are needed before a model in service is found to be within bounds.
    """

    edges: tuple[float, ...]
    benign: tuple[int, ...]
    judged: tuple[int, ...]
    alerts: Expected
    units: int

    def __post_init__(self) -> None:
        if list(self.edges) != sorted(set(self.edges)) or not self.edges:
            raise ReleaseError("bounds need ascending edges. Train the model anew")
        if not len(self.benign) == len(self.judged) == len(self.edges) + 1:
            raise ReleaseError("bounds need a count for every bin. Train the model anew")
        if min(sum(self.benign), sum(self.judged), self.units) < 1:
            raise ReleaseError("bounds need units to be bounds of. Train the model anew")

    def counted(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many of (n,) finite scores lie in each bin: (len(edges) + 1,)."""
        bins = np.searchsorted(self.edges, scores)
        return np.bincount(bins, minlength=len(self.edges) + 1)

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "edges": list(self.edges),
            "benign": list(self.benign),
            "judged": list(self.judged),
            "alerts": [self.alerts.low, self.alerts.value, self.alerts.high],
            "units": self.units,
        }

    @staticmethod
    def of(manifest: Mapping[str, Any]) -> "Bounds | None":
        """The bounds in a bundle's manifest; None in bundles that were made without.

        Raises:
            ReleaseError: they are malformed.
        """
        values = manifest.get(BOUNDS)
        if values is None:
            return None
        try:
            low, value, high = (float(one) for one in values["alerts"])
            return Bounds(
                tuple(float(edge) for edge in values["edges"]),
                _counts(values["benign"]),
                _counts(values["judged"]),
                Expected(low, value, high),
                int(values["units"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ReleaseError(f"not bounds: {error!r}. Train the model anew") from error


def _counts(values: Sequence[Any]) -> tuple[int, ...]:
    counts = tuple(int(value) for value in values)
    if min(counts, default=0) < 0:
        raise ValueError("a negative count")
    return counts
