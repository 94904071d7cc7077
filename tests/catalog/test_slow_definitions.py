"""Slow features in a catalog: what is refused, and which edits concern them."""

from datetime import timedelta
from pathlib import Path

import pytest
from catalog_files import DETECTOR, SOURCE, VIEW, write_catalog

from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.hashes import used_hash
from whetstone.catalog.slow import feature_names
from whetstone.errors import CatalogError

SLOW = 'slow { view: "web_1d" features: "errors" max_age: "7d" }'
DAILY = """name: "web_1d"
source: "web"
window { entity: "client" every: "1d" }
features { name: "errors" data_type: "BIGINT" definition: "count(*) FILTER (WHERE status >= 400)" }
features { name: "other" data_type: "BIGINT" definition: "count(*)" }
features { name: "all" data_type: "BIGINT[]"
           definition: "list(status ORDER BY event_time, raw_file, raw_line)" }
"""
BY_STATUS = """name: "by_status"
source: "web"
window { entity: "status" every: "1d" }
features { name: "n" data_type: "BIGINT" definition: "count(*)" }
"""
OF_FLOWS = """name: "flows_1d"
source: "flows"
window { entity: "event_time" every: "1d" }
features { name: "n" data_type: "BIGINT" definition: "count(*)" }
"""


def catalog_of(
    directory: Path, slow: str = SLOW, *edits: tuple[str, str, str], daily: str = DAILY
) -> Path:
    changes = {DETECTOR: ("gradient", f"{slow}\ngradient")}
    changes |= {file: (old, new) for file, old, new in edits}
    catalog = write_catalog(directory, changes)
    for text in (daily, BY_STATUS, OF_FLOWS):
        name = text.split('"')[1]
        (catalog / "features" / f"{name}.textproto").write_text(text)
    return catalog


def load(directory: Path, *edits: tuple[str, str, str], daily: str = DAILY) -> Catalog:
    return load_catalog(catalog_of(directory, SLOW, *edits, daily=daily))


def used(catalog: Catalog) -> str:
    source, view = catalog.sources["web"], catalog.feature_views["web_5m"]
    detector = catalog.detectors["web_scan_gb"]
    return used_hash(source, view, detector, catalog.feature_views.values())


def test_a_detector_with_slow_features_loads(tmp_path: Path):
    catalog = load(tmp_path)
    detector = catalog.detectors["web_scan_gb"]
    assert feature_names(detector) == ["requests", "errors", "web_1d__errors"]
    (slow,) = catalog.slow_of(detector)
    assert slow.max_age == timedelta(days=7)
    assert slow.keys == {"environment": "VARCHAR", "client": "VARCHAR"}
    assert slow.days("2026-03-09")[0] == "2026-03-01"
    names = [view.name for view in catalog.needed_by(detector).feature_views]
    assert names == ["web_5m", "web_1d"]


@pytest.mark.parametrize(
    ("slow", "field", "problem"),
    [
        ('slow { view: "none" features: "n" max_age: "1d" }', "slow[0].view", "no feature view"),
        ('slow { view: "web_5m" features: "errors" max_age: "1d" }', "slow[0].view", "own view"),
        ('slow { view: "web_request" features: "failed" max_age: "1d" }', "slow[0].view", "window"),
        ('slow { view: "flows_1d" features: "n" max_age: "1d" }', "slow[0].view", "one source"),
        ('slow { view: "by_status" features: "n" max_age: "1d" }', "slow[0].view", "no unit of"),
        ('slow { view: "web_1d" max_age: "1d" }', "slow[0].features", "name the features"),
        ('slow { view: "web_1d" features: "x" max_age: "1d" }', "slow[0].features[0]", "'x'"),
        ('slow { view: "web_1d" features: "all" max_age: "1d" }', "slow[0].features[0]", "BIGINT["),
        (f"{SLOW} {SLOW}", "slow[1].view", "stands twice"),
        ('slow { view: "web_1d" features: "errors" }', "slow[0].max_age", '"1d" to'),
        ('slow { view: "web_1d" features: "errors" max_age: "1h" }', "slow[0].max_age", '"1d" to'),
        ('slow { view: "web_1d" features: "errors" max_age: "999d" }', "slow[0].max_age", '"1d"'),
    ],
)
def test_what_cannot_be_joined_is_refused_with_file_line_and_field(
    tmp_path: Path, slow: str, field: str, problem: str
):
    with pytest.raises(CatalogError) as refused:
        load_catalog(catalog_of(tmp_path, slow))
    line = f"{DETECTOR}:5: {field}: "
    assert any(line in text and problem in text for text in str(refused.value).split("\n"))


def test_a_feature_of_the_unit_cannot_have_the_name_of_a_slow_one(tmp_path: Path):
    with pytest.raises(CatalogError, match="'web_1d__errors' already"):
        load(tmp_path, (VIEW, '"spare"', '"web_1d__errors"'))


def test_an_edit_of_a_slow_feature_concerns_its_users_and_no_other_edit_of_the_view_does(
    tmp_path: Path,
):
    before = load(tmp_path / "before")
    (slow,) = before.slow_of(before.detectors["web_scan_gb"])

    def after(old: str, new: str) -> Catalog:
        return load(tmp_path / new.replace("/", " "), daily=DAILY.replace(old, new))

    edited = after("status >= 400", "status >= 500")
    assert used(edited) != used(before)
    assert edited.slow_of(edited.detectors["web_scan_gb"])[0].online != slow.online
    spared = after('definition: "count(*)"', 'definition: "max(status)"')
    assert used(spared) == used(before)
    assert spared.slow_of(spared.detectors["web_scan_gb"])[0].online == slow.online
    field = load(
        tmp_path / "field",
        (
            SOURCE,
            'index: "status"\n  definition: "$1"',
            'index: "status"\n  definition: "$1::BIGINT + 1"',
        ),
    )
    assert field.slow_of(field.detectors["web_scan_gb"])[0].online != slow.online
