"""Raw files land whole, once, and none pushes another aside."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from whetstone.errors import InputError
from whetstone.landing import file_hash, land, landed_days, landed_files, landed_version

DAY = date.fromisoformat("2026-03-01")

LAND = """
import sys
from datetime import date
from pathlib import Path
from whetstone.landing import land
sys.stdin.readline()
print(land(Path(sys.argv[1]), Path(sys.argv[2]), "oslo", "sshd", date(2026, 3, 1)).new)
"""


def raw(directory: Path, name: str, content: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / name
    file.write_text(content)
    return file


def contents(landing: Path) -> list[str]:
    return sorted(file.path.read_text() for file in landed_files(landing, "sshd", "2026-03-01"))


def test_landing_the_same_content_again_changes_nothing(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    first = land(landing, raw(tmp_path, "auth.log", "a"), "oslo", "sshd", DAY)
    version = landed_version(landing, "sshd", "2026-03-01")
    again = land(landing, raw(tmp_path, "auth.log", "a"), "oslo", "sshd", DAY)
    renamed = land(landing, raw(tmp_path, "other.log", "a"), "oslo", "sshd", DAY)
    assert (first.new, again.new, renamed.new) == (True, False, False)
    assert first.path == again.path == renamed.path
    assert landed_version(landing, "sshd", "2026-03-01") == version
    assert contents(landing) == ["a"]


def test_other_content_of_the_same_name_is_kept_beside_the_first(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    versions = set()
    for content in ("a", "b", "c", "b"):
        land(landing, raw(tmp_path, "auth.log", content), "oslo", "sshd", DAY)
        versions.add(landed_version(landing, "sshd", "2026-03-01"))
    assert contents(landing) == ["a", "b", "c"]
    assert len(versions) == 3


def test_what_is_still_being_written_is_not_seen(tmp_path: Path) -> None:
    directory = tmp_path / "oslo" / "sshd" / "2026-03-01"
    for name in (".auth.log.123", "auth.log.tmp"):
        raw(directory, name, "half")
    (directory / "archive").mkdir()
    assert landed_files(tmp_path, "sshd", "2026-03-01") == []
    assert landed_days(tmp_path, "sshd") == []


@pytest.mark.parametrize("name", [".auth.log", "auth.log.tmp"])
def test_a_file_whose_name_means_unfinished_is_refused_instead_of_never_parsed(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(InputError, match="rename it"):
        land(tmp_path / "landing", raw(tmp_path, name, "a"), "oslo", "sshd", DAY)


def test_a_file_that_is_empty_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        land(tmp_path / "landing", tmp_path / "gone", "oslo", "sshd", DAY)
    with pytest.raises(InputError, match="empty"):
        land(tmp_path / "landing", raw(tmp_path, "auth.log", ""), "oslo", "sshd", DAY)


def test_only_directories_that_are_days_are_days(tmp_path: Path) -> None:
    for day in ("2026-03-01", "2026-02-30", "lost-an-fo", "2025-12-31"):
        raw(tmp_path / "oslo" / "sshd" / day, "a.log", "a")
    assert landed_days(tmp_path, "sshd") == ["2025-12-31", "2026-03-01"]


def test_files_are_remembered_with_their_environment(tmp_path: Path) -> None:
    for environment in ("oslo", "berlin"):
        land(tmp_path / "l", raw(tmp_path, "a.log", environment), environment, "sshd", DAY)
    files = landed_files(tmp_path / "l", "sshd", "2026-03-01")
    assert [(file.environment, file.name) for file in files] == [
        ("berlin", "berlin/sshd/2026-03-01/a.log"),
        ("oslo", "oslo/sshd/2026-03-01/a.log"),
    ]


def test_a_file_that_is_written_anew_has_another_version(tmp_path: Path) -> None:
    file = raw(tmp_path, "a.log", "one")
    before = file_hash(file)
    file.write_text("two")
    os.utime(file, ns=(1, 1))
    assert file_hash(file) != before


@pytest.mark.parametrize("equal", [True, False], ids=["the same content", "other content"])
def test_files_of_one_name_that_land_at_once_are_all_there(tmp_path: Path, equal: bool) -> None:
    landing = tmp_path / "landing"
    files = [
        raw(tmp_path / str(number), "auth.log", "x" * 100_000 + ("" if equal else str(number)))
        for number in range(4)
    ]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", LAND, str(landing), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for file in files
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0] for process in processes]
    assert said.count("True\n") == (1 if equal else 4)
    assert contents(landing) == sorted({file.read_text() for file in files})


def test_raw_files_have_the_time_zone_of_their_environment_and_it_is_part_of_their_version(
    tmp_path: Path,
) -> None:
    landing = tmp_path / "landing"
    for environment in ("berlin", "oslo"):
        land(landing, raw(tmp_path, "auth.log", environment), environment, "sshd", DAY)
    zones = {"berlin": "Europe/Berlin"}
    files = landed_files(landing, "sshd", "2026-03-01", zones)
    assert [file.time_zone for file in files] == ["Europe/Berlin", "UTC"]
    versions = [
        landed_version(landing, "sshd", "2026-03-01", each)
        for each in ({}, {"oslo": "UTC"}, zones, {"berlin": "Asia/Tokyo"})
    ]
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3
