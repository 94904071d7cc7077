"""What scorers say of a source's lines: their digests, which are hostile (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

_MOST_SECONDS = 10 * 366 * 86_400.0


@dataclass(frozen=True)
class Told:
    """What a scorer said of itself, of one source, since it began.

    Attributes:
        began, heard: the span that its counts are of, UTC.
        lines: that it read and kept; `dropped` more it gave up.
        events: that it parsed; `late` of them came too late.
    """

    environment: str
    began: datetime
    heard: datetime
    lines: int
    dropped: int
    events: int
    late: int


def told_by(
    environment: str, heard: datetime, digest: Mapping[str, Any], source: str
) -> Told | None:
    """What a scorer's digest (`Metrics.digest`, hostile) says of a source; None: nothing usable."""
    sources = digest.get("sources")
    counts = sources.get(source) if isinstance(sources, Mapping) else None
    seconds = digest.get("up_seconds")
    if not isinstance(counts, Mapping) or not _is_count(seconds):
        return None
    up = timedelta(seconds=min(cast(float, seconds), _MOST_SECONDS))
    events, rejects, dropped, late = (
        counts.get(name, 0) for name in ("events", "rejects", "dropped", "late")
    )
    if not all(map(_is_count, (events, rejects, dropped, late))):
        return None
    return Told(
        environment, heard - up, heard, events + rejects, dropped, events, min(late, events)
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15
