"""A stream's units and scores are those of the day's batch, for every shipped detector.

Equal means equal: each feature and each score to the last bit.
"""

from dataclasses import replace
from functools import cache
from itertools import accumulate
from pathlib import Path
from random import Random

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.streaming.bundles import (
    CATALOG,
    DETECTORS,
    ENVIRONMENT,
    MAX_LINE_BYTES,
    Lines,
    batch_scores,
    bundle_of,
    lines_of,
    parsed,
    scorer_of,
    source_of,
)
from tests.streaming.streams import INPUT, SECOND, pieces, stream, stream_inputs
from whetstone.catalog.catalog_pb2 import FeatureView
from whetstone.catalog.validation import seconds_of
from whetstone.releases import Bundle, stamp
from whetstone.scoring.run import BundleScorer
from whetstone.streaming.engine import Bounds, Engine
from whetstone.streaming.flow import Scored
from whetstone.streaming.inputs.framing import Framer
from whetstone.streaming.views import Served

SOURCES = sorted({source_of(detector) for detector in DETECTORS})
POSITIONS = st.lists(st.integers(0, 1 << 20), max_size=8)
SEEDS = st.integers(0, 1 << 32)
# Hundreds of lines through an engine are not shrunk within reason.
BRIEFLY = settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])


def view_of(detector: str) -> FeatureView:
    return CATALOG.view_of(CATALOG.golden_datasets[CATALOG.detectors[detector].golden_dataset])


GROUPING = sorted(
    {source_of(name) for name in DETECTORS if view_of(name).WhichOneof("unit") != "event"}
)
"""Sources with units of several events, which their order might change."""


def scorers_of(source: str, data: Path) -> list[BundleScorer]:
    """Those of all shipped detectors that read a source, which they share."""
    return [scorer_of(name, data) for name in DETECTORS if source_of(name) == source]


@cache
def damaged_lines(source: str, data: Path) -> Lines:
    """The lines with others among them that no source can parse, and empty ones."""
    lines = lines_of(source, data)
    records: list[bytes] = []
    for number, record in enumerate(lines.records):
        records.append(record)
        if number % 50 == 20:
            damage = (b"\n", b"\xff\xfe\x00 no record\n", record[: len(record) // 3] + b"\n")
            records.append(damage[number // 50 % 3])
    return replace(lines, records=tuple(records))


@cache
def batch_of(detector: str, data: Path) -> pa.Table:
    """The oracle."""
    return batch_scores(scorer_of(detector, data), damaged_lines(source_of(detector), data))


@cache
def times_of(source: str, data: Path) -> dict[int, int]:
    """Event time (µs) by number of the line."""
    with parsed(damaged_lines(source, data)) as connection:
        found = connection.execute("SELECT raw_line, epoch_us(event_time) FROM events")
        return dict(found.fetchall())


def differences(stream: pa.Table, batch: pa.Table) -> list[tuple[object, ...]]:
    """Rows, with all that the batch knows of them, that one has and the other has not."""
    names = ", ".join(f'"{name}"' for name in batch.column_names)
    with duckdb.connect() as connection:
        connection.register("stream", stream.select(batch.column_names))
        connection.register("batch", batch)
        return connection.execute(
            f"""(SELECT 'stream', {names} FROM (FROM stream EXCEPT ALL FROM batch)) UNION ALL
                (SELECT 'batch', {names} FROM (FROM batch EXCEPT ALL FROM stream))"""
        ).fetchall()


def shuffled(source: str, data: Path, lateness: int, seed: int) -> tuple[Lines, dict[int, int]]:
    """The lines with events less than `lateness` (µs) behind others, and their times by number.

    Events of equal times keep their order.
    """
    lines, times = damaged_lines(source, data), times_of(source, data)
    distinct = sorted(set(times.values()))
    jitter = np.random.default_rng(seed).integers(lateness, size=len(distinct))
    place_of = {time: time + int(late) for time, late in zip(distinct, jitter, strict=True)}
    places, before = [], -(1 << 62)
    for number in range(1, len(lines.records) + 1):
        before = place_of[times[number]] if number in times else before
        places.append(before)
    order = np.argsort(places, kind="stable").tolist()
    moved = replace(lines, records=tuple(lines.records[at] for at in order))
    known = ((number, times.get(at + 1)) for number, at in enumerate(order, 1))
    return moved, {number: time for number, time in known if time is not None}


@pytest.mark.parametrize("source", SOURCES)
def test_however_the_input_is_cut_scores_are_those_of_the_batch(
    source: str, real_data: Path
) -> None:
    lines = damaged_lines(source, real_data)
    scorers = scorers_of(source, real_data)

    @settings(BRIEFLY, max_examples=2)
    @given(POSITIONS)
    def cut_anywhere(cuts: list[int]) -> None:
        found = stream(scorers, lines, (cut % len(lines.content) for cut in cuts))
        for scorer in scorers:
            batch = batch_of(scorer.detector.name, real_data)
            assert sum(batch["is_alert"].to_pylist()) > 0
            assert differences(found.of(scorer), batch) == []
        assert found.late == 0

    cut_anywhere()


def test_one_line_at_a_time_gives_the_same(real_data: Path) -> None:
    whole = lines_of("sshd", real_data)
    lines = replace(whole, records=whole.records[:60])
    (scorer,) = scorers_of("sshd", real_data)
    found = stream([scorer], lines, accumulate(map(len, lines.records)))
    assert differences(found.of(scorer), batch_scores(scorer, lines)) == []


@pytest.mark.parametrize("source", GROUPING)
def test_events_out_of_order_within_the_lateness_change_nothing(
    source: str, real_data: Path
) -> None:
    scorers = scorers_of(source, real_data)

    @settings(BRIEFLY, max_examples=2)
    @given(SEEDS, POSITIONS, st.sampled_from([SECOND, 60 * SECOND, 3600 * SECOND]))
    def shuffle(seed: int, cuts: list[int], lateness: int) -> None:
        lines, _ = shuffled(source, real_data, lateness, seed)
        found = stream(scorers, lines, (cut % len(lines.content) for cut in cuts), lateness)
        assert found.late == 0
        for scorer in scorers:
            if scorer.view.WhichOneof("unit") != "event":
                batch = batch_of(scorer.detector.name, real_data)
                assert differences(found.of(scorer), batch) == []

    shuffle()


def test_a_silence_of_a_second_shortens_the_lateness_by_no_more(real_data: Path) -> None:
    """Live inputs that are silent complete windows by the clock, and as late as the others do."""
    (scorer,) = scorers_of("sshd", real_data)
    lateness = 60 * SECOND
    lines, _ = shuffled("sshd", real_data, lateness - 2 * SECOND, seed=1)
    framer = Framer(lines.source, MAX_LINE_BYTES)
    found: list[Scored] = []
    with Engine(ENVIRONMENT, {INPUT: "sshd"}, Bounds(lateness=lateness)) as engine:
        engine.serve([Served(scorer)])
        step = len(lines.content) // 40
        for piece, last in pieces(lines.content, range(0, len(lines.content), step)):
            found += engine.work(engine.parse(INPUT, framer.feed(piece, last), lines.day))
            found += engine.idle(INPUT, (engine.newest(INPUT) or 0) + SECOND, 0.0)
        closed_before_the_end = len(found)
        found += engine.finish(INPUT)
        assert engine.counts.late["sshd"] == 0
    assert closed_before_the_end > 5
    batch = batch_of(scorer.detector.name, real_data)
    assert differences(pa.concat_tables([s.units for s in found if s.final]), batch) == []


def test_events_behind_the_lateness_are_counted_and_the_others_score_as_if_alone(
    real_data: Path,
) -> None:
    (scorer,) = scorers_of("sshd", real_data)
    window = (seconds_of(scorer.view.window.every) or 0) * SECOND

    @settings(BRIEFLY, max_examples=3)
    @given(SEEDS, POSITIONS, st.integers(0, 600))
    def come_late(seed: int, cuts: list[int], seconds: int) -> None:
        lateness = seconds * SECOND
        lines, times = shuffled("sshd", real_data, lateness + 1200 * SECOND, seed)
        newest, late = -(1 << 62), set[int]()
        for number, time in times.items():
            if time // window * window + window <= newest - lateness:
                late.add(number)
            newest = max(newest, time)
        found = stream([scorer], lines, (cut % len(lines.content) for cut in cuts), lateness)
        with parsed(lines) as connection:
            connection.execute("CREATE TABLE late AS SELECT unnest($1) AS raw_line", [sorted(late)])
            batch = scorer.score_events(connection, "(FROM events ANTI JOIN late USING (raw_line))")
            ((dropped,),) = connection.execute(
                "SELECT count(src_ip) FROM events SEMI JOIN late USING (raw_line)"
            ).fetchall()
        assert found.late == dropped > 0
        assert differences(found.of(scorer), batch) == []

    come_late()


def test_units_that_grow_score_as_the_batch_would_at_that_moment(real_data: Path) -> None:
    source, scorer = "sshd", early(bundle_of("ssh_bruteforce_gb", real_data))
    lines = damaged_lines(source, real_data)
    growing = stream([scorer], lines).of(scorer, final=False)
    assert max(growing["_events"].to_pylist()) > 20
    with parsed(lines) as connection:
        names = [name for name in growing.column_names if not name.startswith("_")]
        for size in (1, 3, 10, 22):
            first = f"""(FROM events WHERE src_ip IS NOT NULL QUALIFY row_number() OVER (
                         PARTITION BY src_ip, time_bucket(INTERVAL 5 MINUTES, event_time)
                         ORDER BY raw_line) <= {size})"""
            batch = scorer.score_events(connection, first)
            of_size = growing.filter(pc.equal(growing["_events"], size)).select(names)
            keys = ["unit", "unit_start"]
            expected = batch.join(of_size.select(keys), keys, join_type="left semi").select(names)
            assert of_size.num_rows > 0
            assert differences(of_size, expected) == []


def test_units_that_grow_come_at_the_same_sizes_however_the_input_is_cut(real_data: Path) -> None:
    scorer = early(bundle_of("ssh_bruteforce_gb", real_data))
    lines = damaged_lines("sshd", real_data)
    whole = stream([scorer], lines).of(scorer, final=False)

    @settings(BRIEFLY, max_examples=2)
    @given(POSITIONS)
    def cut_anywhere(cuts: list[int]) -> None:
        found = stream([scorer], lines, (cut % len(lines.content) for cut in cuts))
        assert differences(found.of(scorer, final=False), whole) == []

    cut_anywhere()


def early(bundle: Bundle) -> BundleScorer:
    """The same detector, which wants to know early."""
    definitions = type(bundle.definitions)()
    definitions.CopyFrom(bundle.definitions)
    definitions.detectors[0].early = True
    return BundleScorer(stamp(replace(bundle, definitions=definitions)))


def test_a_session_that_goes_on_over_midnight_is_one_of_each_day(real_data: Path) -> None:
    scorers = scorers_of("hdfs", real_data)
    today = lines_of("hdfs", real_data)
    day = b"081109 "
    assert all(record.startswith(day) for record in today.records)
    later = tuple(record.replace(day, b"081110 ", 1) for record in today.records)
    both = replace(today, records=today.records + later)
    found = stream(scorers, both, [len(both.content) // 3], lateness=60 * SECOND)
    for scorer in scorers:
        days = [
            batch_scores(scorer, replace(today, records=part)) for part in (today.records, later)
        ]
        assert differences(found.of(scorer), pa.concat_tables(days)) == []


def test_units_gather_events_of_several_inputs(real_data: Path) -> None:
    """As those of several files that landed on one day."""
    scorers = scorers_of("zeek_conn", real_data)
    lines = lines_of("zeek_conn", real_data)
    header = [record for record in lines.records if record.startswith(b"#")]
    records = lines.records[len(header) :]
    inputs = {
        f"{number}.log": replace(lines, records=(*header, *records[number::2])) for number in (0, 1)
    }

    @settings(BRIEFLY, max_examples=2)
    @given(POSITIONS, st.randoms(use_true_random=False))
    def interleave(cuts: list[int], chance: Random) -> None:
        waiting = {
            name: list(pieces(given.content, (cut % len(given.content) for cut in cuts)))
            for name, given in inputs.items()
        }
        turns = [name for name, of in waiting.items() for _ in of]
        chance.shuffle(turns)
        arriving = ((name, *waiting[name].pop(0)) for name in turns)
        found = stream_inputs(scorers, inputs, arriving)
        for scorer in scorers:
            with parsed(*inputs.values()) as connection:
                batch = scorer.score_events(connection, "events")
            assert differences(found.of(scorer), batch) == []

    interleave()


def test_the_lines_of_a_unit_are_its_evidence(real_data: Path) -> None:
    lines = damaged_lines("sshd", real_data)
    (scorer,) = scorers_of("sshd", real_data)
    with parsed(lines) as connection:
        rows = connection.execute(
            """SELECT src_ip, time_bucket(INTERVAL 5 MINUTES, event_time),
                      list((raw_line, raw_hash) ORDER BY raw_line)
               FROM events WHERE src_ip IS NOT NULL GROUP BY ALL"""
        ).fetchall()
    expected = {(unit, start): evidence for unit, start, evidence in rows}
    found = {
        (row["unit"], row["unit_start"]): [(line.number, line.hash) for line in scored.lines(at)]
        for scored in stream([scorer], lines, [5000, 50_000]).scored
        for at, row in enumerate(scored.units.to_pylist())
    }
    assert found == {key: evidence[-200:] for key, evidence in expected.items()}
