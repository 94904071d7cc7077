"""Canaries in a catalog: what is refused where, what is tried, and what an edit of one concerns."""

from pathlib import Path

import pytest
from catalog_files import GOLDEN, write_catalog

from whetstone.catalog import load_catalog
from whetstone.catalog.hashes import message_hash
from whetstone.catalog.loading import read_catalog
from whetstone.checking.canaries import bad_canaries
from whetstone.engine import open_engine
from whetstone.errors import CatalogError

LINE = "{time:%Y-%m-%dT%H:%M:%S} 192.0.2.1 404"
CLASSES = 'classes { name: "scan"'


def catalog_of(directory: Path, *canaries: str) -> Path:
    text = "\n".join(f"canaries {{ {canary} }}" for canary in canaries)
    return write_catalog(directory, {GOLDEN: (CLASSES, f"{text}\n{CLASSES}")})


def tried(directory: Path, *canaries: str) -> list[str]:
    files = read_catalog(catalog_of(directory, *canaries))
    with open_engine() as connection:
        return [str(error) for error in bad_canaries(connection, files)]


def test_canaries_that_parse_are_good(tmp_path: Path) -> None:
    assert tried(tmp_path, f'name: "scan" technique: "T1595.002" lines: "{LINE}"') == []


@pytest.mark.parametrize(
    ("canary", "field", "problem"),
    [
        (f'name: "Scan" lines: "{LINE}"', "canaries[1].name", "lower-case letters"),
        (f'name: "first" lines: "{LINE}"', "canaries[1].name", "'first' stands twice"),
        (
            f'name: "scan" technique: "1595" lines: "{LINE}"',
            "canaries[1].technique",
            "'1595' is no ATT&CK technique",
        ),
        ('name: "scan"', "canaries[1].lines", "write the raw lines of an attack"),
        (
            f'name: "scan" lines: "{LINE}" lines: "2026-03-10T12:00:00 192.0.2.1 404"',
            "canaries[1].lines[1]",
            "has no clock",
        ),
        (
            f'name: "scan" lines: "{LINE}\\n{LINE}"',
            "canaries[1].lines[0]",
            "holds a line break",
        ),
    ],
)
def test_a_wrong_canary_is_refused_with_file_line_and_field(
    tmp_path: Path, canary: str, field: str, problem: str
) -> None:
    catalog = catalog_of(tmp_path, f'name: "first" lines: "{LINE}"', canary)
    with pytest.raises(CatalogError) as refused:
        load_catalog(catalog)
    assert f"{tmp_path / GOLDEN}:4: {field}: " in str(refused.value)
    assert problem in str(refused.value)


def test_lines_that_are_no_events_of_the_source_are_named(tmp_path: Path) -> None:
    (error,) = tried(tmp_path, f'name: "scan" lines: "{LINE}" lines: "{{time:epoch}} and more"')
    assert f"{tmp_path / GOLDEN}:3: canaries[0].lines: scan gives fewer events of web" in error
    assert "1 lines: " in error


def test_a_canary_is_no_reason_to_train_anew(tmp_path: Path) -> None:
    plain = load_catalog(write_catalog(tmp_path / "plain")).golden_datasets["web_scan"]
    planted = load_catalog(catalog_of(tmp_path / "planted", f'name: "a" lines: "{LINE}"'))
    assert message_hash(plain) == message_hash(planted.golden_datasets["web_scan"])
