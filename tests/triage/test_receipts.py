"""Receipts: what each verdict changed, told by what was made from it, and kept."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from judged_alerts import a_store, copied, group_of, some_alerts

from triage import CaseStore
from triage.exchange.changes import ChangeKind, Changes
from triage.judging.judgements import Judgements
from triage.judging.progress import note_progress
from triage.judging.receipts import Receipts, happened
from triage.judging.verdicts import Said
from whetstone.lake import Lake, Manifest, Place
from whetstone.reasons import replaced

FALSE = Said.checked("false_positive")
ATTACK = Said.checked("true_positive")


@dataclass
class World:
    """A case store, and a lake in which a dataset and a detector are made by hand."""

    cases: CaseStore
    lake: Lake

    @property
    def judgements(self) -> Judgements:
        return Judgements(self.cases.database)

    @property
    def receipts(self) -> Receipts:
        return Receipts(self.cases.database)

    def note(self) -> None:
        note_progress(self.cases.database, self.lake, "attacks", ["brute"])

    def golden(self, version: str, *verdict_ids: str) -> None:
        """A golden dataset whose examples come from these verdicts, and from a contribution."""
        origins = ["contribution:c1", *(f"verdict:{each}" for each in verdict_ids)]
        rows = {
            "origin": origins,
            "label": ["benign"] * len(origins),
            "split": ["train"] * len(origins),
        }
        place = Place("golden", "attacks")
        with self.lake.stage(place) as staged:
            pq.write_table(pa.table(rows), staged.path("part.parquet"))
            staged.commit(self._manifest(place, {"verdicts/attacks": f"of {version}"}, version))
        self.note()

    def train(self, golden: str, version: str) -> None:
        """A model of this version of the dataset."""
        examples = {"golden/attacks": golden}
        self._made("training_set", f"t{version}", examples)
        self._made("model", version, {"training_set/brute": f"t{version}"})
        self.note()

    def judge(self, version: str, champion: str | None, *, passed: bool) -> None:
        """The gate's word on a model."""
        measures = {"challenger": 0.9, "champion": 0.8, "interval": [0.0, 0.2]}
        facts = {
            "gate": "passed" if passed else "failed",
            "reasons": ["not worse"],
            "refusals": [] if passed else ["finds less"],
            "champion": champion,
            "challenger": version,
            "numbers": {
                "core": {"average_precision": measures},
                "budget": {"rate": 0.01, "champion_rate": 0.02},
            },
        }
        self._made("evaluation", version, {"model/brute": version}, facts)
        self.note()

    def release(self, version: str) -> None:
        """It goes into service."""
        self._made("release", version, {"evaluation/brute": version})
        self.note()

    def serve(self, environment: str, version: str, role: str = "champion") -> None:
        """A scorer tells what it runs."""
        told = {"detector": "brute", "role": role, "version": version, "published": 0}
        self.cases.hear(environment, "s1", {"releases": [told]})

    def kinds(self, verdict_id: str) -> list[str]:
        """What happened, in a word each."""
        return [str(step.kind) for step in self.receipts.of(verdict_id).steps]

    def _made(
        self, layer: str, version: str, inputs: dict[str, str], facts: dict[str, Any] | None = None
    ) -> None:
        place = Place(layer, "brute")
        with self.lake.stage(place) as staged:
            staged.commit(self._manifest(place, inputs, version, facts or {}))

    def _manifest(
        self,
        place: Place,
        inputs: dict[str, str],
        version: str,
        facts: dict[str, Any] | None = None,
    ) -> Manifest:
        before = replaced(self.lake.manifest(place), "1", inputs)
        return Manifest("1", inputs, version, 1, facts=facts or {}, cause="a run", before=before)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_store(tmp_path_factory.mktemp("stored"), some_alerts(3))


@pytest.fixture
def world(stored: Path, tmp_path: Path) -> Iterator[World]:
    with closing(copied(stored, tmp_path)) as cases:
        yield World(cases, Lake(tmp_path / "lake"))


def test_a_receipt_grows_with_what_is_made_from_the_verdict(world: World) -> None:
    world.golden("g0")
    world.train("g0", "m0")
    world.judgements.give("a000", FALSE, "ada", "v1")
    assert world.receipts.of("v1").stage == "stored"
    stages = ["stored"]
    for make in (
        lambda: world.golden("g1", "v1"),
        lambda: world.train("g1", "m1"),
        lambda: world.judge("m1", "m0", passed=True),
        lambda: world.release("m1"),
        lambda: world.serve("berlin", "m1"),
    ):
        make()
        stages.append(world.receipts.of("v1").stage)
    assert stages == ["stored", "dataset", "model", "evaluation", "release", "served"]
    receipt = world.receipts.of("v1")
    assert (receipt.detector, receipt.environment, receipt.waits) == ("brute", "berlin", "")
    dataset, model, judged, release, served = receipt.steps
    assert (dataset.version, dataset.cause) == ("g1", "verdicts/attacks changed")
    assert (model.version, model.cause) == ("m1", "verdicts/attacks changed")
    assert judged.detail["passed"]
    assert judged.detail["metrics"] == {
        "average_precision": {"before": 0.8, "after": 0.9},
        "false_positive_rate": {"before": 0.02, "after": 0.01},
    }
    assert release.detail == {"replaces": "m0"}
    assert (served.environment, served.version) == ("berlin", "m1")
    assert [at for at, _ in happened(receipt)] == sorted(at for at, _ in happened(receipt))
    assert json.dumps(receipt.as_dict(), default=str)


def test_what_was_seen_is_kept_when_all_has_been_made_anew(world: World) -> None:
    world.judgements.give("a000", FALSE, "ada", "v1")
    world.golden("g1", "v1")
    world.train("g1", "m1")
    world.judge("m1", None, passed=True)
    world.release("m1")
    world.serve("berlin", "m1")
    before = world.receipts.of("v1")
    world.golden("g2", "v1")
    world.train("g2", "m2")
    world.judge("m2", "m1", passed=True)
    world.release("m2")
    world.serve("berlin", "m2")
    assert world.receipts.of("v1") == before


def test_seeing_it_again_changes_nothing(world: World) -> None:
    world.judgements.give("a000", FALSE, "ada", "v1")
    world.golden("g1", "v1")
    world.train("g1", "m1")
    before = world.receipts.of("v1")
    world.note()
    assert world.receipts.of("v1") == before


def test_a_model_that_the_gate_refused_is_told_with_the_one_that_passed(world: World) -> None:
    world.judgements.give("a000", FALSE, "ada", "v1")
    world.golden("g1", "v1")
    world.train("g1", "m1")
    world.judge("m1", "m0", passed=False)
    world.release("m0")
    assert "refused" in world.receipts.of("v1").waits
    assert world.kinds("v1") == ["dataset", "model", "evaluation"]
    world.golden("g2", "v1")
    world.train("g2", "m2")
    world.judge("m2", "m0", passed=True)
    world.release("m2")
    words = [
        step.detail["passed"] for step in world.receipts.of("v1").steps if step.kind == "evaluation"
    ]
    assert words == [False, True]
    assert world.receipts.of("v1").waits == ""


def test_an_environment_that_skipped_a_release_has_it_with_the_next(world: World) -> None:
    world.judgements.give("a000", FALSE, "ada", "v1")
    world.golden("g1", "v1")
    for number in (1, 2):
        world.train("g1", f"m{number}")
        world.judge(f"m{number}", None, passed=True)
        world.release(f"m{number}")
    world.serve("berlin", "m2")
    world.serve("oslo", "m1", role="challenger")
    world.serve("oslo", "of somebody else")
    served = [step for step in world.receipts.of("v1").steps if step.kind == "served"]
    assert [(step.environment, step.version) for step in served] == [("berlin", "m2")]


def test_what_an_earlier_model_did_is_no_news_of_the_verdict(world: World) -> None:
    world.golden("g0")
    world.train("g0", "m0")
    world.judge("m0", None, passed=True)
    world.release("m0")
    world.serve("berlin", "m0")
    world.judgements.give("a000", FALSE, "ada", "v1")
    world.golden("g1", "v1")
    assert world.kinds("v1") == ["dataset"]
    assert "cadence" in world.receipts.of("v1").waits


def test_those_who_agree_are_heard_with_the_one_that_is_named(world: World) -> None:
    world.judgements.give("a000", FALSE, "ada", "v1")
    world.judgements.give("a000", Said.checked("unsure"), "bob", "v2")
    world.judgements.give("a000", Said.checked("benign_expected"), "cleo", "v3")
    world.golden("g1", "v3")
    assert [world.receipts.of(each).stage for each in ("v1", "v2", "v3")] == [
        "dataset",
        "stored",
        "dataset",
    ]
    assert "unsure" in world.receipts.of("v2").waits


def test_a_verdict_that_was_taken_back_tells_when_the_dataset_lost_it(world: World) -> None:
    world.golden("g0")
    world.judgements.give("a000", FALSE, "ada", "v1")
    world.golden("g1", "v1")
    world.train("g1", "m1")
    world.judgements.retract("v1", "ada")
    # The content is what it was before the verdict.
    world.golden("g0")
    world.train("g0", "m0")
    receipt = world.receipts.of("v1")
    assert (receipt.stage, receipt.learned[0].gone) == ("retracted", True)
    assert [(str(step.kind), step.version) for step in receipt.steps] == [
        ("dataset", "g1"),
        ("model", "m1"),
        ("dataset", "g0"),
    ]
    assert "no longer holds it" in happened(receipt)[-1][1]


def test_a_receipt_says_why_nothing_is_learned(world: World) -> None:
    world.judgements.give("a000", FALSE, "ada", "v1")
    world.judgements.give("a000", ATTACK, "bob", "v2")
    world.judgements.give("a001", FALSE, "ada", "v3")
    world.judgements.give("a001", ATTACK, "ada", "v4")
    world.golden("g1")
    waits = {each: world.receipts.of(each).waits for each in ("v1", "v2", "v3", "v4")}
    assert "disagree" in waits["v1"] and "disagree" in waits["v2"]
    assert "something else" in waits["v3"]
    assert "not been made anew" in waits["v4"]


def test_the_list_shows_verdicts_that_were_given_as_one_once(world: World) -> None:
    world.judgements.give("a000", FALSE, "ada", "v1")
    world.judgements.give_group(group_of(world.cases, "a000"), ATTACK, "bob", "b1")
    world.judgements.give("a001", FALSE, "ada", "v2")
    page = world.receipts.latest(limit=2)
    assert [(r.verdict.by, r.together) for r in page.receipts] == [("ada", 1), ("bob", 2)]
    rest = world.receipts.latest(limit=2, after=page.after)
    assert [r.verdict.verdict_id for r in rest.receipts] == ["v1"]
    assert rest.after is None
    assert world.receipts.latest(frozenset({"oslo"})).receipts == []
    assert [r.verdict.by for r in world.receipts.latest(by="bob").receipts] == ["bob"]
    assert world.receipts.of("b1").together == 2


def test_a_release_is_told_once(world: World) -> None:
    world.golden("g1")
    world.train("g1", "m1")
    world.judge("m1", None, passed=True)
    world.release("m1")
    world.note()
    kinds = [ChangeKind.RELEASE_PUBLISHED]
    told = Changes(world.cases.database).since(0, kinds, None, 10)
    assert [(change.subject, change.detail) for change in told] == [("brute", {"version": "m1"})]


@pytest.mark.parametrize(
    "releases",
    [None, "x", [None], [{"detector": 1, "version": [], "role": "champion"}], [{"role": {}}]],
)
def test_a_scorer_that_tells_nonsense_is_heard_and_believed_nothing(
    world: World, releases: Any
) -> None:
    world.cases.hear("berlin", "s1", {"releases": releases})
    assert [scorer.digest for scorer in world.cases.scorers()] == [{"releases": releases}]
