"""An engine that is saved, restored, short of memory, or given other models."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.bundles import (
    ENVIRONMENT,
    MAX_LINE_BYTES,
    Lines,
    bundle_of,
    lines_of,
    scorer_of,
)
from tests.streaming.streams import SECOND
from whetstone.releases import Bundle, stamp
from whetstone.scoring.run import BundleScorer
from whetstone.streaming.checkpoint import Checkpoints
from whetstone.streaming.engine import Bounds, Engine
from whetstone.streaming.flow import Scored
from whetstone.streaming.inputs.framing import Framer
from whetstone.streaming.views import Served

INPUT = "wire"
BRIEFLY = settings(max_examples=3, deadline=None)
Row = tuple[Any, ...]


def engine_of(lines: Lines, bounds: Bounds | None = None) -> Engine:
    return Engine(ENVIRONMENT, {INPUT: lines.source.name}, bounds)


def batches(lines: Lines, cuts: Sequence[int]) -> list[pa.RecordBatch]:
    """The records of lines in batches that end at these shares (in thousandths)."""
    records = Framer(lines.source, MAX_LINE_BYTES).feed(lines.content)
    count = records.num_rows
    ends = sorted({0, count, *(count * cut // 1000 for cut in cuts)})
    return [records.slice(begin, end - begin) for begin, end in pairwise(ends)]


def rows(scored: Sequence[Scored], final: bool = True) -> Counter[Row]:
    """Units with their scores, each as often as it came."""
    found: Counter[Row] = Counter()
    for one in scored:
        if one.final == final and not one.silent:
            table = one.units.select(
                ["unit", "unit_start", "event_timestamp", "score", "model_version", "_events"]
            )
            found.update(tuple(row.values()) for row in table.to_pylist())
    return found


def run(engine: Engine, given_batches: Sequence[pa.RecordBatch], day: str) -> list[Scored]:
    return [
        one for records in given_batches for one in engine.work(engine.parse(INPUT, records, day))
    ]


@pytest.mark.parametrize("detector", ["ssh_bruteforce_gb", "hdfs_block_pca"])
def test_restored_from_checkpoints_it_goes_on_as_if_it_had_never_stopped(
    detector: str, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scorer = early(bundle_of(detector, real_data))
    lines = lines_of(scorer.source.name, real_data)

    @BRIEFLY
    @given(st.lists(st.integers(1, 999), min_size=1, max_size=6), st.data())
    def killed_somewhere(cuts: list[int], data: st.DataObject) -> None:
        parts = batches(lines, cuts)
        with engine_of(lines) as engine:
            engine.serve([Served(scorer)])
            undisturbed = run(engine, parts, lines.day) + list(engine.finish(INPUT))
        stop = data.draw(st.integers(0, len(parts)))
        directory = tmp_path_factory.mktemp("checkpoint")
        with engine_of(lines) as engine:
            engine.serve([Served(scorer)])
            before: list[Scored] = []
            checkpoints = Checkpoints(directory)
            for records in parts[:stop]:
                before += run(engine, [records], lines.day)
                whole = data.draw(st.booleans())
                saved = {
                    key: (part, whole)
                    for key, view in engine.views.items()
                    if (part := view.everything() if whole else view.added()) is not None
                }
                checkpoints.save(engine.state(), saved)
        with engine_of(lines) as engine:
            engine.serve([Served(scorer)])
            kept = Checkpoints(directory).load()
            assert (kept is None) == (stop == 0)
            if kept is not None:
                assert engine.restore(kept.state, kept.views) == []
            after = run(engine, parts[stop:], lines.day) + list(engine.finish(INPUT))
        for final in (True, False):
            assert rows(before + after, final) == rows(undisturbed, final)

    killed_somewhere()


def test_short_of_memory_it_closes_units_early_counts_them_and_loses_no_event(
    real_data: Path,
) -> None:
    scorer = scorer_of("ssh_bruteforce_gb", real_data)
    lines = lines_of("sshd", real_data)
    parts = batches(lines, range(0, 1000, 25))
    with engine_of(lines) as engine:
        engine.serve([Served(scorer)])
        ample = rows(run(engine, parts, lines.day) + list(engine.finish(INPUT)))
        assert not engine.counts.evicted
    with engine_of(lines, Bounds(most_units=3)) as engine:
        engine.serve([Served(scorer)])
        scored: list[Scored] = []
        for records in parts:
            scored += run(engine, [records], lines.day)
            assert engine.units <= 3
        scored += engine.finish(INPUT)
        evicted = engine.counts.evicted[scorer.view.name]
    scarce = rows(scored)
    assert 0 < evicted <= scarce.total()
    events = Counter[Row]()
    for found, sign in ((ample, 1), (scarce, -1)):
        for row, times in found.items():
            events[row[:3]] += sign * times * row[-1]
    assert set(events.values()) == {0}, "each event is in one unit, of the same name and time"


def test_a_model_of_the_same_view_takes_over_with_the_units_that_are_open(real_data: Path) -> None:
    old, new = (scorer_of("ssh_bruteforce_gb", real_data, seed) for seed in (1, 2))
    scored = handed_over([Served(old)], [Served(new)], real_data)
    counted_once(scored, real_data)
    assert versions(scored) == {old.version, new.version}


def test_a_model_of_another_view_takes_over_with_the_next_units(real_data: Path) -> None:
    old = scorer_of("ssh_bruteforce_gb", real_data)
    new = of_another_view(bundle_of("ssh_bruteforce_gb", real_data))
    for successors in ([Served(new)], [Served(new), Served(old, "predecessor")]):
        scored = handed_over([Served(old)], successors, real_data)
        counted_once(scored, real_data)
        boundary = max(
            start for _, start, _, _, version, _ in rows(scored) if version == old.version
        )
        later = [row for row in rows(scored) if row[4] == new.version]
        assert later and all(start > boundary for _, start, *_ in later)


def test_a_line_from_the_future_makes_no_other_late(real_data: Path) -> None:
    scorer = scorer_of("network_scan_window", real_data)
    lines = lines_of("suricata_flow", real_data)
    forged = lines.records[0].replace(b"2026-", b"2036-")
    disturbed = replace(lines, records=(forged, *lines.records))
    latest = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp() * SECOND)

    def scored(given_lines: Lines, bound: int | None) -> tuple[Counter[Row], Engine]:
        with engine_of(given_lines, Bounds(lateness=3600 * SECOND)) as engine:
            engine.serve([Served(scorer)])
            found = [
                one
                for records in batches(given_lines, range(0, 1000, 100))
                for one in engine.work(engine.parse(INPUT, records, lines.day, latest=bound))
            ]
            return rows([*found, *engine.finish(INPUT)]), engine

    undisturbed, _ = scored(lines, latest)
    found, engine = scored(disturbed, latest)
    assert undisturbed.total() > 10 and not undisturbed - found
    assert engine.counts.ahead["suricata_flow"] == 1 and not engine.counts.late["suricata_flow"]
    believed, engine = scored(disturbed, None)
    assert undisturbed - believed and engine.counts.late["suricata_flow"] > 0


def test_a_detector_that_is_withdrawn_is_scored_no_more(real_data: Path) -> None:
    old = scorer_of("ssh_bruteforce_gb", real_data)
    lines = lines_of("sshd", real_data)
    parts = batches(lines, [500])
    with engine_of(lines) as engine:
        engine.serve([Served(old)])
        run(engine, parts[:1], lines.day)
        engine.serve([])
        assert run(engine, parts[1:], lines.day) + list(engine.finish(INPUT)) == []
        assert engine.units == 0


def handed_over(before: Sequence[Served], after: Sequence[Served], data: Path) -> list[Scored]:
    """What is scored where the models change half way."""
    lines = lines_of("sshd", data)
    parts = batches(lines, [250, 500, 750])
    with engine_of(lines) as engine:
        engine.serve(before)
        scored = run(engine, parts[:2], lines.day)
        engine.serve(after)
        return scored + run(engine, parts[2:], lines.day) + list(engine.finish(INPUT))


def counted_once(scored: Sequence[Scored], data: Path) -> None:
    """Each unit that the stream holds is scored by one model, with all of its events."""
    lines = lines_of("sshd", data)
    with engine_of(lines) as engine:
        engine.serve([Served(scorer_of("ssh_bruteforce_gb", data))])
        alone = rows(run(engine, batches(lines, []), lines.day) + list(engine.finish(INPUT)))

    def units(found: Counter[Row]) -> Counter[Row]:
        return Counter((row[0], row[1], row[-1]) for row in found.elements())

    assert units(rows(scored)) == units(alone)


def versions(scored: Sequence[Scored]) -> set[str]:
    return {row[4] for row in rows(scored)}


def early(bundle: Bundle) -> BundleScorer:
    changed = changed_definitions(bundle)
    changed.definitions.detectors[0].early = True
    return BundleScorer(stamp(changed))


def of_another_view(bundle: Bundle) -> BundleScorer:
    """The same model of windows whose definition reads otherwise and means the same."""
    changed = changed_definitions(bundle)
    feature = changed.definitions.feature_views[0].features[0]
    feature.definition = f"coalesce({feature.definition}, 0)"
    return BundleScorer(stamp(changed))


def changed_definitions(bundle: Bundle) -> Bundle:
    definitions = type(bundle.definitions)()
    definitions.CopyFrom(bundle.definitions)
    return replace(bundle, definitions=definitions)
