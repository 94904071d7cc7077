"""Models are exchanged while lines come, and nothing is lost or scored twice."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.streaming.bundles import ENVIRONMENT, MAX_LINE_BYTES, Lines, bundle_of, lines_of, parsed
from tests.streaming.scoring_worker import SIP, Sips
from tests.streaming.streams import INPUT, SECOND, pieces
from tests.streaming.test_parity import differences
from whetstone.catalog.catalog_pb2 import Environment
from whetstone.releases import Bundle, stamp
from whetstone.scoring.run import BundleScorer
from whetstone.streaming.alerting.alerts import Limits
from whetstone.streaming.engine import Bounds, Engine
from whetstone.streaming.flow import Scored
from whetstone.streaming.health.metrics import Metrics
from whetstone.streaming.inputs import open_input
from whetstone.streaming.inputs.framing import Framer
from whetstone.streaming.outputs import open_output
from whetstone.streaming.scorer import Plan, Scorer
from whetstone.streaming.serving.releases import Change
from whetstone.streaming.views import Served

DETECTOR = "ssh_bruteforce_gb"
BRIEFLY = settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
SWAPS = st.integers(1, 9)  # before which of ten pieces


def batch_of(scorer: BundleScorer, lines: Lines) -> pa.Table:
    with parsed(lines) as connection:
        return scorer.score_events(connection, "events")


def swapped(old: BundleScorer, new: BundleScorer, lines: Lines, at: int) -> list[Scored]:
    """What comes of ten pieces when the new model is there from one of them on."""
    content = lines.content
    found: list[Scored] = []
    with Engine(ENVIRONMENT, {INPUT: "sshd"}, Bounds(lateness=60 * SECOND)) as engine:
        engine.serve([Served(old)])
        framer = Framer(lines.source, MAX_LINE_BYTES)
        cuts = range(0, len(content), len(content) // 10 + 1)
        for number, (piece, last) in enumerate(pieces(content, cuts)):
            if number == at:
                engine.serve([Served(new)])
            found += engine.work(engine.parse(INPUT, framer.feed(piece, last), lines.day))
        found += engine.finish(INPUT)
    return [scored for scored in found if scored.final and not scored.silent]


def units(found: list[Scored], scorer: BundleScorer) -> pa.Table:
    return pa.concat_tables([s.units for s in found if s.scorer is scorer])


def test_a_model_of_the_same_view_takes_over_the_units_that_are_open(real_data: Path) -> None:
    lines = lines_of("sshd", real_data)
    old, new = (BundleScorer(bundle_of(DETECTOR, real_data, seed)) for seed in (1, 2))
    batches = {scorer.version: batch_of(scorer, lines) for scorer in (old, new)}

    @settings(BRIEFLY, max_examples=2)
    @given(SWAPS)
    def swap(at: int) -> None:
        found = swapped(old, new, lines, at)
        both = [units(found, scorer) for scorer in (old, new)]
        assert all(table.num_rows for table in both)
        for scorer, table in zip((old, new), both, strict=True):
            missing = differences(table, batches[scorer.version])
            assert {side for side, *_ in missing} <= {"batch"}
        names = [(row["unit"], row["unit_start"]) for t in both for row in t.to_pylist()]
        expected = batches[old.version].to_pylist()
        assert Counter(names) == Counter((row["unit"], row["unit_start"]) for row in expected)

    swap()


def test_a_model_of_other_units_gets_every_event_that_its_predecessor_has_not(
    real_data: Path,
) -> None:
    lines = lines_of("sshd", real_data)
    bundle = bundle_of(DETECTOR, real_data)
    old, new = BundleScorer(bundle), BundleScorer(with_windows(bundle, "20m"))
    with parsed(lines) as connection:
        ((expected,),) = connection.execute("SELECT count(src_ip) FROM events").fetchall()

    @settings(BRIEFLY, max_examples=2)
    @given(SWAPS)
    def swap(at: int) -> None:
        found = swapped(old, new, lines, at)
        if at < 6:  # later, windows that are open take all that is left
            assert {scored.scorer for scored in found} == {old, new}
        assert sum(sum(scored.units["_events"].to_pylist()) for scored in found) == expected
        evidence = [
            line.number
            for scored in found
            for row in range(scored.units.num_rows)
            for line in scored.lines(row)
        ]
        assert len(evidence) == len(set(evidence))

    swap()


def with_windows(bundle: Bundle, every: str) -> Bundle:
    definitions = type(bundle.definitions)()
    definitions.CopyFrom(bundle.definitions)
    definitions.feature_views[0].window.every = every
    return stamp(replace(bundle, definitions=definitions))


class Swapping:
    """Two models in turns: another one before every batch."""

    def __init__(self, *scorers: BundleScorer) -> None:
        self._scorers = scorers
        self.swaps = 0

    def changes(self) -> list[Change]:
        scorer = self._scorers[self.swaps % len(self._scorers)]
        self.swaps += 1
        return [Change(DETECTOR, scorer, "champion", "its turn")]

    def take(self, scored: Scored) -> None: ...

    def refuse(self, scorer: BundleScorer, reason: str) -> None:
        raise AssertionError(reason)

    def reports(self) -> list[dict[str, Any]]:
        return []


def test_swaps_under_load_lose_no_alert_and_tell_none_twice(
    real_data: Path, tmp_path: Path
) -> None:
    """Every unit alerts under either model, so the alerts are the units."""
    lines = lines_of("sshd", real_data)
    old, new = (
        BundleScorer(stamp(replace(bundle_of(DETECTOR, real_data, seed), threshold=0.0)))
        for seed in (1, 2)
    )
    log, out, state = tmp_path / "auth.log", tmp_path / "alerts.jsonl", tmp_path / "state"
    log.write_bytes(lines.content)
    models, metrics = Swapping(old, new), Metrics(ENVIRONMENT, "test")
    scorer = Scorer(
        Environment(name=ENVIRONMENT),
        [Sips(open_input(f"sshd=file://{log}", state / "spool"))],
        models,
        [open_output(f"file://{out}", state / "outputs")],
        Plan(state, limits=Limits(alerts=10_000), most_batch_bytes=SIP, day=lines.day),
        metrics,
        say=lambda _: None,
    )
    scorer.run()
    records = [json.loads(line)["whetstone"] for line in out.read_text().splitlines()]
    closed = [record for record in records if record["status"] == "closed"]
    expected = batch_of(old, lines).to_pylist()
    assert Counter((r["unit"], r["unit_start"][:19]) for r in closed) == Counter(
        (r["unit"], r["unit_start"].isoformat()[:19]) for r in expected
    )
    assert {record["model_version"] for record in closed} == {old.version, new.version}
    assert models.swaps > 10
