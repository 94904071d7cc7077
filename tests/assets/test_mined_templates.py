"""Templates in the asset graph: what is mined when, and what features and bundles make of it."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from installation import DAYS, Installation

from whetstone.dictionaries import DICTIONARY
from whetstone.engine import open_engine
from whetstone.lake import Place
from whetstone.parsing.templates import TemplateDictionary
from whetstone.releases import unpack
from whetstone.scoring.run import BundleScorer
from whetstone.sql import literal

NEWEST = DAYS[-1]
SSH = "ssh_bruteforce_gb"
NOVEL = "Mar 10 11:59:01 berlin-app2 sshd[4711]: the moon is full tonight\n"
FEATURE = """features {
  name: "templates"
  display_name: "Different messages"
  data_type: "BIGINT"
  definition: "count(DISTINCT template)"
}
features {
  name: "users\""""


@pytest.fixture(scope="module")
def reader(settled: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One whose sshd features and detector read templates; settled. Do not change it."""
    installation = settled.copied_to(tmp_path_factory.mktemp("reader") / "installation")
    installation.edit("features/sshd_source_5m.textproto", 'features {\n  name: "users"', FEATURE)
    detector = f"detectors/{SSH}.textproto"
    installation.edit(detector, 'features: "users"\n', 'features: "users"\nfeatures: "templates"\n')
    installation.settle()
    return installation


@pytest.fixture
def reading(reader: Installation, tmp_path: Path) -> Installation:
    """One that reads templates, which a test may change."""
    return reader.copied_to(tmp_path / "installation")


def dictionary(installation: Installation) -> TemplateDictionary:
    place = installation.lake.directory(Place("templates", "sshd"))
    return TemplateDictionary.from_json((place / DICTIONARY).read_bytes())


def contribute_again(installation: Installation) -> None:
    """One more contribution, of lines that are known."""
    contributions = installation.settings.contributions / "ssh_bruteforce"
    first = sorted(contributions.iterdir())[0]
    shutil.copytree(first, contributions / "0123456789abcdef")
    told = json.loads((first / "contribution.json").read_text())
    told["id"] = "0123456789abcdef"
    (contributions / "0123456789abcdef" / "contribution.json").write_text(json.dumps(told))


def test_each_landed_source_with_a_message_is_mined_and_no_other(settled: Installation) -> None:
    made = {place for place in settled.made() if place.startswith("templates/")}
    assert made == {"templates/hdfs", "templates/sshd"}
    texts = pq.read_table(settled.lake.part(Place("templates", "sshd")))["text"].to_pylist()
    assert "Failed password for <*> from <*> port <*> ssh2" in texts


def test_a_new_day_or_message_mines_nothing_and_is_unknown(reading: Installation) -> None:
    before = dictionary(reading)
    reading.land(NOVEL, "sshd")
    made = reading.settle()
    assert f"parsed/sshd[{NEWEST}]" in made
    assert not [place for place in made if place.startswith("templates/")]
    assert dictionary(reading) == before


def test_retraining_mines_again_and_only_adds(reading: Installation) -> None:
    before = dictionary(reading)
    reading.land(NOVEL, "sshd")
    reading.settle()
    contribute_again(reading)
    made = reading.settle()
    assert "templates/sshd" in made
    after = dictionary(reading)
    assert before.masks.items() < after.masks.items()
    assert "the moon is full tonight" in after.templates.values()
    # The newest day knows the new template; days that have passed keep those of their time.
    assert f"features/sshd_source_5m[{NEWEST}]" in made
    assert f"features/sshd_source_5m[{DAYS[0]}]" not in made


def test_a_view_that_reads_no_templates_does_not_depend_on_them(settled: Installation) -> None:
    nodes = settled.open().graph.nodes
    inputs = {source.asset for node in nodes.values() for source in node.inputs}
    assert {name for name in inputs if name.startswith("templates/")} == {
        source.asset for source in nodes["warehouse/views"].inputs if "templates/" in source.asset
    }
    bundle = settled.releases.load(SSH)
    assert bundle.templates is None


def test_features_and_scores_of_a_day_count_the_same_templates(reader: Installation) -> None:
    lake = reader.lake
    features = pq.read_table(lake.part(Place("features", "sshd_source_5m", NEWEST)))
    assert max(features["templates"].to_pylist()) > 1

    bundle = reader.releases.load(SSH)
    assert bundle.templates == dictionary(reader)
    events = lake.part(Place("parsed", "sshd", NEWEST))
    with open_engine(lake.root) as connection:
        relation = f"read_parquet({literal(str(events))})"
        scored = BundleScorer(bundle).score_events(connection, relation)
    keys = ["environment", "unit", "event_timestamp"]
    assert _by(scored, keys) == _by(features, keys)


def test_a_bundle_carries_the_dictionary_that_its_examples_were_made_with(
    reader: Installation,
) -> None:
    packed = (reader.lake.directory(Place("model", SSH)) / "bundle.tar").read_bytes()
    beside = reader.lake.directory(Place("golden_features", "ssh_bruteforce")) / DICTIONARY
    assert unpack(packed).templates == TemplateDictionary.from_json(beside.read_bytes())


def _by(table: object, keys: list[str]) -> dict[tuple[object, ...], int]:
    rows = table.to_pylist()  # pyright: ignore
    return {tuple(row[key] for key in keys): row["templates"] for row in rows}
