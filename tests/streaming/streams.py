"""Lines through the engine of a scorer, cut into batches as a test likes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pyarrow as pa

from tests.streaming.bundles import ENVIRONMENT, MAX_LINE_BYTES, Lines
from whetstone.scoring.run import BundleScorer
from whetstone.streaming.engine import Bounds, Engine
from whetstone.streaming.flow import Scored
from whetstone.streaming.inputs.framing import Framer
from whetstone.streaming.views import Served

INPUT = "wire"
SECOND = 1_000_000
DAY = 86_400 * SECOND


@dataclass
class Streamed:
    """What a stream gave.

    Attributes:
        scored: all of it, in order.
        late: events that came when their unit was complete.
    """

    scored: list[Scored] = field(default_factory=list[Scored])
    late: int = 0

    def of(self, scorer: BundleScorer, final: bool = True) -> pa.Table:
        """The units of a model, complete ones or growing ones, in order."""
        tables = [s.units for s in self.scored if s.final == final and s.scorer is scorer]
        return pa.concat_tables(tables) if tables else pa.table({})


def stream(
    scorers: Sequence[BundleScorer],
    lines: Lines,
    cuts: Iterable[int] = (),
    lateness: int = DAY,
) -> Streamed:
    """Score lines that arrive in pieces, which end at the byte positions `cuts`."""
    arriving = ((INPUT, *piece) for piece in pieces(lines.content, cuts))
    return stream_inputs(scorers, {INPUT: lines}, arriving, lateness)


def stream_inputs(
    scorers: Sequence[BundleScorer],
    inputs: Mapping[str, Lines],
    arriving: Iterable[tuple[str, bytes, bool]],
    lateness: int = DAY,
) -> Streamed:
    """Score what arrives: name of an input, bytes, and whether they are its last."""
    result = Streamed()
    sources = {name: lines.source.name for name, lines in inputs.items()}
    framers = {
        name: Framer(lines.source, MAX_LINE_BYTES, whole_file=True)
        for name, lines in inputs.items()
    }
    with Engine(ENVIRONMENT, sources, Bounds(lateness=lateness)) as engine:
        engine.serve([Served(scorer) for scorer in scorers])
        for name, piece, last in arriving:
            records = framers[name].feed(piece, last)
            result.scored += engine.work(engine.parse(name, records, inputs[name].day))
        for name in inputs:
            result.scored += engine.finish(name)
        result.late = sum(engine.counts.late.values())
    return result


def pieces(content: bytes, cuts: Iterable[int]) -> Iterator[tuple[bytes, bool]]:
    """Content in pieces; of the last it is said."""
    ends = sorted({0, len(content), *(cut for cut in cuts if 0 < cut < len(content))})
    for begin, end in pairwise(ends):
        yield content[begin:end], end == len(content)
