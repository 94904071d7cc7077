"""Column lineage says which columns hang together, and an edit reaches just what it names."""

import random
from pathlib import Path

import dagster as dg
import pytest
from edited_catalogs import code_versions, edit_column, edited, shipped

from assets.column_lineage import TableLineages
from monitoring.lineage_page import write_lineage
from whetstone.catalog import Catalog
from whetstone.column_lineage import (
    DETECTOR,
    FEATURE,
    FIELD,
    RAW,
    Column,
    ColumnLineage,
    assets_of,
    column_lineage,
)
from whetstone.errors import InputError


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return shipped()


@pytest.fixture(scope="module")
def lineage(catalog: Catalog) -> ColumnLineage:
    return column_lineage(catalog)


@pytest.mark.parametrize("kind", [FIELD, FEATURE])
@pytest.mark.parametrize("seed", range(20))
def test_an_edit_changes_the_code_of_exactly_the_assets_that_lineage_names(
    catalog: Catalog, lineage: ColumnLineage, kind: str, seed: int
) -> None:
    columns = [column for column in lineage.made if column.kind == kind]
    column = random.Random(seed).choice(columns)  # noqa: S311
    old, new = code_versions(catalog), code_versions(edit_column(catalog, column))

    changed = {asset for asset in new if old[asset] != new[asset]}

    assert changed == assets_of(catalog, lineage, column)


def test_a_detector_leads_back_to_the_raw_fields(lineage: ColumnLineage) -> None:
    score = Column(DETECTOR, "ssh_bruteforce_gb", "score")

    values, all_of_it = lineage.up(score, rows=False), lineage.up(score)

    assert Column(FEATURE, "sshd_source_5m", "users") in values
    assert Column(FEATURE, "sshd_source_5m", "active_seconds") not in values
    assert Column(FIELD, "sshd", "outcome") in values
    assert Column(RAW, "sshd", "message") in values
    # The entity and what the source accepts decide which windows there are.
    assert Column(FIELD, "sshd", "src_ip") in all_of_it - values
    assert Column(RAW, "sshd", "program") in all_of_it - values


def test_up_and_down_are_each_other_s_mirror(lineage: ColumnLineage) -> None:
    for column in random.Random(1).sample(list(lineage.made), 60):  # noqa: S311
        for rows in (True, False):
            assert all(column in lineage.up(c, rows=rows) for c in lineage.down(column, rows=rows))


def test_templates_lead_back_to_the_message(catalog: Catalog) -> None:
    after, view = edited(catalog, "feature_views", "sshd_source_5m")
    after, source = edited(after, "sources", "sshd")
    source.message = "message"
    view.features[0].definition = "count(DISTINCT template)"
    found = column_lineage(after)
    message = Column(FIELD, "sshd", "message")

    old, new = code_versions(after), code_versions(edit_column(after, message))

    assert message in found.up(Column(FEATURE, "sshd_source_5m", "failures"), rows=False)
    assert {a for a in new if old[a] != new[a]} == assets_of(after, found, message)
    assert {"templates/sshd", "model/ssh_bruteforce_gb"} <= assets_of(after, found, message)


def test_slow_features_reach_the_detectors_that_look_them_up(catalog: Catalog) -> None:
    from whetstone.catalog.catalog_pb2 import SlowFeatures

    detector = catalog.detectors["ssh_bruteforce_gb"]
    slow = SlowFeatures(view="sshd_source_5m", features=["hosts"], max_age="1d")
    copy = type(detector)()
    copy.CopyFrom(detector)
    copy.slow.append(slow)
    del copy.features[copy.features[:].index("hosts")]
    after = Catalog(**{**vars(catalog), "detectors": {"ssh_bruteforce_gb": copy}})
    found = column_lineage(after)
    column = Column(FEATURE, "sshd_source_5m", "hosts")

    old, new = code_versions(after), code_versions(edit_column(after, column))

    assert {a for a in new if old[a] != new[a]} == assets_of(after, found, column)
    assert "online/ssh_bruteforce_gb" in assets_of(after, found, column)


def test_the_tables_of_the_ui_name_only_columns_that_there_are(catalog: Catalog) -> None:
    tables = TableLineages(catalog)
    for name, view in catalog.feature_views.items():
        fields = {field.name for field in catalog.sources[view.source].fields}
        found = tables.of(f"features/{name}")
        assert found is not None
        assert set(found.deps_by_column) == {feature.name for feature in view.features}
        for deps in found.deps_by_column.values():
            assert {dep.column_name for dep in deps} <= fields
            assert all(dep.asset_key == dg.AssetKey(["parsed", view.source]) for dep in deps)
    scores = tables.of("scores/ssh_bruteforce_gb")
    assert scores is not None
    assert {"outcome", "user"} <= {dep.column_name for dep in scores.deps_by_column["score"]}
    assert tables.of("alerts/daily") is None


def test_a_typing_error_gets_suggestions(lineage: ColumnLineage) -> None:
    with pytest.raises(InputError, match=r"did you mean sshd\.src_ip"):
        lineage.named("sshd.srcip")
    assert {column.kind for column in lineage.named("sshd.user")} == {FIELD}
    assert {column.kind for column in lineage.named("sshd.message")} == {RAW, FIELD}


def test_the_page_needs_nothing_else_and_definitions_cannot_break_out(
    catalog: Catalog, tmp_path: Path
) -> None:
    sources = dict(catalog.sources)
    hostile = type(sources["sshd"])()
    hostile.CopyFrom(sources["sshd"])
    hostile.fields[1].definition = "replace($1, '</script><script>alert(1)</script>', '')"
    sources["sshd"] = hostile
    path = write_lineage(Catalog(**{**vars(catalog), "sources": sources}), tmp_path / "l.html")

    text = path.read_text()
    assert "alert(1)" in text
    assert text.count("</script>") == 2
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    assert "default-src 'none'" in text
