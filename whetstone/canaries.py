"""Canaries of a golden dataset: raw lines of an attack that every model must find.

They go the way of a day's batch: parsed by the bundle's own source, made to units by its view,
scored by its graph, held against its threshold. `whetstone.streaming.health.canary` sends lines of
the same form (`whetstone.canary_clock`) through a live scorer.

    results = canaries_found(BundleScorer(bundle), dataset, datetime(2026, 3, 10, 12, tzinfo=UTC))
    missed = [result.name for result in results if not result.found]
"""

# pyarrow ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa

from whetstone.canary_clock import with_clock
from whetstone.catalog.catalog_pb2 import Canary, GoldenDataset, Source
from whetstone.engine import open_engine
from whetstone.parsing import RawFile, parse_files
from whetstone.scoring.run import BundleScorer
from whetstone.settings import settings

ENVIRONMENT = "canary"
"""What the events of canaries bear as their environment: no site's name."""


@dataclass(frozen=True)
class CanaryResult:
    """What became of a canary.

    Attributes:
        name: the canary's.
        technique: ATT&CK technique, the canary's or else its dataset's.
        found: a unit that its lines made reached the threshold.
        score: the highest of a unit; None where its lines made no unit.
        threshold: the model's.
        detail: why it was missed; empty if it was found.
    """

    name: str
    technique: str
    found: bool
    score: float | None
    threshold: float
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


def canaries_found(
    scorer: BundleScorer, dataset: GoldenDataset, at: datetime
) -> list[CanaryResult]:
    """Which canaries of a dataset a model finds, in the order in which they are defined.

    The dataset is today's: a champion that was trained earlier has to find what was planted since.
    Slow features are looked up in the bundle's export, where no canary is known.

    Args:
        scorer: the model, with the definitions of its own bundle.
        dataset: whose canaries.
        at: the instant that is filled in; naive means UTC. Equal instants give equal results.
    """
    moment = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    found: list[CanaryResult] = []
    with open_engine() as connection:
        for canary in dataset.canaries:
            lost = parse_canary(connection, scorer.source, canary, moment)
            scored = scorer.score_events(connection, "events")
            technique = canary.technique or dataset.technique
            found.append(_result(canary.name, technique, scored, scorer.bundle.threshold, lost))
    return found


def parse_canary(
    connection: duckdb.DuckDBPyConnection, source: Source, canary: Canary, at: datetime
) -> dict[str, int]:
    """Parse the lines of a canary into the temporary tables `events` and `rejects`.

    Returns:
        How many of them gave no event, by the reason.
    """
    with TemporaryDirectory(prefix="whetstone-canary-") as directory:
        path = Path(directory) / "lines"
        path.write_text(lines_of(canary, at), encoding="utf-8", newline="")
        files = [RawFile(path, ENVIRONMENT, f"canary-{canary.name}")]
        day = at.date().isoformat()
        parsed = parse_files(connection, source, files, day, settings().max_line_bytes)
    skipped = {"`accept` is not true for it": parsed.skipped} if parsed.skipped else {}
    return {**parsed.rejects, **skipped}


def lines_of(canary: Canary, at: datetime) -> str:
    """The raw lines of a canary at an instant, each ended."""
    return "".join(f"{with_clock(line, at)}\n" for line in canary.lines)


def _result(
    name: str, technique: str, scored: pa.Table, threshold: float, lost: dict[str, int]
) -> CanaryResult:
    scores: list[float] = scored["score"].to_pylist()
    best = max(scores, default=None)
    found = best is not None and best >= threshold
    return CanaryResult(
        name, technique, found, best, threshold, "" if found else _why(best, threshold, lost)
    )


def _why(best: float | None, threshold: float, lost: dict[str, int]) -> str:
    unread = "; ".join(f"{count} lines gave no event: {why}" for why, count in lost.items())
    if best is None:
        return unread or "its lines make no unit of the view"
    below = f"the highest score is {best:.4g}, the threshold {threshold:.4g}"
    return f"{below}; {unread}" if unread else below
