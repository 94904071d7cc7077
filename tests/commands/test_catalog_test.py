"""`whetstone catalog test`: what a definition makes of a file, for people to read."""

from pathlib import Path

import pytest
from command import Command

from tests.catalog.catalog_files import FLOWS, SOURCE, write_catalog

LINE = "2026-03-01T10:00:00 10.0.0.1 404\n"
WIDE = "".join(
    f'fields {{ name: "copy_{n}" data_type: "VARCHAR" index: "client" definition: "$1" }}\n'
    for n in range(12)
)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "home", write_catalog(tmp_path / "catalog"))


def shown(command: Command, content: str, *options: object, source: str = "web") -> str:
    path = command.catalog.parent / "raw.log"
    path.write_text(content, encoding="utf-8")
    result = command.run("catalog", "test", source, path, *options)
    assert result.code == 0, result.err
    return result.out


def test_records_stand_side_by_side_a_line_a_field(command: Command) -> None:
    said = shown(command, LINE.replace("404", "200") + LINE).splitlines()
    (status,) = (line.split() for line in said if line.startswith("status"))
    assert status == ["status", "200", "404"]


def test_as_many_records_are_shown_as_asked_for(command: Command) -> None:
    for count in (0, 1, 4):
        said = shown(command, LINE * 6, "--records", count)
        assert said.count("10.0.0.1") == count
        assert "6 lines: 6 events (100.0 %)" in said


def test_records_of_many_fields_and_long_values_keep_within_a_line(command: Command) -> None:
    path = command.catalog / SOURCE
    path.write_text(path.read_text() + WIDE)
    client = "x" * 500
    said = shown(command, LINE.replace("10.0.0.1", client) * 5)
    rows = [line for line in said.splitlines() if line.startswith("copy_")]
    assert len(rows) == 12
    assert all("…" in row and len(row) <= 170 for row in rows)


def test_rejects_are_counted_by_reason_with_the_first_of_each(command: Command) -> None:
    said = shown(command, LINE + "nonsense\n" * 3 + LINE.replace("-03-", "-13-"))
    rows = [line.split() for line in said.splitlines() if "no value" in line or "match" in line]
    assert rows == [
        ["3", "pattern", "does", "not", "match", "2", "nonsense"],
        ["1", "event_time:", "no", "value", "5", "2026-13-01T10:00:00", "10.0.0.1", "404"],
    ]
    assert "5 lines: 1 events (20.0 %), 0 of other sources, 4 rejects (80.0 %)" in said


def test_what_the_log_says_is_shown_and_not_obeyed(command: Command) -> None:
    said = shown(command, LINE.replace("10.0.0.1", "\x1b[31mred\u202e[bold]x[/bold]"))
    assert "\\x1b[31mred\\x202e[bold]x[/bold]" in said


def test_a_source_of_a_clock_alone_is_tried_too(command: Command) -> None:
    path = command.catalog / FLOWS
    assert path.read_text().count("fields {") == 1
    said = shown(command, '{"flow": {"start": "2026-03-01T10:00:00"}}\n', source="flows")
    assert "1 lines: 1 events" in said


def test_a_long_file_says_how_far_it_is(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_text(LINE * 600_000)
    result = command.run("catalog", "test", "web", path, "--json")
    assert result.json["parsed"] == 600_000
    assert "600,000 lines" in result.err
    assert command.run("catalog", "test", "web", path, "--records", "-1").code == 2
