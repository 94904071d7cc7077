"""Which edits change which hash: words for people change none, what is used those of its users."""

from pathlib import Path

import pytest
from catalog_files import DETECTOR, ENVIRONMENT, GOLDEN, SOURCE, VIEW, write_catalog

from whetstone.catalog import load_catalog
from whetstone.catalog.hashes import message_hash, source_hash, used_hash, view_hash

STATUS = 'index: "status"\n  definition: "$1"'
UNUSED = '"unused" data_type: "BIGINT" index: "status" definition: "$1"'


def hashes(directory: Path, change: tuple[str, str, str] | None = None) -> dict[str, str]:
    catalog = load_catalog(
        write_catalog(directory, {change[0]: (change[1], change[2])} if change else {})
    )
    source, view = catalog.sources["web"], catalog.feature_views["web_5m"]
    detector = catalog.detectors["web_scan_gb"]
    return {
        "source": source_hash(source),
        "view": view_hash(view),
        "used": used_hash(source, view, detector),
        "golden": message_hash(catalog.golden_datasets["web_scan"]),
        "detector": message_hash(detector),
    }


def changed_by(directory: Path, *change: str) -> set[str]:
    before = hashes(directory)
    after = hashes(directory, (change[0], change[1], change[2]))
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param(*case[1:], id=case[0])
        for case in [
            ("display name", SOURCE, "format", 'display_name: "Web server" format'),
            ("description", SOURCE, "{ name", '{ description: "The clock" name'),
            ("owners and tags", VIEW, "source", 'owners: "a" tags { key: "b" value: "c" } source'),
            ("samples", SOURCE, "format", 'samples: "t c 200" format'),
            ("warning level", SOURCE, "format", "max_reject_rate: 0.2 format"),
            ("comment", VIEW, "window", "# five minutes\nwindow"),
            ("white space of the file", DETECTOR, "gradient", "\n\n\tgradient"),
            ("white space of a definition", VIEW, "status >= 400", "status>=400 "),
            ("comment in a definition", VIEW, "(WHERE", "( /* errors */ WHERE"),
            ("case of key words", VIEW, "FILTER (WHERE", "filter (where"),
            ("feature's name for people", VIEW, "{ name", '{ display_name: "Requests" name'),
            ("golden's description", GOLDEN, "feature_view", 'description: "d" feature_view'),
            ("detector's description", DETECTOR, "features", 'description: "d" features'),
            ("environment", ENVIRONMENT, 'detectors: "web_scan_gb"', ""),
        ]
    ],
)
def test_what_is_for_people_changes_no_hash(tmp_path: Path, file: str, old: str, new: str) -> None:
    assert changed_by(tmp_path, file, old, new) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        pytest.param(*case[1:], id=case[0])
        for case in [
            ("used field", SOURCE, STATUS, STATUS.replace("$1", "$1::BIGINT"), {"source", "used"}),
            ("used raw", SOURCE, STATUS, STATUS.replace("status", "client"), {"source", "used"}),
            ("unused field", SOURCE, UNUSED, UNUSED.replace("$1", "$1::BIGINT"), {"source"}),
            ("required field", SOURCE, UNUSED, f"{UNUSED} required: true", {"source", "used"}),
            ("clock", SOURCE, '"time" definition: "$1"', '"time" definition: "$1::DATE"',
             {"source", "used"}),
            ("entity", SOURCE, '"client" definition: "$1"', '"client" definition: "lower($1)"',
             {"source", "used"}),
            ("pattern", SOURCE, "\\\\d+", "[0-9]+", {"source", "used"}),
            ("accepted", SOURCE, "event_time: ", 'accept { definition: "true" } event_time: ',
             {"source", "used"}),
            ("used feature", VIEW, "400", "500", {"view", "used"}),
            ("unused feature", VIEW, "max(unused)", "min(unused)", {"view"}),
            ("new feature", VIEW, "features", 'features { name: "n" data_type: "BIGINT"'
             ' definition: "max(status)" }\nfeatures', {"view"}),
            ("window", VIEW, '"5m"', '"1h"', {"view", "used"}),
            ("classes", GOLDEN, '"normal"', '"usual"', {"golden"}),
            ("held out", GOLDEN, "0.3", "0.4", {"golden"}),
            ("parameters", DETECTOR, "10", "20", {"detector"}),
            ("fewer features", DETECTOR, 'features: "errors"', "", {"detector", "used"}),
        ]
    ],
)  # fmt: skip
def test_what_is_used_changes_the_hashes_of_its_users(
    tmp_path: Path, file: str, old: str, new: str, changed: set[str]
) -> None:
    assert changed_by(tmp_path, file, old, new) == changed


def test_the_order_of_features_changes_no_hash(tmp_path: Path) -> None:
    before = hashes(tmp_path)
    view = tmp_path / VIEW
    lines = view.read_text().splitlines()
    view.write_text("\n".join([*lines[:3], *lines[4:], lines[3]]))
    source, web_5m = (c := load_catalog(tmp_path)).sources["web"], c.feature_views["web_5m"]
    assert view_hash(web_5m) == before["view"]
    assert used_hash(source, web_5m, c.detectors["web_scan_gb"]) == before["used"]
