"""Sources of text parse real logs to the values that others read out of the same lines.

The other readers are the columns that LogHub publishes beside its lines, Python's `json`, `csv`
and `urllib`, and bytes decoded by hand. Every line of every file parses: there is no reject to
explain.
"""

import csv
import gzip
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from text_sources import Values, read

Row = dict[str, str]


def naive(text: str, written: str) -> datetime:
    return datetime.strptime(text, written).replace(tzinfo=UTC).replace(tzinfo=None)


def lines_of(file: Path) -> list[str]:
    with gzip.open(file, "rt", newline="\n") as lines:
        return [line.rstrip("\r\n") for line in lines]


def text_of(value: Any) -> str:
    """As LogHub writes a value: without blanks around it, and nothing for nothing."""
    return "" if value is None else str(value).strip()


# --- LogHub: what those who published the lines read out of them -------------------------------


def clock(written: str) -> Callable[[Values], str]:
    return lambda event: event["event_time"].strftime(written)


def milliseconds(event: Values) -> str:
    return event["event_time"].strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]


def field(name: str) -> Callable[[Values], Any]:
    return lambda event: event[name]


# System, source, and pairs of what we read and what LogHub read.
LOGHUB: list[tuple[str, str, list[tuple[Callable[[Values], Any], Callable[[Row], str]]]]] = [
    (
        "HDFS",
        "hdfs",
        [
            (clock("%y%m%d %H%M%S"), lambda row: f"{int(row['Date']):06} {int(row['Time']):06}"),
            (field("thread"), lambda row: row["Pid"]),
            (field("level"), lambda row: row["Level"]),
            (field("component"), lambda row: row["Component"]),
            (field("message"), lambda row: row["Content"]),
        ],
    ),
    (
        "OpenSSH",
        "sshd",
        [
            (clock("%b %d %H:%M:%S"), lambda row: f"{row['Date']} {row['Day']} {row['Time']}"),
            (field("host"), lambda row: row["Component"]),
            (field("pid"), lambda row: row["Pid"]),
            (field("message"), lambda row: row["Content"]),
        ],
    ),
    (
        "Linux",
        "linux_syslog",
        [
            (
                clock("%b %d %H:%M:%S"),
                lambda row: f"{row['Month']} {int(row['Date']):02} {row['Time']}",
            ),
            (field("host"), lambda row: row["Level"]),
            # LogHub takes `syslogd 1.4.1` and `-- root` for names of programs, and PAM's module.
            (
                field("program"),
                lambda row: re.sub(r"^-- | [\d.]+$|\(pam_unix\)$", "", row["Component"]),
            ),
            (
                lambda event: event["component"] == "pam_unix",
                lambda row: str("pam_unix" in row["Component"]),
            ),
            (field("pid"), lambda row: row["PID"].removesuffix(".0")),
            (field("message"), lambda row: row["Content"]),
        ],
    ),
    (
        "Apache",
        "apache_error",
        [
            (clock("%a %b %d %H:%M:%S %Y"), lambda row: row["Time"]),
            (field("level"), lambda row: row["Level"]),
            (field("message"), lambda row: row["Content"]),
        ],
    ),
    (
        "BGL",
        "bgl",
        [
            (lambda event: event["alert_tag"] or "-", lambda row: row["Label"]),
            (lambda event: utc_seconds(event["event_time"]), lambda row: row["Timestamp"]),
            (lambda event: f"{event['event_time']:%f}", lambda row: row["Time"][-6:]),
            (lambda event: event["host"] or "NULL", lambda row: row["Node"]),
            (field("category"), lambda row: row["Type"]),
            (field("component"), lambda row: row["Component"]),
            (field("level"), lambda row: row["Level"].lower()),
            (field("message"), lambda row: row["Content"]),
        ],
    ),
    (
        "Hadoop",
        "hadoop",
        [
            (milliseconds, lambda row: f"{row['Date']} {row['Time']}"),
            (field("level"), lambda row: row["Level"].lower()),
            (field("thread"), lambda row: row["Process"]),
            (field("component"), lambda row: row["Component"]),
            (field("message"), lambda row: row["Content"]),
        ],
    ),
    (
        "Zookeeper",
        "zookeeper",
        [
            (milliseconds, lambda row: f"{row['Date']} {row['Time']}"),
            (field("level"), lambda row: row["Level"].lower()),
            # LogHub cuts thread:class@line at its first colon, which may be one of the thread's.
            (
                lambda event: f"{event['thread']}:{event['component']}@{event['source_line']}",
                lambda row: f"{row['Node']}:{row['Component']}@{row['Id']}",
            ),
            (field("message"), lambda row: row["Content"]),
        ],
    ),
    (
        "Windows",
        "windows_cbs",
        [
            (clock("%Y-%m-%d %H:%M:%S"), lambda row: f"{row['Date']} {row['Time']}"),
            (field("level"), lambda row: row["Level"].lower()),
            (field("component"), lambda row: row["Component"]),
            (field("message"), lambda row: row["Content"]),
        ],
    ),
]


def utc_seconds(instant: datetime) -> int:
    return int(instant.replace(microsecond=0, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(("system", "source", "pairs"), LOGHUB, ids=[name for name, *_ in LOGHUB])
def test_every_line_of_a_loghub_system_gives_the_values_that_loghub_published(
    real_data: Path,
    system: str,
    source: str,
    pairs: Sequence[tuple[Callable[[Values], Any], Callable[[Row], str]]],
) -> None:
    directory = real_data / "loghub_2k" / system
    published = directory / f"{system}_2k.log_structured.csv.gz"
    with gzip.open(published, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    parsed, events = read(source, directory / f"{system}_2k.log.gz")
    assert (parsed.lines, parsed.skipped, parsed.rejects) == (2000, 0, {})
    assert len(events) == len(rows) == 2000
    for ours, theirs in pairs:
        assert [text_of(ours(event)) for event in events] == [theirs(row).strip() for row in rows]


# --- Other public logs, read a second time by other means --------------------------------------


def test_every_line_of_an_openssh_log_names_the_address_and_the_account_that_it_is_about(
    real_data: Path,
) -> None:
    file = real_data / "loghub_2k/OpenSSH/OpenSSH_2k.log.gz"
    _, events = read("sshd", file)
    kinds = [  # in words of the log: what comes before the account, and before the address
        (
            r"Failed \w+ for invalid user (?P<user>.*) from (?P<ip>\S+) port (?P<port>\d+) ssh2",
            "failed",
        ),
        (r"Failed \w+ for (?P<user>\S+) from (?P<ip>\S+) port (?P<port>\d+) ssh2", "failed"),
        (
            r"message repeated \d+ times: \[ Failed \w+ for (?P<user>\S+) from (?P<ip>\S+)"
            r" port (?P<port>\d+) ssh2\]",
            "failed",
        ),
        (r"Accepted \w+ for (?P<user>\S+) from (?P<ip>\S+) port (?P<port>\d+) ssh2", "accepted"),
        (r"Invalid user (?P<user>.*) from (?P<ip>\S+)", None),
        (r"input_userauth_request: invalid user (?P<user>.*) \[preauth\]", None),
        (
            r".*; logname= .* ruser= rhost=(?P<ip>[\d.]+)\s+(?:user=(?P<user>\w+))?",
            None,
        ),
        (r".*; logname= .* ruser= rhost=[\w.-]+\s+(?:user=(?P<user>\w+))?", None),
        (r"(?:error: )?Received disconnect from (?P<ip>[\d.]+): .*", None),
        (r"Connection closed by (?P<ip>[\d.]+) \[preauth\]", None),
        (r"Did not receive identification string from (?P<ip>[\d.]+)", None),
        (r"reverse mapping checking getaddrinfo for \S+ \[(?P<ip>[\d.]+)\] failed - .*", None),
        (r"pam_unix\(sshd:session\): session \w+ for user (?P<user>\w+).*", None),
        (r"Disconnecting: Too many authentication failures for (?P<user>\w+) \[preauth\]", None),
        (
            r"pam_unix\(sshd:auth\): check pass; user unknown"
            r"|PAM service\(sshd\) ignoring max retries.*|fatal: Write failed: .*",
            None,
        ),
    ]
    patterns = [(re.compile(pattern), outcome) for pattern, outcome in kinds]
    for line, event in zip(lines_of(file), events, strict=True):
        message = line.split("]: ", 1)[1]
        match, outcome = next(
            (found, outcome)
            for pattern, outcome in patterns
            if (found := pattern.fullmatch(message))
        )
        expected = {"user": None, "ip": None, "port": None, **match.groupdict()}
        assert event["user"] == expected["user"], message
        assert event["src_ip"] == expected["ip"], message
        assert event["src_port"] == (int(expected["port"]) if expected["port"] else None), message
        assert event["outcome"] == outcome, message


@pytest.mark.parametrize("name", ["HDFS_sessions_early30pct.log.gz", "HDFS_first20k.log.gz"])
def test_all_columns_of_raw_hdfs_lines_are_those_between_their_blanks(
    real_data: Path, name: str
) -> None:
    file = real_data / "hdfs/raw" / name
    parsed, events = read("hdfs", file, day="2008-11-12")
    lines = lines_of(file)
    assert (parsed.lines, parsed.rejects, len(events)) == (len(lines), {}, len(lines))
    for line, event in zip(lines, events, strict=True):
        day, time, thread, level, rest = line.split(" ", 4)
        component, message = rest.split(": ", 1)
        assert event["event_time"] == naive(day + time, "%y%m%d%H%M%S")
        assert (event["thread"], event["level"]) == (int(thread), level)
        assert (event["component"], event["message"]) == (component, message)
        assert event["block"] == re.findall(r"blk_-?\d+", message)[0]
        source = message.partition("src: /")[2].partition(":")[0]
        assert event["src_ip"] == (source or None)


def test_all_columns_of_bgl_lines_are_those_between_their_blanks(real_data: Path) -> None:
    file = real_data / "raw_logs/BGL_first5000.log.gz"
    parsed, events = read("bgl", file)
    assert (parsed.lines, parsed.rejects) == (5000, {})
    for line, event in zip(lines_of(file), events, strict=True):
        tag, seconds, _, node, local, _, kind, component, level, message = line.split(" ", 9)
        instant = datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None)
        assert event["event_time"] == instant + timedelta(microseconds=int(local[-6:]))
        # The site is in California: its local clock says the same instant.
        assert naive(local, "%Y-%m-%d-%H.%M.%S.%f") == event["event_time"] - timedelta(hours=7)
        assert (event["alert_tag"] or "-", event["host"]) == (tag, node)
        assert (event["category"], event["component"]) == (kind, component)
        assert (event["level"], event["message"]) == (level.lower(), message)


def test_all_columns_of_healthapp_lines_are_those_between_their_bars(real_data: Path) -> None:
    file = real_data / "raw_logs/HealthApp_lines2001_14000.log.gz"
    parsed, events = read("healthapp", file)
    assert (parsed.lines, parsed.rejects) == (12_000, {})
    for line, event in zip(lines_of(file), events, strict=True):
        time, component, pid, message = line.split("|", 3)
        day, hours, minutes, seconds, millis = re.split("[-:]", time)
        assert event["event_time"] == naive(day, "%Y%m%d") + timedelta(
            hours=int(hours), minutes=int(minutes), seconds=int(seconds), milliseconds=int(millis)
        )
        assert (event["component"], event["pid"]) == (component, int(pid))
        assert event["message"] == (message or None)


@pytest.mark.parametrize(
    ("name", "count"),
    [("apache_access_first6000.log.gz", 6000), ("hackers-access.httpd.log.gz", 3456)],
)
def test_requests_of_access_logs_are_those_that_a_reader_of_quoted_columns_finds(
    real_data: Path, name: str, count: int
) -> None:
    file = real_data / "web" / name
    parsed, events = read("apache_access", file)
    assert (parsed.lines, parsed.rejects) == (count, {})
    # Apache's \\xhh stays as it is written.
    lines = [line.replace("\\x", "\\\\x") for line in lines_of(file)]
    columns = csv.reader(lines, delimiter=" ", quotechar='"', escapechar="\\", doublequote=False)
    for column, event in zip(columns, events, strict=True):
        client, _, user, begin, zone, request, status, size, referrer, agent = column
        instant = datetime.strptime(f"{begin} {zone}", "[%d/%b/%Y:%H:%M:%S %z]")
        assert event["event_time"] == instant.astimezone(UTC).replace(tzinfo=None)
        assert (event["src_ip"], event["user"] or "-") == (client, user)
        method, url, version = request.split(" ")
        assert (event["method"], event["url"], event["http_version"]) == (method, url, version)
        assert (urlsplit(event["url"]).path, event["malformed_request"]) == (
            urlsplit(url).path,
            None,
        )
        assert (event["status"], event["response_bytes"]) == (
            int(status),
            int(size.replace("-", "0")),
        )
        assert (event["referrer"] or "-", event["user_agent"] or "-") == (referrer, agent)


def test_journal_entries_have_the_values_of_their_json(real_data: Path) -> None:
    file = real_data / "elk_export/journal_first60pct.jsonl.gz"
    parsed, events = read("journald", file)
    entries = [json.loads(line) for line in lines_of(file) if line]
    assert (parsed.lines, parsed.rejects, len(entries)) == (532, {}, 532)
    levels = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
    for entry, event in zip(entries, events, strict=True):
        written = entry.get("_SOURCE_REALTIME_TIMESTAMP", entry["__REALTIME_TIMESTAMP"])
        assert event["event_time"] == naive("1970", "%Y") + timedelta(microseconds=int(written))
        assert (event["host"], event["message"]) == (entry["_HOSTNAME"], entry["MESSAGE"])
        assert event["program"] == entry["SYSLOG_IDENTIFIER"]
        pid = entry.get("_PID", entry.get("SYSLOG_PID"))
        assert event["pid"] == (int(pid) if pid else None)
        priority = entry.get("PRIORITY")
        assert event["level"] == (levels[int(priority)] if priority else None)
        assert event["unit"] == entry.get("UNIT", entry.get("_SYSTEMD_UNIT"))
        assert event["command_line"] == entry.get("_CMDLINE")


def test_audit_records_have_the_values_of_their_pairs(real_data: Path) -> None:
    file = real_data / "otrf/linux_discovery_sh_arp_cache.log.gz"
    parsed, events = read("auditd", file)
    assert (parsed.lines, parsed.rejects) == (12, {})
    for line, event in zip(lines_of(file), events, strict=True):
        head, _, rest = line.partition("): ")
        kind, seconds, number = re.fullmatch(r"type=(\w+) msg=audit\(([\d.]+):(\d+)", head).groups()  # type: ignore[union-attr]
        pairs = dict(pair.split("=", 1) for pair in rest.split(" "))
        plain = {key: value.strip('"') for key, value in pairs.items()}
        assert event["event_time"] == datetime.fromtimestamp(float(seconds), UTC).replace(
            tzinfo=None
        )
        assert (event["event_id"], event["record_type"]) == (int(number), kind)
        for column, key in [
            *(("program", "comm"), ("process", "exe"), ("working_directory", "cwd")),
            *(("filename", "name"), ("name_type", "nametype"), ("architecture", "arch")),
            *(("session_id", "ses"), ("terminal", "tty")),
        ]:
            assert event[column] == plain.get(key)
        for column, key in [
            *(("pid", "pid"), ("parent_pid", "ppid"), ("user_id", "uid")),
            *(("login_user_id", "auid"), ("syscall", "syscall"), ("exit_code", "exit")),
        ]:
            assert event[column] == (int(plain[key]) if key in plain else None)
        assert event["rule"] is None  # key=(null)
        assert event["outcome"] == ("accepted" if plain.get("success") == "yes" else None)
        arguments = [plain[f"a{n}"] for n in range(int(plain.get("argc", 0)))]
        title = bytes.fromhex(plain.get("proctitle", "")).decode().replace("\0", " ")
        assert event["command_line"] == (" ".join(arguments) or title or None)
