"""What a contribution is said to bring is what it brings once it is accepted."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.golden_worlds import MAX_LINE_BYTES, SOURCE, World, line
from whetstone.catalog import Catalog
from whetstone.contribution_preview import ContributionPreview, preview_contribution
from whetstone.contributions import contribute, contributions
from whetstone.engine import open_engine
from whetstone.errors import InputError
from whetstone.golden import CONFLICTS, EVENTS, build_golden
from whetstone.lake import Lake, Manifest, Place

DAY = "2026-03-01"
# Few addresses and instants, so that the same raw lines come again.
UNITS = st.tuples(st.sampled_from("abc"), st.sampled_from([0, 10, 20]))
LABELLED = st.dictionaries(UNITS, st.booleans(), min_size=1, max_size=6)


class Installation:
    """A golden dataset in a lake, and contributions that may join it."""

    def __init__(self, root: Path) -> None:
        self.world = World(root)
        self.lake = Lake(root / "lake")
        self.lake.root.mkdir(parents=True)
        world = self.world
        self.catalog = Catalog(
            {"web": SOURCE}, {"w": world.view}, {"web_scan": world.dataset}, {}, {}
        )
        self.count = 0

    def files(self, units: dict[tuple[str, int], bool]) -> tuple[Path, Path]:
        """A raw log and its labels; a window of five minutes is a unit."""
        self.count += 1
        raw, labels = (self.world.root / f"{self.count}{end}" for end in (".log", ".csv"))
        raw.write_text("".join(line(minute, ip) for ip, minute in units))
        rows = (
            f"{ip},2026-03-01T00:{minute:02},2026-03-01T00:{minute:02}:30,{'01'[positive]}\n"
            for (ip, minute), positive in units.items()
        )
        labels.write_text("unit,start,end,label\n" + "".join(rows))
        return raw, labels

    def preview(self, raw: Path, labels: Path) -> ContributionPreview:
        dataset = self.world.dataset
        return preview_contribution(
            self.catalog, dataset, raw, labels, DAY, self.lake, MAX_LINE_BYTES
        )

    def accept(self, raw: Path, labels: Path) -> tuple[set[str], int]:
        """Accept and build; the examples' hashes, and how many units conflict."""
        world = self.world
        place = world.root / "contributions"
        contribute(
            place, "web_scan", "web", raw, labels, contributor="ana", day=date.fromisoformat(DAY)
        )
        accepted = contributions(place, "web_scan")
        with open_engine(self.lake.root) as engine:
            arguments = (engine, SOURCE, world.view, world.dataset, accepted, (), None)
            golden = build_golden(*arguments, MAX_LINE_BYTES)
            with self.lake.stage(Place("golden", "web_scan")) as staged:
                staged.write(engine, "golden_events", EVENTS)
                staged.write(engine, "conflicts", CONFLICTS)
                content = staged.write(engine, "examples")
                staged.commit(Manifest("", {}, content.version, content.rows))
            hashes = engine.execute(
                "SELECT DISTINCT candidates.unit_hash FROM examples JOIN candidates"
                " USING (environment, unit, event_timestamp)"
            ).fetchall()
        return {row[0] for row in hashes}, golden.conflicts


@settings(max_examples=8)
@given(LABELLED, LABELLED)
def test_what_is_said_to_come_comes(
    first: dict[tuple[str, int], bool], second: dict[tuple[str, int], bool]
) -> None:
    with TemporaryDirectory() as directory:
        installation = Installation(Path(directory))
        before, _ = installation.accept(*installation.files(first))
        offered = installation.files(second)
        said = installation.preview(*offered)
        after, conflicts = installation.accept(*offered)
    assert said.new == len(after - before)
    # The units of `first` are all different, so that nothing was in conflict before.
    assert said.conflicts == conflicts == len(before - after)
    assert sum(said.known.values()) == len(second) - said.new - said.conflicts
    assert said.examples == len(second)


def test_units_that_have_been_in_conflict_stay_so(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.accept(*installation.files({("a", 0): True}))
    installation.accept(*installation.files({("a", 0): False}))
    said = installation.preview(*installation.files({("a", 0): True, ("b", 0): False}))
    assert (said.new, said.conflicts) == (1, 1)
    assert [(each.label, each.against, each.by) for each in said.conflicting] == [
        ("scan", "benign", "ana")
    ]


def test_it_names_rejects_labels_without_unit_and_both_signs_in_one_file(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    raw, labels = tmp_path / "raw.log", tmp_path / "l.csv"
    raw.write_text(line(0, "a") + "no log line\n" + line(0, "b") + line(0, "c"))
    labels.write_text("unit,label\na,scan\na,benign\nb,scan\nnobody,scan\n")
    said = installation.preview(raw, labels)
    assert (said.units, said.unmatched, said.unmatched_units) == (3, 1, ["nobody"])
    assert (said.new, said.conflicts) == (1, 1)
    assert [(each.lines, each.first_line) for each in said.rejects] == [(1, 2)]
    assert [record["ip"] for record in said.records] == ["a", "b", "c"]
    assert not (tmp_path / "contributions").exists()


def test_labels_that_fit_nothing_are_an_error_that_says_what_there_is(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    raw, labels = tmp_path / "raw.log", tmp_path / "l.csv"
    raw.write_text(line(0, "a"))
    labels.write_text("unit,label\nnobody,scan\n")
    with pytest.raises(InputError, match=r"no label fits raw\.log: it has 1 units"):
        installation.preview(raw, labels)
