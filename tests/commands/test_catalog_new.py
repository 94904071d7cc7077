"""`whetstone catalog new source`: what it proposes for a real file parses that file."""

import gzip
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from command import Command

from whetstone.catalog import load_catalog

Proposed = Callable[[str], dict[str, Any]]
FILES = [
    ("web/apache_access_first6000.log.gz", "LINE", {"client": "VARCHAR", "status": "BIGINT"}),
    ("suricata/slips_test6_malicious_partA.eve.json.gz", "JSON", {"flow_start": "TIMESTAMP"}),
    ("suricata/alerts_honeypot-2018.json.gz", "JSON", {"dest_port": "BIGINT"}),
    ("zeek/m57_day1_first60pct/conn.log.gz", "ZEEK", {"duration": "DOUBLE", "proto": "VARCHAR"}),
    ("zeek/slips_test9-mixed/conn.log.gz", "ZEEK", {"id_orig_p": "BIGINT"}),
    ("loghub_2k/Linux/Linux_2k.log.gz", "SYSLOG", {"program": "VARCHAR", "pid": "BIGINT"}),
    ("hdfs/raw/HDFS_first20k.log.gz", "LINE", {"level": "VARCHAR", "component": "VARCHAR"}),
    ("raw_logs/BGL_first5000.log.gz", "LINE", {"level": "VARCHAR"}),
    ("elk_export/wazuh_first60pct.jsonl.gz", "JSON", {"rule_level": "BIGINT"}),
    ("elk_export/elastic_first60pct.jsonl.gz", "JSON", {}),
    ("argus/slips_test3-mixed.binetflow.gz", "CSV", {"dur": "DOUBLE", "tot_bytes": "BIGINT"}),
    ("otrf/linux_discovery_sh_arp_cache.log.gz", "KEY_VALUE", {"syscall": "BIGINT"}),
    ("lanl/auth_day0_first5000.txt.gz", "CSV", {"column_1": "BIGINT"}),
]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command with an empty catalog."""
    (tmp_path / "catalog" / "sources").mkdir(parents=True)
    return Command(tmp_path / "home", tmp_path / "catalog")


def written(directory: Path, lines: str, name: str = "app.log") -> Path:
    path = directory / name
    path.write_text(lines, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command with a catalog that has what was proposed until now."""
    directory = tmp_path_factory.mktemp("growing")
    (directory / "catalog" / "sources").mkdir(parents=True)
    return Command(directory / "home", directory / "catalog")


@pytest.fixture(scope="module")
def proposed(growing: Command, real_data: Path) -> Proposed:
    """Has a definition written for a real file, once; returns what the command says of it."""

    @cache
    def propose(file: str) -> dict[str, Any]:
        options = ("--from", real_data / file, "--write")
        return growing.good("catalog", "new", "source", name_of(file), *options)

    return propose


def name_of(file: str) -> str:
    """What the source of a real file is called."""
    return re.sub(r"\W", "_", file).lower()


@pytest.mark.parametrize(("file", "form", "types"), FILES, ids=[file for file, *_ in FILES])
def test_a_real_file_gets_a_definition_that_parses_it(
    growing: Command,
    proposed: Proposed,
    real_data: Path,
    file: str,
    form: str,
    types: dict[str, str],
) -> None:
    result = proposed(file)
    assert result["format"] == form
    assert result["parsed"] >= 0.99 * result["lines"] > 0
    source = load_catalog(growing.catalog).sources[name_of(file)]
    assert {field.name: field.data_type for field in source.fields}.items() >= types.items()
    assert 1 <= len(source.samples) <= 2
    tried = growing.good("catalog", "test", name_of(file), real_data / file)
    assert (tried["parsed"], tried["rejects"]) == (result["parsed"], result["rejects"])


def test_a_catalog_of_such_definitions_has_no_errors(growing: Command, proposed: Proposed) -> None:
    for file, *_ in FILES:
        proposed(file)
    checked = growing.good("catalog", "check")
    assert checked["sources"] == len(FILES)
    assert checked["errors"] == []


def test_the_definition_alone_goes_to_standard_output(
    command: Command, real_data: Path, tmp_path: Path
) -> None:
    file = real_data / "loghub_2k" / "Apache" / "Apache_2k.log.gz"
    result = command.run("catalog", "new", "source", "apache", "--from", file)
    assert result.code == 0
    assert "2000 events (100.0 %)" in result.err
    assert not list(command.catalog.glob("sources/*"))
    (command.catalog / "sources" / "apache.textproto").write_text(result.out)
    source = load_catalog(command.catalog).sources["apache"]
    assert [field.name for field in source.fields] == ["event_time", "level", "message"]
    with gzip.open(file, "rt") as lines:
        assert source.samples[0] == next(lines).rstrip("\n")


def test_what_is_there_is_never_overwritten(command: Command, tmp_path: Path) -> None:
    file = written(tmp_path, "2026-03-01 10:00:00 INFO core: started\n" * 3)
    command.good("catalog", "new", "source", "app", "--from", file, "--write")
    path = command.catalog / "sources" / "app.textproto"
    path.write_text(path.read_text() + "# mine\n")
    said = command.refused("catalog", "new", "source", "app", "--from", file, "--write")
    assert "is there already" in said
    assert path.read_text().endswith("# mine\n")


def test_names_that_are_none_and_files_that_are_no_text_are_refused(
    command: Command, tmp_path: Path
) -> None:
    file = written(tmp_path, "2026-03-01 10:00:00 INFO core: started\n")
    assert "lower-case" in command.refused("catalog", "new", "source", "../App", "--from", file)
    empty = written(tmp_path, "", "empty.log")
    assert "no lines" in command.refused("catalog", "new", "source", "app", "--from", empty)
    binary = tmp_path / "binary.log"
    binary.write_bytes(b"ok\n" + b"\xff\xfe\x00\x81\n" * 500)
    assert "no text" in command.refused("catalog", "new", "source", "app", "--from", binary)


def test_personal_data_is_marked_by_name_and_by_value(command: Command, tmp_path: Path) -> None:
    records = [
        {
            "time": f"2026-03-01T10:00:{n:02}Z",
            "peer": f"10.0.0.{n}",
            "who": f"u{n}@example.org",
            "user_name": f"u{n}",
            "computer": f"pc{n}",
            "url": f"/find?q={n}",
            "user_agent": "curl/8",
            "size": n,
        }
        for n in range(20)
    ]
    file = written(tmp_path, "\n".join(map(json.dumps, records)))
    command.good("catalog", "new", "source", "web", "--from", file, "--write")
    source = load_catalog(command.catalog).sources["web"]
    kinds = {f.name: f.personal_data for f in source.fields if f.personal_data}
    # ADDRESS, USER, HOST, FREE_TEXT
    assert kinds == {"peer": 1, "who": 2, "user_name": 2, "computer": 3, "url": 4}


def test_stack_traces_belong_to_the_line_before_them(command: Command, tmp_path: Path) -> None:
    trace = "java.io.IOException: broken\n\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)\n"
    lines = "".join(
        f"2026-03-01 10:00:{n:02},123 ERROR [worker-{n}] a.B: failed\n{trace if n % 3 == 0 else ''}"
        for n in range(30)
    )
    file = written(tmp_path, lines)
    result = command.good("catalog", "new", "source", "java", "--from", file, "--write")
    assert (result["lines"], result["parsed"]) == (30, 30)
    assert load_catalog(command.catalog).sources["java"].record_start


def test_text_without_any_structure_becomes_a_message(command: Command, tmp_path: Path) -> None:
    file = written(tmp_path, "all work and no play\nmakes jack\na dull boy indeed\n" * 10)
    result = command.good(
        "catalog", "new", "source", "novel", "--from", file, "--write", "--day", "2026-03-01"
    )
    assert result["parsed"] == result["lines"] == 30
    source = load_catalog(command.catalog).sources["novel"]
    assert list(source.fields[0].index) == ["@day"]
    assert source.message == "message"


def test_hostile_text_reaches_neither_the_terminal_nor_the_grammar(
    command: Command, tmp_path: Path
) -> None:
    evil = '2026-03-01 10:00:00 INFO core: \x1b]0;owned\x07\u202e "} fields { \\ {evil}\n'
    file = written(tmp_path, evil * 5, "evil\nname.log")
    result = command.run("catalog", "new", "source", "evil", "--from", file)
    assert result.code == 0
    assert not {"\x1b", "\x07", "\u202e"} & set(result.out + result.err)
    (command.catalog / "sources" / "evil.textproto").write_text(result.out)
    (sample,) = load_catalog(command.catalog).sources["evil"].samples
    assert sample == evil.rstrip("\n")
