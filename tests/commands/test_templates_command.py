"""`whetstone templates`: one row a line, as LogHub writes them."""

import ast
import csv
import gzip
from pathlib import Path

import pytest
from command import Command

LINES = (
    "2015-10-18 18:01:47,978 INFO [main] org.apache.Master: Jetty bound to port 62267\n"
    "2015-10-18 18:01:48,963 INFO [main] org.apache.Master: Executing with tokens:\n"
    "2015-10-18 18:01:48,990 WARN [main] org.apache.Master: Jetty bound to port 62268\n"
)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def file(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "some.log.gz"
    path.write_bytes(gzip.compress(content.encode()))
    return path


def test_each_line_has_its_row_in_order(fresh: Command, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    said = fresh.good("templates", file(tmp_path, LINES), "--out", out)
    assert said == {"lines": 3, "templates": 2, "out": str(out)}
    rows = rows_of(out)
    assert list(rows[0]) == ["LineId", "EventId", "EventTemplate", "ParameterList"]
    assert [row["LineId"] for row in rows] == ["1", "2", "3"]
    bound, executing = "Jetty bound to port <*>", "Executing with tokens:"
    assert [row["EventTemplate"] for row in rows] == [bound, executing, bound]
    assert [ast.literal_eval(row["ParameterList"]) for row in rows] == [["62267"], [], ["62268"]]
    assert rows[0]["EventId"] == rows[2]["EventId"] != rows[1]["EventId"]


def test_the_id_of_a_template_is_the_same_in_another_file(fresh: Command, tmp_path: Path) -> None:
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    fresh.good("templates", file(tmp_path, LINES), "--out", first)
    fresh.good("templates", file(tmp_path, LINES.splitlines(True)[2]), "--out", second)
    assert rows_of(first)[0]["EventId"] == rows_of(second)[0]["EventId"]


def test_a_source_says_what_the_message_is_and_other_lines_are_their_own(
    fresh: Command, tmp_path: Path
) -> None:
    line = "Mar 10 11:59:01 berlin-app2 sshd[4711]: Invalid user ada from 203.0.113.99\n"
    out = tmp_path / "out.csv"
    path = file(tmp_path, f"{line}\nno line of sshd\n")
    fresh.good("templates", path, "--source", "sshd", "--day", "2026-03-10", "--out", out)
    found = [row["EventTemplate"] for row in rows_of(out)]
    assert found == ["Invalid user ada from <*>", "", "no line of sshd"]


@pytest.mark.parametrize(
    ("source", "said"), [("abacus", "abacus"), ("suricata_flow", "names no field with free text")]
)
def test_a_source_without_messages_is_refused(
    fresh: Command, tmp_path: Path, source: str, said: str
) -> None:
    out = tmp_path / "out.csv"
    path = file(tmp_path, LINES)
    assert said in fresh.refused("templates", path, "--source", source, "--out", out)
    assert not out.exists()


def test_people_see_the_most_frequent_templates(fresh: Command, tmp_path: Path) -> None:
    result = fresh.run("templates", file(tmp_path, LINES), "--out", tmp_path / "out.csv")
    assert result.code == 0
    assert "2 templates of 3 lines" in result.out
    assert result.out.index("Jetty bound") < result.out.index("Executing")
