"""The definitions that come with the platform."""

import subprocess
import sys
from pathlib import Path

import pytest

from whetstone.catalog import Catalog, load_catalog
from whetstone.catalog.hashes import source_hash
from whetstone.engine import open_engine
from whetstone.errors import InputError
from whetstone.parsing import RawFile, parse_files

CATALOG = Path(__file__).resolve().parents[2] / "catalog"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(CATALOG)


def test_every_sample_of_every_source_parses(catalog: Catalog, tmp_path: Path) -> None:
    for source in catalog.sources.values():
        assert source.samples, f"{source.name} has no samples"
        files: list[RawFile] = []
        for number, sample in enumerate(source.samples):  # one may begin with a header
            path = tmp_path / f"{source.name}-{number}"
            path.write_text(sample)
            files.append(RawFile(path, "oslo", path.name))
        with open_engine() as connection:
            parsed = parse_files(connection, source, files, "2026-03-02", 1 << 20)
            rows = connection.execute("FROM rejects").fetchall()
        assert (parsed.events, rows) == (len(source.samples), []), source.name


def test_every_definition_says_what_it_is_to_people(catalog: Catalog) -> None:
    for things in (
        catalog.sources,
        catalog.feature_views,
        catalog.golden_datasets,
        catalog.detectors,
    ):
        for thing in things.values():
            assert thing.display_name, thing.name
            assert thing.description, thing.name
            assert thing.owners, thing.name


def test_a_detector_takes_along_all_that_scoring_raw_logs_needs(catalog: Catalog) -> None:
    needed = catalog.needed_by(catalog.detector("ssh_bruteforce_gb"))
    assert [source.name for source in needed.sources] == ["sshd"]
    assert [view.name for view in needed.feature_views] == ["sshd_source_5m"]
    assert source_hash(needed.sources[0]) == source_hash(catalog.source("sshd"))


def test_a_name_that_is_not_there_is_answered_with_those_that_are(catalog: Catalog) -> None:
    with pytest.raises(InputError, match=r"no source 'ssh'; there are: .*sshd, .*zookeeper"):
        catalog.source("ssh")


def test_loading_the_catalog_takes_neither_platform_nor_time() -> None:
    # Processor time of a fresh process, so that busy neighbours do not matter.
    program = (
        "import sys, time; from pathlib import Path; from whetstone.catalog import load_catalog\n"
        "start = time.process_time(); load_catalog(Path(sys.argv[1]))\n"
        "assert not {'dagster', 'torch', 'feast', 'evidently', 'sklearn'} & sys.modules.keys()\n"
        "print(time.process_time() - start)"
    )
    command = [sys.executable, "-c", program, str(CATALOG)]
    took = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert took < 2
