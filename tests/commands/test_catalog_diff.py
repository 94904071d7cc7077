"""`whetstone catalog diff`: what an edit does to real lines, and what it makes run again."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import Command

from tests.catalog.catalog_files import DETECTOR, ENVIRONMENT, GOLDEN, SOURCE, VIEW, write_catalog

DAY = "2026-03-01"
LINES = "".join(
    f"{DAY}T10:0{minute}:00 10.0.0.{minute % 3} {status}\n"
    for minute, status in enumerate((200, 404, 200, 500, 200, 404, 302, 200))
)
STATUS = 'index: "status"\n  definition: "$1"'


@pytest.fixture
def before(tmp_path: Path) -> Path:
    return write_catalog(tmp_path / "before")


@pytest.fixture
def after(tmp_path: Path) -> Path:
    return write_catalog(tmp_path / "after")


@pytest.fixture
def command(after: Path, tmp_path: Path) -> Command:
    """The command, with the lines landed."""
    made = Command(tmp_path / "home", after)
    raw = tmp_path / "web.log"
    raw.write_text(LINES)
    made.good("land", raw, "--source", "web", "--environment", "oslo", "--day", DAY)
    return made


def edit(directory: Path, file: str, old: str, new: str) -> None:
    path = directory / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def diff(command: Command, before: Path, *options: object) -> dict[str, Any]:
    return command.good("catalog", "diff", "--against", before, *options)


def reruns(result: dict[str, Any], certain: bool) -> set[str]:
    return {rerun["asset"] for rerun in result["reruns"] if rerun["certain"] is certain}


def test_equal_catalogs_change_nothing_and_it_says_so(command: Command, before: Path) -> None:
    result = diff(command, before)
    assert not result["changed"]
    assert not result["reruns"]
    assert not result["sources"]
    assert "nothing changes" in command.run("catalog", "diff", "--against", before).out


def test_an_edited_field_shows_its_cells_before_and_after(
    command: Command, before: Path, after: Path
) -> None:
    edit(after, SOURCE, STATUS, STATUS.replace("$1", "replace($1, '404', '410')"))
    result = diff(command, before)
    (change,) = result["definitions"]
    assert change["edits"] == [
        {
            "path": "fields[status].definition",
            "before": "$1",
            "after": "replace($1, '404', '410')",
        }
    ]
    (source,) = result["sources"]
    (cells,) = source["fields"]
    assert (cells["column"], cells["changed"], cells["of"]) == ("status", 2, 8)
    assert cells["share"] == 0.25
    (example,) = cells["examples"]
    assert (example["before"], example["after"], example["count"]) == ("404", "410", 2)
    assert example["first"].endswith("web.log:2")
    assert source["became"] == []


def test_the_graph_says_what_runs_for_sure_and_what_if_content_changes(
    command: Command, before: Path, after: Path
) -> None:
    edit(after, SOURCE, STATUS, STATUS.replace("$1", "$1::INTEGER * 2"))
    result = diff(command, before)
    # The view itself was not edited; the golden dataset and the model read the edited field.
    assert reruns(result, True) == {"parsed/web", "golden/web_scan", "model/web_scan_gb"}
    assert reruns(result, False) >= {"features/web_5m", "training_set/web_scan_gb", "alerts/daily"}
    (retraining,) = result["retrains"]
    assert retraining["detector"] == "web_scan_gb"
    assert retraining["certain"]
    assert retraining["features"] == ["errors"]


def test_a_field_that_no_detector_uses_retrains_none_for_sure(
    command: Command, before: Path, after: Path
) -> None:
    edit(after, SOURCE, 'index: "status" definition: "$1" }', 'index: "status" definition: "7" }')
    result = diff(command, before)
    (retraining,) = result["retrains"]
    assert not retraining["certain"]
    assert retraining["features"] == []
    (view,) = (view for view in result["views"] if view["view"] == "web_5m")
    assert [column["column"] for column in view["features"]] == ["spare"]


def test_words_for_people_run_nothing_again(command: Command, before: Path, after: Path) -> None:
    edit(after, SOURCE, "format: LINE", 'display_name: "Web"\nformat: LINE')
    result = diff(command, before)
    assert [change["means"] for change in result["definitions"]] == [False]
    assert not result["reruns"]
    said = command.run("catalog", "diff", "--against", before).out
    assert "(words only)" in said
    assert "nothing runs again" in said


def test_lines_that_become_rejects_are_counted_with_an_example(
    command: Command, before: Path, after: Path
) -> None:
    edit(after, SOURCE, "(?P<status>\\\\d+)", "(?P<status>[2-4]\\\\d+)")
    (source,) = diff(command, before)["sources"]
    assert (source["before"]["events"], source["after"]["events"]) == (8, 7)
    assert source["after"]["rejects"] == {"pattern does not match": 1}
    (became,) = source["became"]
    assert (became["before"], became["after"], became["lines"]) == ("event", "reject", 1)
    assert became["example"].endswith("10.0.0.0 500")
    assert (source["only_before"], source["only_after"]) == (1, 0)


def test_lines_that_are_accepted_no_longer_are_skipped(
    command: Command, before: Path, after: Path
) -> None:
    accept = "accept { index: 'status' definition: \"$1 <> '500'\" }\n"
    edit(after, SOURCE, "event_time:", f"{accept}event_time:")
    (source,) = diff(command, before)["sources"]
    assert (source["before"]["skipped"], source["after"]["skipped"]) == (0, 1)
    assert [(b["before"], b["after"], b["lines"]) for b in source["became"]] == [
        ("event", "skipped", 1)
    ]


def test_new_and_vanished_fields_are_named(command: Command, before: Path, after: Path) -> None:
    edit(after, SOURCE, 'name: "unused"', 'name: "extra"')
    edit(after, VIEW, "max(unused)", "max(extra)")
    (source,) = diff(command, before)["sources"]
    assert source["new"] == {"extra": 8}
    assert source["gone"] == {"unused": 8}


def test_an_edited_feature_shows_its_values_and_retrains_its_detector(
    command: Command, before: Path, after: Path
) -> None:
    edit(after, VIEW, "status >= 400", "status >= 500")
    result = diff(command, before)
    (view,) = result["views"]
    (column,) = view["features"]
    assert column["column"] == "errors"
    assert 0 < column["changed"] <= view["common"]
    assert {"features/web_5m", "golden_features/web_scan"} <= reruns(result, True)
    assert "parsed/web" not in {rerun["asset"] for rerun in result["reruns"]}
    assert result["retrains"][0]["certain"]
    said = command.run("catalog", "diff", "--against", before).out
    assert "feature view web_5m" in said
    assert "retrains" in said


def test_features_of_templates_are_compared_too(
    command: Command, before: Path, after: Path
) -> None:
    for directory in (before, after):
        edit(directory, SOURCE, "event_time:", 'message: "client"\nevent_time:')
        edit(directory, VIEW, '"max(unused)"', '"count(DISTINCT template)"')
    edit(after, VIEW, "count(DISTINCT template)", "1 + count(DISTINCT template)")
    (view,) = diff(command, before)["views"]
    (column,) = view["features"]
    assert (column["column"], column["changed"]) == ("spare", view["common"])
    assert {(each["before"], each["after"]) for each in column["examples"]} == {("1", "2")}


def test_another_policy_or_time_zone_parses_again_what_it_concerns(
    command: Command, before: Path, after: Path
) -> None:
    edit(after, ENVIRONMENT, 'name: "oslo"', 'name: "oslo" privacy { addresses: PSEUDONYM }')
    assert "parsed/web" in reruns(diff(command, before), True)
    zoned = 'index: "time" index: "@time_zone" definition: "$1::TIMESTAMP AT TIME ZONE $2"'
    for directory in (before, after):
        edit(directory, SOURCE, 'index: "time" definition: "$1"', zoned)
    edit(after, ENVIRONMENT, " privacy { addresses: PSEUDONYM }", ' time_zone: "Europe/Oslo"')
    result = diff(command, before)
    assert "parsed/web" in reruns(result, False)
    (source,) = result["sources"]
    (cells,) = source["fields"]
    assert (cells["column"], cells["changed"]) == ("event_time", 8)
    assert cells["examples"][0]["after"].startswith("2026-03-01 09:0")


@pytest.mark.parametrize(
    ("file", "old", "new", "path"),
    [
        (GOLDEN, "0.3", "0.25", "holdout.group.test_share"),
        (DETECTOR, "iterations: 10", "iterations: 20", "gradient_boosting.iterations"),
        (ENVIRONMENT, 'name: "oslo"', 'name: "oslo" time_zone: "Europe/Oslo"', "time_zone"),
    ],
)
def test_golden_datasets_detectors_and_environments_are_compared_by_their_fields(
    command: Command, before: Path, after: Path, file: str, old: str, new: str, path: str
) -> None:
    edit(after, file, old, new)
    result = diff(command, before)
    assert [edit["path"] for change in result["definitions"] for edit in change["edits"]] == [path]
    assert result["reruns"]


def test_a_new_definition_makes_new_assets_and_a_vanished_one_none(
    command: Command, before: Path, after: Path
) -> None:
    (after / DETECTOR).rename(after / "detectors" / "other.textproto")
    edit(after, "detectors/other.textproto", '"web_scan_gb"', '"other"')
    edit(after, ENVIRONMENT, "web_scan_gb", "other")
    result = diff(command, before)
    assert {(change["name"], change["change"]) for change in result["definitions"]} == {
        ("web_scan_gb", "gone"),
        ("other", "new"),
        ("oslo", "edited"),
    }
    assert "model/other" in reruns(result, True)
    assert "model/web_scan_gb" in result["vanished"]


def test_a_file_is_a_sample_too_and_its_lines_are_limited(
    command: Command, before: Path, after: Path, tmp_path: Path
) -> None:
    edit(after, SOURCE, STATUS, STATUS.replace("$1", "$1::INTEGER + 1"))
    other = tmp_path / "other.log"
    other.write_text(LINES * 10)
    (source,) = diff(command, before, "--sample", other, "--lines", 20)["sources"]
    assert source["common"] == 20


def test_without_a_sample_the_definitions_alone_decide(
    command: Command, before: Path, after: Path, tmp_path: Path
) -> None:
    edit(after, SOURCE, STATUS, STATUS.replace("$1", "$1::INTEGER + 1"))
    elsewhere = Command(tmp_path / "empty", after)
    result = diff(elsewhere, before)
    assert result["without_sample"] == ["web"]
    assert "parsed/web" in reruns(result, True)
    assert result["retrains"][0]["features"] is None


def test_the_last_commit_is_what_it_is_compared_with(
    command: Command, after: Path, tmp_path: Path
) -> None:
    git(after, "init", "--quiet")
    git(after, "add", ".")
    git(after, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "first")
    assert not command.good("catalog", "diff")["changed"]
    edit(after, DETECTOR, "iterations: 10", "iterations: 20")
    result = command.good("catalog", "diff")
    assert result["against"].startswith("HEAD (")
    assert reruns(result, True) == {"model/web_scan_gb"}
    said = command.refused("catalog", "diff", "--against", "no-such-branch")
    assert "no-such-branch: neither a directory nor a revision" in said


def test_what_cannot_be_compared_is_refused(
    command: Command, before: Path, after: Path, tmp_path: Path
) -> None:
    assert "revision" in command.refused("catalog", "diff", "--against", tmp_path / "nothing")
    assert "abacus" in command.refused("catalog", "diff", "--against", before, "--source", "abacus")
    edit(before, SOURCE, "format: LINE", "format LINE")
    assert "is not valid here" in command.refused("catalog", "diff", "--against", before)


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", directory, *arguments], check=True)
