"""Structured sources mean the same in every variant that the formats' documentation knows.

What real files show is in `test_real_structured_sources`.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from raw_logs import CATALOG, parse_columns

Record = dict[str, Any]
SYSMON = "Microsoft-Windows-Sysmon"


def utc(written: str) -> datetime:
    """An instant as events have it: UTC, naive."""
    instant = datetime.fromisoformat(written)
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant


def parse_record(name: str, record: str | Record, directory: Path, **zone: str) -> Record:
    """The one event of a record, with names."""
    file = directory / "raw"
    file.write_text(record if isinstance(record, str) else json.dumps(record))
    columns = [field.name for field in CATALOG.sources[name].fields]
    counts, rows = parse_columns(name, file, columns, **zone)
    assert (counts.events, counts.rejects) == (1, {})
    return dict(zip(columns, rows[0], strict=True))


def sample(name: str, number: int) -> str:
    return CATALOG.sources[name].samples[number]


def assert_values(found: Record, **expected: Any) -> None:
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1521911720.865716", "2018-03-24 17:15:20.865716"),
        ('"2018-03-24T17:15:20.865716Z"', "2018-03-24 17:15:20.865716"),
        ("1521911720865", "2018-03-24 17:15:20.865000"),
        ("0.0", "1970-01-01 00:00:00"),
    ],
)
def test_zeek_times_are_read_in_every_form_that_zeek_writes(
    tmp_path: Path, written: str, meant: str
) -> None:
    record = f'{{"ts":{written},"name":"bad_TCP_checksum"}}'
    found = parse_record("zeek_weird", record, tmp_path)
    assert found["event_time"] == utc(meant)


def test_a_stream_of_several_zeek_logs_is_taken_apart_by_their_names(tmp_path: Path) -> None:
    stream = [
        {"_path": "conn", "ts": 1.0, "uid": "C1", "conn_state": "SF"},
        {"_path": "weird", "ts": 2.0, "name": "above_hole_data_without_any_acks"},
    ]
    file = tmp_path / "raw"
    file.write_text("\n".join(map(json.dumps, stream)))
    counts, rows = parse_columns("zeek_conn", file, ["flow_id", "state"])
    assert (counts.events, counts.skipped, rows) == (1, 1, [("C1", "SF")])


def test_suricata_dns_means_the_same_in_all_versions_of_the_record(tmp_path: Path) -> None:
    one, two = ({"rrname": "a.example", "rrtype": "A", "ttl": 60, "rdata": ip} for ip in "12")
    head = {**json.loads(sample("suricata_dns", 0)), "dns": {}}
    asked = {"type": "query", "id": 7, "rrname": "a.example", "rrtype": "A"}
    answers = {"type": "answer", "id": 7, "rcode": "NOERROR", "answers": [one, two]}
    for dns, expected in [
        (asked, {"kind": "query", "record_version": 1, "answers": None, "answer_count": None}),
        ({**asked, "type": "answer", "rdata": "1", "ttl": 60}, {"answers": "1", "answer_count": 1}),
        (
            {**answers, "version": 2, "rrname": "a.example", "rrtype": "A"},
            {"kind": "answer", "answers": "1,2", "answer_count": 2, "ttl": 60},
        ),
        (
            {"version": 3, "type": "request", "id": 7, "queries": [one]},
            {"kind": "query", "record_version": 3, "answers": None},
        ),
        (
            {**answers, "version": 3, "type": "response", "queries": [one]},
            {"kind": "answer", "response_code": "NOERROR", "answers": "1,2"},
        ),
    ]:
        found = parse_record("suricata_dns", {**head, "dns": dns}, tmp_path)
        assert_values(found, query="a.example", query_type="A", transaction_id=7, **expected)


def test_a_text_in_a_dns_answer_keeps_its_quotes_and_backslashes(tmp_path: Path) -> None:
    written = r'v=spf1 "quoted" C:\x'
    record = json.loads(sample("suricata_dns", 2))
    record["dns"]["answers"] = [{"rrtype": "TXT", "rdata": written}]
    assert parse_record("suricata_dns", record, tmp_path)["answers"] == written


def test_suricata_smb_says_who_does_what_with_which_file_and_success(tmp_path: Path) -> None:
    refused = parse_record("suricata_smb", sample("suricata_smb", 0), tmp_path)
    assert_values(
        refused,
        action="smb2_command_session_setup",
        outcome="failed",
        reason="STATUS_LOGON_FAILURE",
        user="ana",
        domain="EXAMPLE",
        src_host="WS-17",
        session_id="70368744177669",
        event_time=utc("2026-03-01T08:12:44.120931"),
    )
    opened = parse_record("suricata_smb", sample("suricata_smb", 1), tmp_path)
    assert_values(
        opened,
        outcome="accepted",
        filename=r"reports\q1.xlsx",
        share=r"\\files\finance",
        file_bytes=48128,
        tree_id=5,
        user=None,
    )
    ticket = json.loads(sample("suricata_smb", 0))
    ticket["smb"] |= {
        "status": "STATUS_MORE_PROCESSING_REQUIRED",
        "status_code": "0xc0000016",
        "ntlmssp": {},
        "kerberos": {"realm": "EXAMPLE.COM", "snames": ["cifs", "files"]},
        "dcerpc": {"request": "BIND", "opnum": 5, "interfaces": [{"uuid": "4B324FC8-1670"}]},
    }
    assert_values(
        parse_record("suricata_smb", ticket, tmp_path),
        outcome=None,
        domain="EXAMPLE.COM",
        service="cifs",
        dcerpc_operation=5,
        dcerpc_interface="4b324fc8-1670",
    )


def test_suricata_krb5_tells_tickets_from_errors(tmp_path: Path) -> None:
    assert_values(
        parse_record("suricata_krb5", sample("suricata_krb5", 0), tmp_path),
        action="krb_tgs_rep",
        outcome="accepted",
        user="ana",
        realm="EXAMPLE.COM",
        service="MSSQLSvc/db.example.com:1433",
        cipher="aes256-cts-hmac-sha1-96",
        weak_cipher=False,
        ticket_cipher="rc4-hmac",
        weak_ticket_cipher=True,
    )
    assert_values(
        parse_record("suricata_krb5", sample("suricata_krb5", 1), tmp_path),
        outcome="failed",
        reason="KDC_ERR_PREAUTH_REQUIRED",
        failed_request="krb_as_req",
        user=None,
        cipher=None,
    )


def nested(record: Record, channel: str) -> list[Record]:
    """An event as Winlogbeat 7, Winlogbeat 6 and two ways from XML to JSON write it."""
    data = record["data"]
    system = {"Channel": channel, "Computer": "WS-17", "EventRecordID": "9"}
    time = "2026-03-01T09:12:44.120931Z"
    return [
        {
            "@timestamp": time,
            "winlog": {
                "channel": channel,
                "computer_name": "WS-17",
                "event_id": str(record["id"]),
                "record_id": 9,
                "event_data": data,
                "keywords": ["Audit Success"],
            },
        },
        {
            "@timestamp": time,
            "log_name": channel,
            "computer_name": "WS-17",
            "event_id": record["id"],
            "record_number": "9",
            "event_data": data,
            "keywords": ["Audit Success"],
        },
        {
            "Event": {
                "System": {
                    **system,
                    "EventID": record["id"],
                    "Keywords": "0x8020000000000000",
                    "TimeCreated": {"#attributes": {"SystemTime": time}},
                },
                "EventData": data,
            }
        },
        {
            "Event": {
                "System": {
                    **system,
                    "EventID": {"@Qualifiers": "0", "#text": str(record["id"])},
                    "Keywords": "0x8020000000000000",
                    "TimeCreated": {"@SystemTime": time},
                },
                "EventData": data,
            }
        },
    ]


@pytest.mark.parametrize("shape", range(4))
def test_windows_events_mean_the_same_however_they_are_nested(tmp_path: Path, shape: int) -> None:
    logon = {
        "id": 4624,
        "data": {
            "SubjectUserName": "WS-17$",
            "TargetUserName": "ana",
            "TargetDomainName": "EXAMPLE",
            "LogonType": "10",
            "IpAddress": "::ffff:192.0.2.17",
            "IpPort": "49812",
            "ProcessId": "0x2f4",
            "ProcessName": "-",
        },
    }
    assert_values(
        parse_record("windows_security", nested(logon, "Security")[shape], tmp_path),
        event_time=utc("2026-03-01T09:12:44.120931"),
        host="WS-17",
        event_id=4624,
        record_id=9,
        channel="Security",
        outcome="accepted",
        user="ana",
        subject_user="WS-17$",
        target_user="ana",
        target_domain="EXAMPLE",
        logon_type=10,
        src_ip="192.0.2.17",
        src_port=49812,
        pid=0x2F4,
        process=None,
    )
    created = {
        "id": 1,
        "data": {
            "UtcTime": "2026-03-01 09:12:43.905",
            "User": r"NT AUTHORITY\SYSTEM",
            "Image": r"C:\Windows\System32\cmd.exe",
            "ProcessId": "6196",
            "Hashes": "MD5=F4F684066175B77E,SHA256=99AE9C73E9BEE6F9",
        },
    }
    assert_values(
        parse_record("sysmon", nested(created, f"{SYSMON}/Operational")[shape], tmp_path),
        event_time=utc("2026-03-01T09:12:43.905000"),
        host="WS-17",
        event_id=1,
        user="SYSTEM",
        domain="NT AUTHORITY",
        process=r"C:\Windows\System32\cmd.exe",
        pid=6196,
        md5="f4f684066175b77e",
        sha256="99ae9c73e9bee6f9",
        sha1=None,
    )


def test_the_user_of_a_windows_event_is_who_acts_and_of_a_log_on_who_is_tried(
    tmp_path: Path,
) -> None:
    names = {"SubjectUserName": "admin", "TargetUserName": "ana"}
    for event, user in [(4625, "ana"), (4771, "ana"), (4720, "admin"), (4673, "admin")]:
        record = nested({"id": event, "data": names}, "Security")[0]
        assert parse_record("windows_security", record, tmp_path)["user"] == user


def test_bulk_files_and_dotted_keys_are_documents_too(tmp_path: Path) -> None:
    file = tmp_path / "raw"
    documents = [json.loads(sample("elasticsearch", number)) for number in range(3)]
    documents[2] = documents[2]["_source"]
    actions = [{"index": {"_index": "logs", "_id": str(number)}} for number in range(3)]
    lines = [json.dumps(part) for pair in zip(actions, documents, strict=True) for part in pair]
    file.write_text("\n".join(lines) + "\n")
    columns = ["event_time", "host", "src_ip", "action", "outcome", "dest_port", "category", "pid"]
    counts, rows = parse_columns("elasticsearch", file, columns)
    assert (counts.events, counts.rejects) == (3, {})
    time = utc("2026-03-01T09:12:44.120000")
    assert rows == [
        (time, "ws-17", "192.0.2.17", "ssh_login", "failed", None, "authentication", 812),
        (
            utc("2026-03-01T09:12:45"),
            "proxy-1",
            "192.0.2.17",
            "allowed",
            None,
            443,
            None,
            None,
        ),
        (time, "bastion", None, None, None, None, None, None),
    ]


def test_a_wazuh_alert_keeps_rule_agent_and_what_the_decoder_found(tmp_path: Path) -> None:
    assert_values(
        parse_record("wazuh", sample("wazuh", 0), tmp_path),
        event_time=utc("2026-03-01T08:12:44.120000"),
        host="bastion",
        agent_ip="198.51.100.22",
        technique="T1110.001",
        tactic="Credential Access",
        groups="syslog,sshd,authentication_failed",
        src_ip="192.0.2.17",
        src_port=49812,
        user="ana",
        program="sshd",
    )
    windows = {
        "timestamp": "2026-03-01T09:12:44.120+0000",
        "rule": {"level": 5, "description": "Logon failure", "id": "60122", "groups": ["windows"]},
        "data": {
            "win": {
                "system": {"eventID": "4625"},
                "eventdata": {"targetUserName": "ben", "ipAddress": "2001:db8::7", "ipPort": "0"},
            }
        },
    }
    assert_values(
        parse_record("wazuh", windows, tmp_path),
        event_id=4625,
        user="ben",
        src_ip="2001:db8::7",
        src_port=0,
        groups="windows",
    )


@pytest.mark.parametrize("indent", [None, 2])
def test_cloudtrail_files_are_taken_apart(tmp_path: Path, indent: int | None) -> None:
    events = [json.loads(record) for record in CATALOG.sources["cloudtrail"].samples]
    file = tmp_path / "raw"
    file.write_text(json.dumps({"Records": events}, indent=indent))
    columns = [
        *("event_time", "action", "service", "outcome", "user", "user_type", "src_ip"),
        *("src_service", "mfa", "read_only", "session_name", "bucket", "filename", "resource"),
    ]
    counts, rows = parse_columns("cloudtrail", file, columns)
    assert (counts.events, counts.rejects, counts.skipped) == (2, {}, 0)
    assert rows == [
        (
            *(utc("2026-03-01T09:12:44"), "ConsoleLogin", "signin", "failed", "ana"),
            *("IAMUser", "192.0.2.17", None, False, False, None, None, None, None),
        ),
        (
            *(utc("2026-03-01T09:12:45"), "GetObject", "s3", "accepted", "Deployer"),
            *("AssumedRole", None, "cloudformation.amazonaws.com", True, True, "deploy"),
            *("backups", "2026/03/01.tar.gz", "arn:aws:s3:::backups/2026/03/01.tar.gz"),
        ),
    ]


def test_cloudtrail_knows_root_services_and_refused_calls(tmp_path: Path) -> None:
    root = {
        "eventVersion": "1.09",
        "userIdentity": {"type": "Root", "arn": "arn:aws:iam::111122223333:root"},
        "eventTime": "2026-03-01T09:12:44Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser",
        "sourceIPAddress": "2001:db8::7",
        "errorCode": "AccessDenied",
        "errorMessage": "not authorized to perform: iam:CreateUser",
        "requestParameters": {"userName": "backdoor"},
    }
    assert_values(
        parse_record("cloudtrail", root, tmp_path),
        user="root",
        outcome="failed",
        reason="AccessDenied",
        src_ip="2001:db8::7",
        target_user="backdoor",
        parameters='{"userName":"backdoor"}',
        message="not authorized to perform: iam:CreateUser",
        mfa=None,
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("rt=1772356364120", "2026-03-01 09:12:44.120"),
        ("rt=1772356364", "2026-03-01 09:12:44"),
        ("rt=Mar 01 2026 10:12:44", "2026-03-01 09:12:44"),
        ("rt=Mar 01 2026 10:12:44.120", "2026-03-01 09:12:44.120"),
        ("rt=Mar 01 2026 09:12:44 UTC", "2026-03-01 09:12:44"),
        ("rt=2026-03-01T09:12:44.120Z", "2026-03-01 09:12:44.120"),
        ("end=Mar 01 2026 10:12:44 start=Mar 01 2026 09:00:00", "2026-03-01 09:12:44"),
        ("msg=only the header has a time", "2026-03-01 09:13:00"),
        ("rt=tomorrow", "2026-03-01 09:13:00"),
    ],
)
def test_cef_times_are_read_in_every_form_of_the_standard(
    tmp_path: Path, written: str, meant: str
) -> None:
    record = f"<134>Mar  1 10:13:00 fw-1 CEF:0|Example|Gateway|4.2|100|Blocked|5|{written}"
    found = parse_record("cef", record, tmp_path, time_zone="Europe/Berlin")
    assert found["event_time"] == utc(meant)


def test_cef_escapes_are_undone_and_short_and_long_keys_mean_the_same(tmp_path: Path) -> None:
    assert_values(
        parse_record("cef", sample("cef", 0), tmp_path),
        vendor="Example",
        product="Gateway",
        signature="Connection blocked | policy 7",
        severity=8,
        src_ip="192.0.2.17",
        src_port=49812,
        dest_port=443,
        proto="TCP",
        action="blocked",
        user="ana",
        bytes_to_server=60,
        bytes_to_client=0,
        times=2,
        url="https://www.example.com/?q=1",
        message="Blocked by policy\nsee ticket 4711",
    )
    assert_values(
        parse_record("cef", sample("cef", 1), tmp_path),
        event_time=utc("2026-03-01T09:12:43"),
        host="WS-17",
        severity=8,
        user=r"EXAMPLE\ben",
        filename=r"C:\Users\ben\setup file.exe",
        file_hash="2e4c462b3424afcc",
        outcome="accepted",
        times=1,
    )
    long = (
        "CEF:0|Example|IDS|1|7|Scan|Very-High|deviceReceiptTime=1772356364120"
        " sourceAddress=2001:db8::7 sourcePort=1 destinationUserName=ana baseEventCount=3"
    )
    assert_values(
        parse_record("cef", long, tmp_path),
        src_ip="2001:db8::7",
        src_port=1,
        user="ana",
        times=3,
        severity=10,
        host=None,
    )


def test_leef_means_the_same_in_both_versions(tmp_path: Path) -> None:
    assert_values(
        parse_record("leef", sample("leef", 0), tmp_path, time_zone="Europe/Berlin"),
        event_time=utc("2026-03-01T08:12:44"),
        signature_id="LOGIN_FAILED",
        category="Authentication",
        severity=6,
        src_ip="192.0.2.17",
        src_port=49812,
        dest_port=22,
        user="ana",
        message="Wrong password",
        host=None,
    )
    assert_values(
        parse_record("leef", sample("leef", 1), tmp_path),
        event_time=utc("2026-03-01T09:12:43.120000"),
        host="fw-1",
        product="Firewall",
        proto="TCP",
        action="accept",
        bytes_to_server=1944,
        bytes_to_client=50371,
    )
    undated = "<13>2026-03-01T09:12:44.120Z fw-1 LEEF:2.0|Example|Firewall|7|DROP|x5E|src=::1^sev=9"
    assert_values(
        parse_record("leef", undated, tmp_path),
        event_time=utc("2026-03-01T09:12:44.120000"),
        src_ip="::1",
        severity=9,
    )


def test_netflow_means_the_same_under_the_names_of_every_exporter(tmp_path: Path) -> None:
    old, new, probe = (
        parse_record("netflow", sample("netflow", number), tmp_path, time_zone="Europe/Berlin")
        for number in range(3)
    )
    assert_values(
        old,
        event_time=utc("2026-03-01T08:12:44.120000"),
        end_time=utc("2026-03-01T08:12:45.370000"),
        duration=1.25,
        src_ip="192.0.2.17",
        src_port=49812,
        dest_ip="198.51.100.80",
        dest_port=443,
        proto="TCP",
        tcp_flags="...AP.SF",
        packets_to_server=14,
        bytes_to_server=1944,
        src_as=64496,
        next_hop_ip="203.0.113.1",
    )
    assert_values(
        new,
        event_time=utc("2026-03-01T08:12:44.120000"),
        proto="ICMP",
        src_port=0,
        dest_port=None,
        packets_to_server=1,
        bytes_to_server=92,
        flows=1,
    )
    assert_values(
        probe,
        event_time=utc("2026-03-01T09:12:44.120000"),
        end_time=utc("2026-03-01T09:12:44.144000"),
        duration=0.024,
        src_ip="192.0.2.17",
        dest_port=53,
        proto="UDP",
        bytes_to_server=79,
        bytes_to_client=155,
        packets_to_client=1,
    )
    pmacct = (
        "ip_src,ip_dst,port_src,port_dst,ip_proto,packets,bytes,timestamp_start,timestamp_end\n"
        "2001:db8::7,2001:db8::80,546,547,udp,2,240,2026-03-01 09:12:44.000001,2026-03-01 09:12:45"
    )
    assert_values(
        parse_record("netflow", pmacct, tmp_path),
        event_time=utc("2026-03-01T09:12:44.000001"),
        src_ip="2001:db8::7",
        dest_port=547,
        proto="UDP",
        bytes_to_server=240,
    )
