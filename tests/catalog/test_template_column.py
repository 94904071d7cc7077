"""The column `template`: where features may read it, and what reading it depends on."""

from pathlib import Path

import pytest
from catalog_files import DETECTOR, SOURCE, VIEW, write_catalog

from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.hashes import used_hash
from whetstone.catalog.templated import reads_templates
from whetstone.errors import CatalogError
from whetstone.lineage import Follow, Graph, Input, build_graph

MESSAGE = 'fields { name: "text" data_type: "VARCHAR" index: "client" definition: "$1" }\n'
SPEAKING = ("format: LINE\n", f'format: LINE\nmessage: "text"\n{MESSAGE}')
READING = ('"count(*)"', '"count(DISTINCT template)"')
GOLDEN, TEMPLATES = Input("golden/web_scan", optional=True), "templates/web"


def catalog(directory: Path, **changes: tuple[str, str]) -> Catalog:
    files = {"source": SOURCE, "view": VIEW, "detector": DETECTOR}
    return load_catalog(write_catalog(directory, {files[n]: c for n, c in changes.items()}))


def graph_of(known: Catalog) -> Graph:
    return build_graph(known, {"gradient_boosting": "code"})


def used(known: Catalog) -> str:
    detector = known.detectors["web_scan_gb"]
    return used_hash(known.sources["web"], known.feature_views["web_5m"], detector)


def test_a_feature_reads_it_where_the_source_has_a_message(tmp_path: Path) -> None:
    known = catalog(tmp_path, source=SPEAKING, view=READING)
    source, view = known.sources["web"], known.feature_views["web_5m"]
    assert reads_templates(source, view)
    assert reads_templates(source, view, ["requests"])
    assert not reads_templates(source, view, ["errors"])


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        pytest.param({"view": READING}, "template", id="source without a message"),
        pytest.param(
            {"source": SPEAKING, "view": ('entity: "client"', 'entity: "template"')},
            "window.entity",
            id="as an entity",
        ),
    ],
)
def test_elsewhere_there_is_no_such_column(
    tmp_path: Path, changes: dict[str, tuple[str, str]], where: str
) -> None:
    with pytest.raises(CatalogError, match=where):
        catalog(tmp_path, **changes)


def test_a_field_of_that_name_is_the_source_s_own(tmp_path: Path) -> None:
    own = MESSAGE.replace('"text"', '"template"')
    known = catalog(tmp_path, source=(SPEAKING[0], SPEAKING[1] + own), view=READING)
    assert not reads_templates(known.sources["web"], known.feature_views["web_5m"])
    assert TEMPLATES not in graph_of(known).nodes


def test_mining_follows_the_source_s_appearance_and_its_golden_datasets(tmp_path: Path) -> None:
    nodes = graph_of(catalog(tmp_path, source=SPEAKING)).nodes
    assert nodes[TEMPLATES].inputs == (Input("parsed/web", Follow.PRESENCE, optional=True), GOLDEN)
    assert "templates/flows" not in nodes


def test_only_what_reads_templates_is_made_from_them(tmp_path: Path) -> None:
    plain = graph_of(catalog(tmp_path / "plain", source=SPEAKING)).nodes
    reading = graph_of(catalog(tmp_path / "reading", source=SPEAKING, view=READING)).nodes
    users = {
        name
        for name, node in reading.items()
        if any(source.asset == TEMPLATES for source in node.inputs)
    }
    assert users == {"features/web_5m", "golden_features/web_scan", "warehouse/views"}
    assert Input(TEMPLATES, Follow.LATEST) in reading["features/web_5m"].inputs
    assert Input(TEMPLATES) in reading["golden_features/web_scan"].inputs
    names = ["features/web_5m", "golden_features/web_scan"]
    assert not any(source.asset == TEMPLATES for n in names for source in plain[n].inputs)


def test_what_the_message_is_matters_to_detectors_that_read_templates_only(tmp_path: Path) -> None:
    edited = (SPEAKING[0], SPEAKING[1].replace("$1", "lower($1)"))
    hashes = {
        (reading, change): used(
            catalog(
                tmp_path / f"{reading}{change}",
                source=edited if change else SPEAKING,
                view=READING if reading else ('"count(*)"', '"count(*)"'),
            )
        )
        for reading in (False, True)
        for change in (False, True)
    }
    assert hashes[False, False] == hashes[False, True]
    assert hashes[True, False] != hashes[True, True]
    before = graph_of(catalog(tmp_path / "a", source=SPEAKING)).nodes[TEMPLATES]
    after = graph_of(catalog(tmp_path / "b", source=edited)).nodes[TEMPLATES]
    assert before.code_version != after.code_version
