"""What the planner decides, case by case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from planner_world import MemoryLedger

from whetstone.ledger import Attempt, Made, evidence_of
from whetstone.lineage import Follow, Graph, Input, Node
from whetstone.planning import Plan, plan
from whetstone.versions import Roots, current_inputs

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
DAYS = ("2026-02-27", "2026-02-28", "2026-03-01")


class Lab:
    """parsed -> scores by day, with a model that passes a gate: what the real graph is like."""

    def __init__(self) -> None:
        self.nodes = {
            node.asset: node
            for node in (
                Node("parsed/a", True, "1", (Input("landing/a"),)),
                Node("golden/g", False, "1", (Input("contributions/g"),)),
                Node("model/m", False, "1", (Input("golden/g"),)),
                Node("evaluation/m", False, "1", (Input("model/m"),)),
                Node("release/m", False, "1", (Input("evaluation/m", gated=True),)),
                Node(
                    "scores/m",
                    True,
                    "1",
                    (Input("parsed/a"), Input("release/m", Follow.LATEST)),
                ),
                Node("alerts/daily", True, "1", (Input("scores/m", optional=True),)),
            )
        }
        self.roots: dict[str, dict[str | None, str]] = {
            "landing/a": dict.fromkeys(DAYS, "files 1"),
            "contributions/g": {None: "contributions 1"},
        }
        self.ledger = MemoryLedger()
        self.now = NOW
        for run in self.look().runs:
            for asset in run.assets:
                for day in run.days if self.nodes[asset].daily else (None,):
                    self.make(asset, day, "1")
        assert self.look().idle

    @property
    def graph(self) -> Graph:
        return Graph(self.nodes, frozenset({"landing/a"}))

    def look(self, *active: tuple[str, str | None]) -> Plan:
        return plan(self.graph, self.ledger, Roots(self.roots), self.now, frozenset(active))

    def make(self, asset: str, day: str | None, content: str, gate: str = "") -> None:
        inputs = current_inputs(self.graph, asset, day, self.ledger, Roots(self.roots))
        made = Made(self.nodes[asset].code_version, inputs, content, self.now.isoformat(), gate)
        self.ledger.manifests[asset, day] = made

    def fail(self, asset: str, day: str | None = None, error: str = "boom", times: int = 1) -> None:
        inputs = current_inputs(self.graph, asset, day, self.ledger, Roots(self.roots))
        evidence = evidence_of(self.nodes[asset].code_version, inputs)
        self.ledger.attempts[asset, day] = Attempt(evidence, self.now.isoformat(), times, error)

    def redefine(self, asset: str) -> None:
        self.nodes[asset] = replace(self.nodes[asset], code_version="2")


@pytest.fixture
def lab() -> Lab:
    return Lab()


def assets(decided: Plan) -> list[tuple[str, ...]]:
    return [run.assets for run in decided.runs]


def test_the_first_run_makes_everything_at_once():
    empty = Lab()
    empty.ledger = MemoryLedger()
    (run,) = empty.look().runs
    assert run.assets == tuple(empty.nodes)
    assert run.days == DAYS
    assert set(run.causes.values()) == {"never made"}


def test_a_cause_names_the_input_that_changed(lab: Lab):
    lab.roots["landing/a"][DAYS[1]] = "files 2"
    (run,) = lab.look().runs
    assert (run.assets, run.days) == (("parsed/a",), (DAYS[1],))
    assert run.causes == {"parsed/a": "landing/a changed"}


def test_what_is_not_stale_itself_waits_for_what_feeds_it(lab: Lab):
    lab.roots["contributions/g"][None] = "contributions 2"
    decided = lab.look()
    assert assets(decided) == [("golden/g",)]
    assert set(decided.waiting) == {"model/m", "evaluation/m", "release/m"} | {
        f"{asset}[{DAYS[-1]}]" for asset in ("scores/m", "alerts/daily")
    }


def test_what_is_stale_runs_with_what_feeds_it(lab: Lab):
    lab.redefine("golden/g")
    lab.redefine("model/m")
    assert assets(lab.look()) == [("golden/g", "model/m")]


def test_what_is_stale_waits_for_what_may_change_in_between(lab: Lab):
    lab.redefine("golden/g")
    lab.redefine("evaluation/m")
    assert assets(lab.look()) == [("golden/g",)]


def test_a_change_that_may_be_taken_back_is_waited_for(lab: Lab):
    lab.make("golden/g", None, "2")
    lab.redefine("golden/g")
    decided = lab.look()
    assert assets(decided) == [("golden/g",)]
    assert "model/m" in decided.waiting


def test_equal_content_ends_the_matter(lab: Lab):
    lab.redefine("golden/g")
    lab.make("golden/g", None, "1")
    assert lab.look().idle


def test_a_new_champion_scores_the_newest_day_and_leaves_history_alone(lab: Lab):
    lab.make("release/m", None, "2")
    (run,) = lab.look().runs
    assert (run.assets, run.days) == (("scores/m",), (DAYS[-1],))


def test_a_failed_gate_holds_the_release_and_nothing_else(lab: Lab):
    lab.make("evaluation/m", None, "2", gate="failed")
    lab.roots["landing/a"]["2026-03-02"] = "files 1"
    decided = lab.look()
    assert decided.held == {"release/m": "the gate of evaluation/m failed"}
    assert assets(decided) == [("parsed/a", "scores/m", "alerts/daily")]


def test_without_a_release_nothing_is_scored_and_no_empty_alerts_are_made(lab: Lab):
    lab.ledger.manifests = {
        key: made
        for key, made in lab.ledger.manifests.items()
        if key[0] not in ("release/m", "scores/m", "alerts/daily")
    }
    lab.make("evaluation/m", None, "1", gate="failed")
    decided = lab.look()
    assert decided.idle
    assert decided.held["scores/m[2026-03-01]"] == "release/m does not exist"
    assert "alerts/daily[2026-03-01]" not in decided.held, "a day without scores has no alerts"


def test_what_failed_is_held_with_its_story_until_something_changes(lab: Lab):
    lab.redefine("model/m")
    lab.fail("model/m", error="one class only")
    decided = lab.look()
    assert decided.idle
    assert decided.held["model/m"].startswith("failed: one class only (tried again after 13:30 UTC")
    lab.make("golden/g", None, "2")
    assert assets(lab.look()) == [("model/m",)]


def test_nothing_is_made_from_what_is_out_of_date(lab: Lab):
    # As when a feature's new definition fails: its detector must not be trained on the old values.
    lab.redefine("golden/g")
    lab.fail("golden/g")
    lab.redefine("evaluation/m")
    decided = lab.look()
    assert decided.idle
    assert decided.held["evaluation/m"] == "model/m is out of date and cannot be made"
    assert decided.held.keys() == {"golden/g", "evaluation/m"}


def test_a_release_that_cannot_be_made_leaves_its_champion_in_service(lab: Lab):
    lab.redefine("release/m")
    lab.fail("release/m", error="No space left on device")
    lab.roots["landing/a"]["2026-03-02"] = "files 1"
    assert assets(lab.look()) == [("parsed/a", "scores/m", "alerts/daily")]


def test_a_detector_that_fails_keeps_back_no_alerts_of_the_others(lab: Lab):
    lab.nodes["alerts/daily"] = replace(
        lab.nodes["alerts/daily"], inputs=(Input("scores/m", optional=True), Input("parsed/a"))
    )
    lab.redefine("scores/m")
    for day in DAYS:
        lab.fail("scores/m", day)
    assert assets(lab.look()) == [("alerts/daily",)]


def test_what_failed_is_tried_again_after_an_hour(lab: Lab):
    lab.redefine("model/m")
    lab.fail("model/m", error="No space left on device")
    lab.now += timedelta(minutes=59)
    assert lab.look().idle
    lab.now += timedelta(minutes=2)
    assert assets(lab.look()) == [("model/m",)]


def test_what_failed_waits_where_its_inputs_are_about_to_change(lab: Lab):
    lab.redefine("model/m")
    lab.fail("model/m")
    lab.redefine("golden/g")
    decided = lab.look()
    assert assets(decided) == [("golden/g",)]
    assert "model/m" in decided.waiting
    assert not decided.held


def test_a_killed_process_is_started_again_once(lab: Lab):
    lab.redefine("model/m")
    lab.fail("model/m", error="", times=1)
    assert assets(lab.look()) == [("model/m",)]
    lab.fail("model/m", error="", times=2)
    assert "killed, twice" in lab.look().held["model/m"]


def test_a_try_that_could_not_be_noted_has_the_same_fingerprint_for_an_hour(lab: Lab):
    lab.redefine("model/m")
    before = lab.look().runs[0].fingerprint
    assert lab.look().runs[0].fingerprint == before
    lab.now += timedelta(hours=1)
    assert lab.look().runs[0].fingerprint != before


def test_what_is_being_made_is_not_started_and_its_children_wait(lab: Lab):
    lab.redefine("model/m")
    lab.redefine("evaluation/m")
    decided = lab.look(("model/m", None))
    assert decided.runs == ()
    assert {"model/m", "evaluation/m"} <= set(decided.waiting)


def test_days_with_gaps_are_separate_runs(lab: Lab):
    for day in (DAYS[0], DAYS[2]):
        lab.roots["landing/a"][day] = "files 2"
    assert [run.days for run in lab.look().runs] == [(DAYS[0],), (DAYS[2],)]


def test_of_several_runs_none_needs_what_another_makes(lab: Lab):
    for day in (DAYS[0], DAYS[2]):
        lab.roots["landing/a"][day] = "files 2"
    lab.redefine("release/m")
    lab.redefine("scores/m")
    assert assets(lab.look()) == [("release/m",), ("parsed/a",), ("parsed/a",)]


def test_an_input_that_is_no_more_is_a_cause(lab: Lab):
    lab.nodes["alerts/daily"] = replace(
        lab.nodes["alerts/daily"], inputs=(Input("parsed/a", optional=True),)
    )
    (run,) = lab.look().runs
    assert run.causes["alerts/daily"] == ("parsed/a appeared; scores/m is no input any more")


def test_days_whose_raw_files_are_gone_stay_and_follow_new_definitions(lab: Lab):
    del lab.roots["landing/a"][DAYS[0]]
    assert lab.look().idle
    lab.redefine("scores/m")
    (run,) = lab.look().runs
    assert run.days == DAYS
