"""Generated lines have the shapes of the real logs they imitate."""

import gzip
import json
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from demo import hdfs, sshd, suricata_flow
from demo.world import Record, Site

DAYS = [date(2026, 3, day) for day in range(2, 9)]
SITE = Site(7, "oslo", change=date(2026, 3, 5))


def real_lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def sshd_shape(line: str) -> str:
    """A line of auth.log without what varies: clock, host, names, addresses, numbers."""
    line = re.sub(r"^\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ sshd\[\d+\]: ", "", line)
    line = re.sub(r"getaddrinfo for \S+ \[", "getaddrinfo for <host> [", line)
    line = re.sub(r"rhost=\S+", "rhost=<host>", line)
    line = re.sub(r"\d+(\.\d+){3}", "<ip>", line)
    line = re.sub(
        r"(invalid user|Invalid user|user=|opened for user|closed for user) ?\S+", r"\1<user>", line
    )
    line = re.sub(r"(password for|failures for) (?!invalid)\S+", r"\1 <user>", line)
    return re.sub(r"\d+", "#", line)


def hdfs_shape(line: str) -> str:
    """A line of HDFS without clock, block, address and numbers."""
    line = re.sub(r"^\d{6} \d{6} \d+ ", "", line)
    line = re.sub(r"blk_-?\d+", "<block>", line)
    line = re.sub(r"\d+(\.\d+){3}", "<ip>", line)
    return re.sub(r"\d+", "#", line)


@pytest.fixture(scope="module")
def auth_log() -> list[Record]:
    log = []
    for day in DAYS:
        log += sshd.records(SITE, day, sshd.production(SITE, day, 1.0))
    return log


@pytest.fixture(scope="module")
def hdfs_log() -> list[Record]:
    log = []
    for day in DAYS:
        log += hdfs.records(SITE, day, hdfs.production(SITE, day, 1.0))
    return log


def test_lines_of_sshd_have_shapes_of_the_real_log(auth_log: list[Record], real_data: Path) -> None:
    real = {
        sshd_shape(line)
        for line in real_lines(real_data / "loghub_2k" / "OpenSSH" / "OpenSSH_2k.log.gz")
    }
    made = Counter(
        sshd_shape(record.raw)
        for record in auth_log
        # The real log has no login by key.
        if "Accepted publickey" not in record.raw
    )
    strange = {shape: count for shape, count in made.items() if shape not in real}
    assert sum(strange.values()) <= 0.05 * made.total(), strange
    assert len(set(made) & real) >= 15


def test_every_line_of_hdfs_has_a_shape_of_the_real_log(
    hdfs_log: list[Record], real_data: Path
) -> None:
    path = real_data / "hdfs" / "raw" / "HDFS_sessions_early30pct.log.gz"
    real = {hdfs_shape(line) for line in real_lines(path)}
    made = {hdfs_shape(record.raw) for record in hdfs_log}
    assert made <= real, made - real
    assert len(made) >= 20


def test_blocks_live_like_the_real_ones(hdfs_log: list[Record], real_data: Path) -> None:
    """Counts of each kind of line in an ordinary block are, on average, those of the real log."""
    folder = real_data / "hdfs" / "raw"
    normal = {
        line.split(",")[0]
        for line in real_lines(folder / "HDFS_sessions_early30pct_labels.csv.gz")
        if ",Normal," in line
    }
    real: Counter[str] = Counter()
    for line in real_lines(folder / "HDFS_sessions_early30pct.log.gz"):
        block = re.search(r"blk_-?\d+", line)
        if block and block.group() in normal:
            real[hdfs_shape(line)] += 1
    ordinary = [record for record in hdfs_log if not record.attack]
    made = Counter(hdfs_shape(record.raw) for record in ordinary)
    blocks = len({record.unit for record in ordinary})
    for shape, count in real.items():
        mean = count / len(normal)
        if mean > 0.4:
            assert abs(made[shape] / blocks - mean) < 0.35 * mean + 0.1, shape


def test_anomalous_blocks_have_lines_or_gaps_that_ordinary_ones_have_not(
    hdfs_log: list[Record],
) -> None:
    blocks: dict[str, tuple[str, Counter[str]]] = {}
    for record in hdfs_log:
        _, counts = blocks.setdefault(record.unit, (record.attack, Counter()))
        counts[re.sub(r"/?subdir#|Deleting.*", "", hdfs_shape(record.raw))] += 1
    ordinary = {shape for kind, counts in blocks.values() if not kind for shape in counts}
    for kind, counts in blocks.values():
        if kind in ("never_written", "write_failed"):
            assert counts.total() <= 4
        elif kind and kind != "hot_block":
            assert set(counts) - ordinary, kind


def test_flow_events_have_the_fields_of_real_ones(real_data: Path) -> None:
    def paths(value: object, prefix: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {prefix}
        return {path for key, inner in value.items() for path in paths(inner, f"{prefix}.{key}")}

    real: set[str] = set()
    for name in ("aitlds_mailserver_first60pct", "slips_test6_malicious_partA"):
        for line in real_lines(real_data / "suricata" / f"{name}.eve.json.gz"):
            if '"event_type":"flow"' in line:
                real |= paths(json.loads(line))
    events = [
        json.loads(record.raw)
        for record in suricata_flow.records(
            SITE, DAYS[-1], suricata_flow.Plan(400, 1, 1, 1, 1, 1, 1)
        )
    ]
    flows = [event for event in events if event["event_type"] == "flow"]
    for flow in flows:
        if flow["proto"] != "ICMP":
            assert paths(flow) <= real
    assert {event["event_type"] for event in events} == {
        "flow", "dns", "http", "tls", "alert", "stats",
    }  # fmt: skip
    assert any("app_proto" not in flow for flow in flows)
    assert all(("tcp" in flow) == (flow["proto"] == "TCP") for flow in flows)


def test_tcp_flag_bytes_of_scans_and_sessions_are_those_of_the_real_log(real_data: Path) -> None:
    real = Counter(
        (tcp["tcp_flags_ts"], tcp["tcp_flags_tc"])
        for name in ("aitlds_mailserver_first60pct", "slips_test6_malicious_partA")
        for line in real_lines(real_data / "suricata" / f"{name}.eve.json.gz")
        if '"event_type":"flow"' in line and (tcp := json.loads(line).get("tcp"))
    )
    plan = suricata_flow.Plan(600, 1, 1, 1, 1, 1, 0)
    made = [
        (tcp["tcp_flags_ts"], tcp["tcp_flags_tc"])
        for record in suricata_flow.records(SITE, DAYS[0], plan)
        if (tcp := json.loads(record.raw).get("tcp")) and tcp["state"] != "syn_sent"
    ]
    assert sum(flags in real for flags in made) > 0.95 * len(made)


def test_addresses_belong_to_nobody(auth_log: list[Record], hdfs_log: list[Record]) -> None:
    nobody = re.compile(
        r"10\.|172\.(1[6-9]|2\d|3[01])\.|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|198\.1[89]\."
        r"|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\."
    )
    flows = suricata_flow.records(SITE, DAYS[-1], suricata_flow.Plan(300, 1, 1, 1, 1, 1, 1))
    for record in [*auth_log, *hdfs_log, *flows]:
        for address in re.findall(r"(?<![\w./])\d+(?:\.\d+){3}", record.raw):
            if "Chrome/" in record.raw and address.endswith(".0.0.0"):
                continue
            assert nobody.match(address), address
