"""Public logs parse as those who published them counted."""

import csv
import gzip
from pathlib import Path

import pytest
from raw_logs import CATALOG, parse


def test_all_lines_of_an_openssh_log_parse(real_data: Path) -> None:
    parsed, rows = parse(
        CATALOG.sources["sshd"],
        [real_data / "loghub_2k/OpenSSH/OpenSSH_2k.log.gz"],
        "SELECT outcome, count(*), count(src_ip), min(event_time)::VARCHAR FROM events"
        " GROUP BY ALL ORDER BY ALL",
        day="2018-01-01",
    )
    assert (parsed.lines, parsed.events, parsed.rejects) == (2000, 2000, {})
    counts = {outcome: (events, addresses) for outcome, events, addresses, _ in rows}
    with gzip.open(real_data / "loghub_2k/OpenSSH/OpenSSH_2k.log.gz", "rt") as file:
        lines = file.readlines()
    failed = [line for line in lines if "Failed password for" in line or "Failed none" in line]
    accepted = [line for line in lines if ": Accepted " in line]
    assert counts["failed"] == (len(failed), len(failed))
    assert counts["accepted"] == (len(accepted), len(accepted))
    assert min(first for *_, first in rows) == "2017-12-10 06:55:46"


@pytest.mark.parametrize(
    ("name", "flows", "lines"),
    [
        ("slips_test6_malicious_partA.eve.json.gz", 2112, 2970),
        ("aitlds_mailserver_first60pct.eve.json.gz", 418, 2055),
        ("mta_2023-10-31_icedid.eve.json.gz", 84, None),
    ],
)
def test_the_flows_of_an_eve_file_are_events_and_all_else_is_skipped(
    real_data: Path, name: str, flows: int, lines: int | None
) -> None:
    parsed, rows = parse(
        CATALOG.sources["suricata_flow"],
        [real_data / "suricata" / name],
        "SELECT count(src_ip), count(bytes_to_server), count(*) FILTER (end_time < event_time)"
        " FROM events",
    )
    assert (parsed.events, parsed.rejects) == (flows, {})
    assert rows == [(flows, flows, 0)]
    assert lines is None or parsed.lines == lines


def test_the_log_statements_of_every_hdfs_block_are_those_of_the_published_parse(
    real_data: Path,
) -> None:
    with gzip.open(real_data / "hdfs/raw/HDFS_sessions_early30pct_labels.csv.gz", "rt") as file:
        expected = {row["session_id"]: row["expected_keys"] for row in csv.DictReader(file)}
    parsed, rows = parse(
        CATALOG.sources["hdfs"],
        [real_data / "hdfs/raw/HDFS_sessions_early30pct.log.gz"],
        "SELECT block, event FROM events ORDER BY raw_line",
        day="2008-11-12",
    )
    assert (parsed.lines, parsed.events, parsed.rejects) == (81_048, 81_048, {})
    found: dict[str, list[str]] = {}
    for block, event in rows:
        found.setdefault(block, []).append(event[1:])
    assert len(found) == 3_414
    assert found == {block: keys.split() for block, keys in expected.items()}
