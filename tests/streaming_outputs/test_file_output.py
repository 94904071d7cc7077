"""A file of JSON lines holds every record once, in order, over rotations, kills and full disks."""

import json
import os
from contextlib import closing
from pathlib import Path

import pytest

from tests.limits import file_size_limit
from tests.streaming_outputs.records import alert, ids, lines_of, names, numbered
from whetstone.errors import InputError
from whetstone.streaming.outputs import OutputError, open_output
from whetstone.streaming.outputs.file import File


def test_a_record_is_a_line_that_knows_its_place_in_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "made" / "alerts.jsonl"
    output = open_output(f"file://{path}", tmp_path)
    output.send(numbered(4, 9))
    read = [json.loads(line) for line in lines_of(path)]
    assert [line["event"] for line in read] == [
        {"kind": "alert", "id": "alert-4", "sequence": 4},
        {"kind": "alert", "id": "alert-9", "sequence": 9},
    ]
    assert output.cursor() == 9


def test_wherever_a_write_is_torn_the_file_goes_on_without_gap_or_repetition(
    tmp_path: Path,
) -> None:
    path = tmp_path / "alerts.jsonl"
    _sent(path, 1, 2, 3)
    content = path.read_bytes()
    first = content.index(b"\n") + 1
    for number, cut in enumerate(range(first, len(content) + 1, 23)):
        torn = tmp_path / f"{number}.jsonl"
        torn.write_bytes(content[:cut])
        output = File(torn)
        assert output.cursor() == 1 + content[first:cut].count(b"\n")
        output.send(numbered(1, 2, 3))
        assert torn.read_bytes() == content


@pytest.mark.parametrize("length", [70_000, 300_000])
def test_a_long_last_line_is_read_whole(tmp_path: Path, length: int) -> None:
    path = tmp_path / "alerts.jsonl"
    long = alert(2)
    long.record["message"] = "a" * length
    with closing(File(path)) as output:
        output.send([(1, alert(1)), (2, long)])
    assert File(path).cursor() == 2


def test_rotated_files_hold_all_in_order_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    output = open_output(f"file://{path}?rotate=1k&keep=2", tmp_path)
    for number in range(1, 31):
        output.send(numbered(number))
    files = [tmp_path / name for name in ("alerts.jsonl.2", "alerts.jsonl.1", "alerts.jsonl")]
    assert set(tmp_path.iterdir()) == set(files[: 3 if files[2].exists() else 2])
    held = [name for file in files if file.exists() for name in ids(lines_of(file))]
    assert held == names(*range(31 - len(held), 31))
    assert all(1024 <= file.stat().st_size < 2048 for file in files[:2])


def test_after_a_rotation_it_knows_from_the_rotated_file_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    File(path, rotate=1).send(numbered(1, 2))
    assert not path.exists()
    again = File(path)
    assert again.cursor() == 2
    again.send(numbered(2, 3))
    assert ids(lines_of(path)) == names(3)


def test_a_kill_amid_the_shifting_costs_no_file(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    for number in range(1, 4):
        _sent(path, number, rotate=1)
    _sent(path, 4)
    # As a kill leaves it that came after the first of three renames.
    (tmp_path / "alerts.jsonl.2").replace(tmp_path / "alerts.jsonl.3")
    _sent(path, 5, rotate=1)
    held = [ids(lines_of(tmp_path / f"alerts.jsonl.{number}")) for number in (3, 2, 1)]
    assert held == [names(2), names(3), names(4, 5)]


def test_a_file_that_somebody_moved_away_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    output = File(path)
    output.send(numbered(1))
    path.replace(tmp_path / "moved")
    output.send(numbered(1, 2))
    assert ids(lines_of(tmp_path / "moved")) == names(1)
    assert ids(lines_of(path)) == names(2)


def test_what_others_wrote_before_stays(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_text("not ours\n")
    output = File(path)
    assert output.cursor() is None
    output.send(numbered(1))
    assert lines_of(path)[0] == b"not ours"


def test_two_scorers_do_not_write_one_file(tmp_path: Path) -> None:
    first = File(tmp_path / "alerts.jsonl")
    first.send(numbered(1))
    with pytest.raises(OutputError, match="another process"):
        File(tmp_path / "alerts.jsonl").send(numbered(2))
    first.close()
    File(tmp_path / "alerts.jsonl").send(numbered(2))


def test_a_full_disk_leaves_whole_lines_and_the_rest_for_later(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    output = File(path)
    output.send(numbered(1))
    said = r"alerts\.jsonl: cannot be written"
    with file_size_limit(path.stat().st_size + 300), pytest.raises(OutputError, match=said):
        output.send(numbered(2, 3))
    assert ids(lines_of(path)) == names(1)
    output.send(numbered(2, 3))
    assert ids(lines_of(path)) == names(1, 2, 3)


def test_a_path_that_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name a file"):
        open_output(f"file://{tmp_path}/", tmp_path)
    output = open_output(f"file://{tmp_path}", tmp_path)
    with pytest.raises(OutputError, match=os.strerror(21)):
        output.cursor()


def _sent(path: Path, *numbers: int, rotate: int = 1 << 20) -> None:
    with closing(File(path, rotate, keep=3)) as output:
        output.send(numbered(*numbers))
