"""The interval of a share that was counted."""

import math
from statistics import NormalDist


def wilson(hits: float, rows: float, confidence: float = 0.95) -> tuple[float, float] | None:
    """Wilson's score interval of a proportion; None without rows.

    Args:
        hits: of `rows`; either may be an effective number, as of a weighted sample.
        confidence: of the interval.

    References: Wilson, Probable inference (JASA 1927).
    """
    if not rows:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = hits / rows, z * z / rows
    centre = share + weight / 2
    half = z * math.sqrt(share * (1 - share) / rows + weight / (4 * rows))
    low, high = (centre - half) / (1 + weight), (centre + half) / (1 + weight)
    return min(share, max(0.0, low)), max(share, min(1.0, high))
