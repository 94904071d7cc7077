"""`whetstone idea`: what proposed features would bring, before they are merged."""

import json
from pathlib import Path
from typing import Any

import pytest
from idea_worlds import IdeaWorld, catalog_only, idea_world

from whetstone.catalog import load_catalog
from whetstone.engine import open_engine
from whetstone.errors import CatalogError
from whetstone.ideas import leak_checks
from whetstone.settings import Settings
from workbench.idea import show_idea, try_idea

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> IdeaWorld:
    return idea_world(tmp_path_factory.mktemp("ideas"))


def tried(world: IdeaWorld, file: Path) -> dict[str, Any]:
    return try_idea(world.settings, file, [], 1)


def failed(found: dict[str, Any]) -> set[str]:
    return {check["name"] for check in found["leaks"] if check["passed"] is False}


@pytest.fixture(scope="module")
def helpful(world: IdeaWorld) -> dict[str, Any]:
    return tried(world, world.of("count(DISTINCT user)", name="helpful"))


def test_a_feature_that_helps_is_worth_it(helpful: dict[str, Any]) -> None:
    (lift,) = helpful["lift"]

    assert helpful["verdict"] == "worth it"
    gain = lift["gains"]["average_precision"]
    assert gain["low"] > 0.1
    assert gain["low"] <= gain["difference"] <= gain["high"]
    assert lift["holdout"] == "src"
    assert failed(helpful) == set()
    assert {check["name"] for check in helpful["leaks"]} >= {
        "future",
        "other units",
        "place",
        "date",
    }
    assert all(check["units"] > 40 for check in helpful["leaks"] if check["name"] != "label")


def test_only_training_examples_are_looked_at(world: IdeaWorld, helpful: dict[str, Any]) -> None:
    import pyarrow.parquet as pq

    (part,) = world.settings.lake.glob("training_set/door_gb/part.parquet")
    train = pq.read_table(part, filters=[("split", "=", "train")])

    assert helpful["lift"][0]["examples"] == train.num_rows
    assert not (world.settings.home / "audit").exists()


def test_cost_values_and_drift_are_told(helpful: dict[str, Any]) -> None:
    (values,) = helpful["values"]
    (drift,) = helpful["drift"]

    assert helpful["cost"]["events"] >= 5_000
    assert helpful["cost"]["per_event"] >= 0 < helpful["cost"]["before"]
    assert (values["missing"], values["redundant"]) == (0, False)
    assert [day["day"] for day in drift["days"]] == [f"2026-03-0{n}" for n in range(2, 6)]
    assert drift["against_days"].startswith("as before")


def test_a_useless_feature_brings_no_gain(world: IdeaWorld) -> None:
    found = tried(world, world.of("sum(bytes) % 7"))

    assert found["verdict"] == "no gain"
    assert failed(found) == set()


def test_a_feature_that_another_one_says_is_redundant(world: IdeaWorld) -> None:
    found = tried(world, world.of("count(*) * 2 + 1"))

    assert found["values"][0]["redundant"]
    assert found["values"][0]["most_like"] == "lines"


@pytest.mark.parametrize(
    ("definition", "leak"),
    [
        ("max(raw_line)", "place"),
        ("count(*) FILTER (WHERE starts_with(environment, 'contribution'))", "place"),
        ("epoch(min(event_time))", "date"),
    ],
)
def test_what_tells_where_or_when_examples_are_from_leaks(
    world: IdeaWorld, definition: str, leak: str
) -> None:
    found = tried(world, world.of(definition))

    assert found["verdict"] == "leaks"
    assert failed(found) == {leak}
    (check,) = (each for each in found["leaks"] if each["name"] == leak)
    assert check["changed"] == check["units"] > 0
    assert " → " in check["detail"]


def test_the_time_of_the_day_is_no_leak(world: IdeaWorld) -> None:
    assert failed(tried(world, world.of("hour(min(event_time))"))) == set()


def test_a_label_in_disguise_is_pointed_out(world: IdeaWorld) -> None:
    found = tried(world, world.of("count(*) FILTER (WHERE told = 'yes')"))

    (check,) = (each for each in found["leaks"] if each["name"] == "label")
    assert "AUC 1.0000" in check["detail"]


def test_what_sees_other_units_and_the_future_is_found(world: IdeaWorld) -> None:
    """No definition can; so the check is given one that no catalog would take."""
    catalog = load_catalog(world.settings.catalog)
    view = type(catalog.feature_views["door_5m"])()
    view.CopyFrom(catalog.feature_views["door_5m"])
    view.features.add(name="cheat", data_type="BIGINT", definition="sum(count(*)) OVER ()")
    with open_engine(world.settings.lake) as connection:
        events = world.settings.lake / "golden/door_attacks/events.parquet"
        connection.execute(f"CREATE TEMP TABLE kept AS FROM read_parquet('{events}')")
        checks = leak_checks(connection, catalog.sources["door"], view, "kept", ["cheat", "lines"])

    found = {(check.name, check.feature) for check in checks if check.passed is False}
    assert found == {("future", "cheat")}


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ('feature_view: "dor_5m"', "2: feature_view", "there is no feature view 'dor_5m'"),
        (
            'feature_view: "door_5m"\nfeatures { name: "lines" data_type: "BIGINT"\n'
            ' definition: "count(*)" }',
            "3: features[0].name",
            "door_5m has a feature 'lines'",
        ),
        (
            'feature_view: "door_5m"\nfeatures { name: "x" data_type: "BIGINT"\n'
            ' definition: "count(DISTINCT usr)" }',
            "4: features[0].definition",
            "source door has no field usr",
        ),
        (
            'feature_view: "door_5m"\nfeatures { name: "x" data_type: "BIGINT"\n'
            ' definition: "(SELECT max(bytes) FROM events)" }',
            "4: features[0].definition",
            "a subquery is not allowed",
        ),
        (
            'feature_view: "door_5m"\nfeatures { name: "x" data_type: "BIGINT"\n'
            ' definition: "lead(bytes) OVER (ORDER BY event_time)" }',
            "4: features[0].definition",
            "not allowed",
        ),
        (
            'feature_view: "door_5m"\ndetectors: "ssh"\nfeatures { name: "x"\n'
            ' data_type: "BIGINT" definition: "count(*)" }',
            "3: detectors",
            "'ssh' is no detector of door_5m; there are: door_gb, door_words",
        ),
        ('feature_view: "door_5m"', "1: features", "propose at least one feature"),
        ('feature_vew: "door_5m"', "2:1", "feature_vew"),
    ],
)
def test_a_broken_idea_names_file_line_and_field(
    world: IdeaWorld, text: str, where: str, problem: str
) -> None:
    file = world.idea(f'name: "broken"\n{text}\n', "broken")

    with pytest.raises(CatalogError) as raised:
        tried(world, file)

    assert f"{file}:{where}" in str(raised.value)
    assert problem in str(raised.value)


def test_a_family_that_cannot_take_it_is_told_and_left_out(world: IdeaWorld) -> None:
    found = tried(
        world, world.of("list(user ORDER BY event_time, raw_file, raw_line)", "VARCHAR[]")
    )

    assert found["lift"] == []
    assert any("door_gb: 'proposed' is VARCHAR[]" in text for text in found["missing"])
    assert found["verdict"] == "unknown"


def test_a_family_without_labels_is_compared_as_well(world: IdeaWorld) -> None:
    found = tried(world, world.of("count(DISTINCT user)", detector="door_words"))

    assert found["lift"][0]["verdict"] == "gains"


def test_without_data_it_still_checks_on_samples(tmp_path: Path) -> None:
    world = catalog_only(tmp_path)

    found = tried(world, world.of("max(raw_line)"))

    assert found["verdict"] == "leaks"
    assert any("contribute or land some" in text for text in found["missing"])
    assert found["cost"]["events"] > 0


def test_nothing_of_catalog_or_lake_is_changed(world: IdeaWorld) -> None:
    def state() -> dict[str, bytes]:
        roots = (world.settings.catalog, world.settings.lake)
        return {str(f): f.read_bytes() for r in roots for f in r.rglob("*") if f.is_file()}

    before = state()
    tried(world, world.of("sum(bytes) % 3"))

    assert state() == before


def test_the_page_holds_all_and_log_text_stays_text(
    world: IdeaWorld, helpful: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    show_idea(helpful)
    page = Path(helpful["page"])
    hostile = tried(world, world.of("count(*) FILTER (WHERE user = '<script>alert(1)</script>')"))

    assert page.parent == world.settings.reports / "ideas"
    assert page.name.startswith("helpful_idea_2026-03-0")
    text = page.read_text()
    assert "worth it" in text and "<svg" in text and "count(DISTINCT user)" in text
    assert "script-src" not in text and "<script" not in Path(hostile["page"]).read_text()
    assert "verdict: worth it" in capsys.readouterr().out
    json.dumps(helpful)


def test_the_example_of_the_docs_is_a_valid_idea(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, catalog=ROOT / "catalog")

    found = try_idea(settings, ROOT / "docs" / "examples" / "ssh_pace.textproto", [], 1)

    assert [feature["name"] for feature in found["features"]] == [
        "lines_a_second",
        "failures_a_user",
    ]
    assert failed(found) == set()
    assert found["verdict"] == "unknown"
