"""Structured sources give, field by field, what Python's own json, csv and datetime read."""

import csv
import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from raw_logs import parse_columns

Record = dict[str, Any]
Expected = Mapping[str, Callable[[Record], Any]]

EVE = [
    "aitlds_mailserver_first60pct.eve.json.gz",
    "alerts_honeypot-2018.json.gz",
    "alerts_wrccdc-2017.json.gz",
    "all_event_types_sample.eve.json",
    "mta_2023-10-31_icedid.eve.json.gz",
    "slips_test6_malicious_partA.eve.json.gz",
]
ZEEK = [
    *(f"m57_day1_first60pct/{log}" for log in ("conn", "dns", "http")),
    "slips_portscan_horizontal/conn",
    "slips_test13-malicious-dhcpscan/conn",
    *(f"slips_test14-malicious/{log}" for log in ("conn", "http", "smtp")),
    *(f"slips_test15-malicious/{log}" for log in ("conn", "ssl")),
    *(
        f"slips_test9-mixed/{log}"
        for log in ("conn", "dns", "files", "http", "notice", "smtp", "ssl")
    ),
    *(
        f"wrccdc2018_first_half/{log}"
        for log in ("dns", "kerberos", "notice", "rdp", "smtp", "ssh", "ssl", "weird")
    ),
]
ARGUS = ["slips_test11-portscan", "slips_test2-malicious", "slips_test3-mixed"]
SYSMON = "Microsoft-Windows-Sysmon"
AUDITING = "Microsoft-Windows-Security-Auditing"
# The machines whose logs NXLog collected kept New York's summer time.
NXLOG = [
    "windows_collection_msf_record_mic",
    "windows_discovery_empire_shell_net_localgroup_administrators",
    "windows_execution_empire_launcher_vbs",
    "windows_lateral_movement_covenant_sharpwmi_create_dcerpc_wmi",
    "windows_persistence_empire_persistence_registry_modification_run_keys_elevated_user",
]
NEW_YORK = timedelta(hours=4)
ZONED_TIME_CREATED = [
    "windows_defense_evasion_psh_mshta_html_application_execution",
    "windows_privilege_escalation_cmd_service_mod_fax",
]
LOCAL_TIME_CREATED = "windows_credential_access_cmd_sam_copy_esentutl"


def lines_of(path: Path) -> list[str]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return content.decode().removesuffix("\n").split("\n")


def json_records(path: Path) -> list[Record]:
    lines = lines_of(path)
    if lines[0].startswith("["):
        return json.loads("\n".join(lines))
    return [json.loads(line) for line in lines]


def at(record: Record, path: str) -> Any:
    """The value at a path of keys and list positions; None where there is none."""
    value: Any = record
    for key in path.split("."):
        if isinstance(value, list) and key.isdigit():
            value = value[int(key)] if int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def raw(path: str) -> Callable[[Record], Any]:
    return lambda record: at(record, path)


def text(path: str, change: Callable[[str], str | None] = str) -> Callable[[Record], str | None]:
    def read(record: Record) -> str | None:
        value = at(record, path)
        return None if value in (None, "") else change(str(value))

    return read


def integer(path: str) -> Callable[[Record], int | None]:
    """A number, as which it may not be written."""
    return lambda record: None if at(record, path) is None else int(at(record, path))


def utc(written: str, zone: timedelta = timedelta()) -> datetime:
    """The instant in UTC, naive; `zone` is how far a time without zone lies behind UTC."""
    instant = datetime.fromisoformat(written)
    if instant.tzinfo:
        return instant.astimezone(UTC).replace(tzinfo=None)
    return instant + zone


def assert_equal(
    name: str,
    path: Path,
    expected: Expected,
    records: Sequence[Record],
    total: int | None = None,
    time_zone: str = "UTC",
) -> None:
    """Every record is an event with the expected values; all others of the file are skipped."""
    counts, rows = parse_columns(name, path, list(expected), time_zone)
    total = len(records) if total is None else total
    assert (counts.lines, counts.events, counts.rejects) == (total, len(records), {})
    for row, record in zip(rows, records, strict=True):
        found = dict(zip(expected, row, strict=True))
        assert found == {column: read(record) for column, read in expected.items()}


# Suricata


def rdata(record: Record) -> str | None:
    if (one := at(record, "dns.rdata")) is not None:
        return one
    answers = at(record, "dns.answers") or []
    return ",".join(a["rdata"] for a in answers if "rdata" in a) or None


ENDS: Expected = {
    "event_time": lambda r: utc(r["timestamp"]),
    "flow_id": lambda r: str(r["flow_id"]),
    "host": raw("host"),
    "src_ip": raw("src_ip"),
    "src_port": raw("src_port"),
    "dest_ip": raw("dest_ip"),
    "dest_port": raw("dest_port"),
    "proto": raw("proto"),
}
HTTP: Expected = {
    "method": raw("http.http_method"),
    "http_host": text("http.hostname", str.lower),
    "url": text("http.url"),
    "http_version": raw("http.protocol"),
    "status": integer("http.status"),
    "user_agent": text("http.http_user_agent"),
    "referrer": text("http.http_refer"),
    "content_type": text("http.http_content_type", str.lower),
    "response_bytes": raw("http.length"),
}
SURICATA: Mapping[str, Expected] = {
    "alert": {
        **ENDS,
        **HTTP,
        "app_proto": text("app_proto", lambda name: None if name == "failed" else name),
        "direction": raw("direction"),
        "action": raw("alert.action"),
        "generator_id": raw("alert.gid"),
        "signature_id": text("alert.signature_id"),
        "signature_revision": raw("alert.rev"),
        "signature": raw("alert.signature"),
        "category": text("alert.category"),
        "severity": raw("alert.severity"),
        "rule_severity": text("alert.metadata.signature_severity.0", str.lower),
        "malware_family": raw("alert.metadata.malware_family.0"),
        "technique": raw("alert.metadata.mitre_technique_id.0"),
        "flow_start": lambda r: utc(r["flow"]["start"]) if "flow" in r else None,
        "packets_to_server": raw("flow.pkts_toserver"),
        "bytes_to_server": raw("flow.bytes_toserver"),
        "bytes_to_client": raw("flow.bytes_toclient"),
        "server_name": text("tls.sni", str.lower),
        "ja3": raw("tls.ja3.hash"),
        "query": raw("dns.query.0.rrname"),
        "filename": raw("files.0.filename"),
        "payload": text("payload_printable"),
    },
    "dns": {
        **ENDS,
        "record_version": lambda r: at(r, "dns.version") or 1,
        "kind": raw("dns.type"),
        "transaction_id": raw("dns.id"),
        "query": text("dns.rrname"),
        "query_type": raw("dns.rrtype"),
        "response_code": raw("dns.rcode"),
        "recursion_desired": raw("dns.rd"),
        "recursion_available": raw("dns.ra"),
        "answers": rdata,
        "answer_count": lambda r: (
            len(r["dns"]["answers"]) if "answers" in r["dns"] else rdata(r) and 1
        ),
        "ttl": lambda r: at(r, "dns.ttl") or at(r, "dns.answers.0.ttl"),
    },
    "http": {
        **ENDS,
        **HTTP,
        "transaction_id": raw("tx_id"),
        "http_port": raw("http.http_port"),
        "redirect": raw("http.redirect"),
    },
    "tls": {
        **ENDS,
        "server_name": text("tls.sni", str.lower),
        "tls_version": raw("tls.version"),
        "subject": raw("tls.subject"),
        "issuer": raw("tls.issuerdn"),
        "serial": text("tls.serial", str.lower),
        "fingerprint": raw("tls.fingerprint"),
        "not_before": lambda r: datetime.fromisoformat(r["tls"]["notbefore"]),
        "not_after": lambda r: datetime.fromisoformat(r["tls"]["notafter"]),
        "ja3": raw("tls.ja3.hash"),
        "ja3s": raw("tls.ja3s.hash"),
        "resumed": lambda _: None,
    },
    "fileinfo": {
        **ENDS,
        **HTTP,
        "app_proto": raw("app_proto"),
        "filename": raw("fileinfo.filename"),
        "mime_type": raw("fileinfo.magic"),
        "file_bytes": raw("fileinfo.size"),
        "state": text("fileinfo.state", str.lower),
        "gaps": raw("fileinfo.gaps"),
        "stored": raw("fileinfo.stored"),
        "md5": raw("fileinfo.md5"),
        "sha1": raw("fileinfo.sha1"),
        "sha256": raw("fileinfo.sha256"),
        "transaction_id": raw("fileinfo.tx_id"),
    },
    "anomaly": {
        **ENDS,
        "app_proto": raw("anomaly.app_proto"),
        "kind": raw("anomaly.type"),
        "anomaly": text("anomaly.event", str.lower),
        "layer": raw("anomaly.layer"),
    },
}


@pytest.mark.parametrize("kind", [*SURICATA, "smb", "krb5"])
@pytest.mark.parametrize("file", EVE)
def test_suricata_events_have_the_values_of_the_eve_file(
    real_data: Path, file: str, kind: str
) -> None:
    path = real_data / "suricata" / file
    records = json_records(path)
    own = [record for record in records if record["event_type"] == kind]
    expected = SURICATA.get(kind, ENDS)
    assert_equal(f"suricata_{kind}", path, expected, own, total=len(records))


# Zeek


def zeek_records(path: Path) -> list[Record]:
    """Records with None for unset values; sets and vectors are lists."""
    lines = lines_of(path)
    if not lines[0].startswith("#"):
        return [json.loads(line) for line in lines]
    records: list[Record] = []
    names: list[str] = []
    types: list[str] = []
    for line in lines:
        kind, *values = line.split("\t")
        if kind == "#fields":
            names = values
        elif kind == "#types":
            types = values
        elif not line.startswith("#"):
            cells = line.split("\t")
            records.append(
                {n: tsv_value(c, t) for n, c, t in zip(names, cells, types, strict=True)}
            )
    return records


def tsv_value(cell: str, kind: str) -> Any:
    if cell in ("-", "(empty)"):
        return None
    if "[" in kind:
        inner = kind.partition("[")[2].rstrip("]")
        return [tsv_value(item, inner) for item in cell.split(",")]
    match kind:
        case "bool":
            return cell == "T"
        case "count" | "port" | "int":
            return int(cell)
        case "time" | "interval" | "double":
            return float(cell)
        case _:
            return unescaped(cell)


def unescaped(cell: str) -> str:
    """The text that was written; one with bytes that are no text stays escaped."""
    raw_bytes = re.sub(
        rb"\\(\\|x[0-9a-f]{2})",
        lambda found: b"\\" if found[1] == b"\\" else bytes([int(found[1][1:], 16)]),
        cell.encode(),
    )
    try:
        return raw_bytes.decode()
    except UnicodeDecodeError:
        return cell


def of(name: str) -> Callable[[Record], Any]:
    """A value; None for what is empty."""
    return lambda record: None if record.get(name) in (None, "", []) else record[name]


def lower(name: str) -> Callable[[Record], Any]:
    return lambda record: value.lower() if (value := of(name)(record)) else None


def joined(*names: str) -> Callable[[Record], str | None]:
    def read(record: Record) -> str | None:
        values = next((record[name] for name in names if record.get(name)), None)
        return ",".join(map(str, values)) if isinstance(values, list) else values

    return read


def epoch(name: str) -> Callable[[Record], datetime | None]:
    def read(record: Record) -> datetime | None:
        value = record.get(name)
        if value is None:
            return None
        return utc("1970-01-01") + timedelta(microseconds=round(value * 1_000_000))

    return read


def verdict(name: str) -> Callable[[Record], str | None]:
    return lambda record: {True: "accepted", False: "failed", None: None}[record.get(name)]


ZEEK_ENDS: Expected = {
    "event_time": epoch("ts"),
    "flow_id": of("uid"),
    "src_ip": of("id.orig_h"),
    "src_port": of("id.orig_p"),
    "dest_ip": of("id.resp_h"),
    "dest_port": of("id.resp_p"),
}
ZEEK_FIELDS: Mapping[str, Expected] = {
    "conn": {
        **ZEEK_ENDS,
        "proto": lambda r: r["proto"].upper(),
        "app_proto": lower("service"),
        "duration": of("duration"),
        "payload_to_server": of("orig_bytes"),
        "payload_to_client": of("resp_bytes"),
        "bytes_to_server": of("orig_ip_bytes"),
        "bytes_to_client": of("resp_ip_bytes"),
        "packets_to_server": of("orig_pkts"),
        "packets_to_client": of("resp_pkts"),
        "missed_bytes": of("missed_bytes"),
        "state": of("conn_state"),
        "history": of("history"),
        "local_src": of("local_orig"),
        "local_dest": of("local_resp"),
        "tunnel_parents": joined("tunnel_parents"),
        "src_mac": of("orig_l2_addr"),
    },
    "dns": {
        **ZEEK_ENDS,
        "proto": lambda r: r["proto"].upper(),
        "transaction_id": of("trans_id"),
        "query": of("query"),
        "query_type": of("qtype_name"),
        "response_code": of("rcode_name"),
        "duration": of("rtt"),
        "authoritative": of("AA"),
        "recursion_desired": of("RD"),
        "truncated": of("TC"),
        "answers": joined("answers"),
        "answer_count": lambda r: len(r["TTLs"]) if r.get("TTLs") else None,
        "ttl": lambda r: r["TTLs"][0] if r.get("TTLs") else None,
        "rejected": of("rejected"),
    },
    "http": {
        **ZEEK_ENDS,
        "transaction_id": of("trans_depth"),
        "method": of("method"),
        "http_host": lower("host"),
        "url": of("uri"),
        "referrer": of("referrer"),
        "user_agent": of("user_agent"),
        "http_version": lambda r: f"HTTP/{r['version']}" if r.get("version") else None,
        "request_bytes": of("request_body_len"),
        "response_bytes": of("response_body_len"),
        "status": of("status_code"),
        "reason": of("status_msg"),
        "user": of("username"),
        "tags": joined("tags"),
        "content_type": joined("resp_mime_types", "mime_type"),
        "file_ids": joined("resp_fuids"),
    },
    "ssl": {
        **ZEEK_ENDS,
        "tls_version": of("version"),
        "cipher": of("cipher"),
        "curve": of("curve"),
        "server_name": lower("server_name"),
        "resumed": of("resumed"),
        "established": of("established"),
        "next_protocol": of("next_protocol"),
        "history": of("ssl_history"),
        "subject": of("subject"),
        "issuer": of("issuer"),
        "validation_status": of("validation_status"),
        "name_matches": of("sni_matches_cert"),
        "certificates": joined("cert_chain_fps", "cert_chain_fuids"),
        "client_certificates": joined("client_cert_chain_fps", "client_cert_chain_fuids"),
        "ja3": of("ja3"),
        "ja3s": of("ja3s"),
    },
    "files": {
        "event_time": epoch("ts"),
        "flow_id": lambda r: r["conn_uids"][0],
        "file_id": of("fuid"),
        "sender_ip": lambda r: r["tx_hosts"][0],
        "receiver_ip": lambda r: r["rx_hosts"][0],
        "app_proto": lower("source"),
        "analyzers": joined("analyzers"),
        "mime_type": of("mime_type"),
        "duration": of("duration"),
        "from_client": of("is_orig"),
        "file_bytes": of("total_bytes"),
        "seen_bytes": of("seen_bytes"),
        "timed_out": of("timedout"),
        "md5": of("md5"),
        "sha1": of("sha1"),
    },
    "ssh": {
        **ZEEK_ENDS,
        "ssh_version": of("version"),
        "outcome": verdict("auth_success"),
        "attempts": of("auth_attempts"),
        "direction": lower("direction"),
        "client": of("client"),
        "server": of("server"),
        "cipher": of("cipher_alg"),
        "host_key": of("host_key"),
    },
    "rdp": {
        **ZEEK_ENDS,
        "user": of("cookie"),
        "result": lower("result"),
        "security_protocol": of("security_protocol"),
        "keyboard_layout": of("keyboard_layout"),
        "client": of("client_build"),
        "src_host": of("client_name"),
        "desktop_width": of("desktop_width"),
        "certificate_count": of("cert_count"),
        "encryption_level": of("encryption_level"),
    },
    "smtp": {
        **ZEEK_ENDS,
        "helo": of("helo"),
        "mail_from": of("mailfrom"),
        "rcpt_to": joined("rcptto"),
        "recipient_count": lambda r: len(r["rcptto"]) if r.get("rcptto") else None,
        "date": of("date"),
        "from_header": of("from"),
        "to_header": joined("to"),
        "message_id": of("msg_id"),
        "response": of("last_reply"),
        "status": lambda r: int(r["last_reply"][:3]) if r.get("last_reply") else None,
        "path": joined("path"),
        "user_agent": of("user_agent"),
        "tls": of("tls"),
        "message": of("subject"),
    },
    "kerberos": {
        **ZEEK_ENDS,
        "action": lower("request_type"),
        "user": lambda r: r["client"].split("/")[0] or None if r["client"] else None,
        "realm": lambda r: r["client"].split("/")[1].upper() if r["client"] else None,
        "service": of("service"),
        "outcome": verdict("success"),
        "reason": of("error_msg"),
        "valid_from": epoch("from"),
        "valid_until": epoch("till"),
        "cipher": of("cipher"),
        "renewable": of("renewable"),
    },
    "notice": {
        "event_time": epoch("ts"),
        "flow_id": of("uid"),
        "src_ip": of("src"),
        "dest_ip": of("dst"),
        "src_port": of("id.orig_p"),
        "dest_port": of("p"),
        "signature": of("note"),
        "message": of("msg"),
        "detail": of("sub"),
        "times": of("n"),
        "action": lambda r: ",".join(r["actions"]).lower(),
        "suppressed_for": of("suppress_for"),
    },
    "weird": {
        **ZEEK_ENDS,
        "anomaly": lower("name"),
        "detail": of("addl"),
        "noticed": of("notice"),
        "host": of("peer"),
        "layer": lower("source"),
    },
}


@pytest.mark.parametrize("log", ZEEK)
def test_zeek_records_have_the_values_of_the_log_as_tsv_and_as_json(
    real_data: Path, log: str
) -> None:
    path = real_data / "zeek" / f"{log}.log.gz"
    kind = log.rpartition("/")[2]
    assert_equal(f"zeek_{kind}", path, ZEEK_FIELDS[kind], zeek_records(path))


# CSV


def port(value: str) -> int | None:
    return int(value) if value.isdecimal() else None


def local(written: str) -> datetime:
    return utc(written.replace("/", "-"))


ARGUS_FIELDS: Expected = {
    "event_time": lambda r: local(r["StartTime"]),
    "duration": lambda r: float(r["Dur"]),
    "proto": lambda r: r["Proto"].upper(),
    "src_ip": raw("SrcAddr"),
    "src_port": lambda r: port(r["Sport"]),
    "direction": lambda r: r["Dir"].strip(),
    "dest_ip": raw("DstAddr"),
    "dest_port": lambda r: port(r["Dport"]),
    "icmp_type": lambda r: r["Sport"] or None if "icmp" in r["Proto"] else None,
    "state": text("State"),
    "tos_to_client": lambda r: int(r["dTos"]) if r["dTos"] else None,
    "packets_to_server": lambda r: int(r["SrcPkts"]),
    "packets_to_client": lambda r: int(r["TotPkts"]) - int(r["SrcPkts"]),
    "bytes": lambda r: int(r["TotBytes"]),
    "bytes_to_server": lambda r: int(r["SrcBytes"]),
    "bytes_to_client": lambda r: int(r["TotBytes"]) - int(r["SrcBytes"]),
    "annotation": text("Label"),
}


@pytest.mark.parametrize("name", ARGUS)
def test_argus_flows_have_the_values_of_the_csv_file(real_data: Path, name: str) -> None:
    path = real_data / "argus" / f"{name}.binetflow.gz"
    assert_equal("argus", path, ARGUS_FIELDS, list(csv.DictReader(lines_of(path))))


def test_argus_times_are_those_of_the_environments_zone(real_data: Path) -> None:
    path = real_data / "argus" / "slips_test3-mixed.binetflow.gz"
    records = list(csv.DictReader(lines_of(path)))
    in_prague = {"event_time": lambda r: local(r["StartTime"]) - timedelta(hours=1)}
    assert_equal("argus", path, in_prague, records, time_zone="Europe/Prague")


def known(value: str) -> str | None:
    return None if value in ("?", "") else value


LANL_FIELDS: Expected = {
    "event_time": lambda r: utc("1970-01-01") + timedelta(seconds=int(r["time"])),
    "user": lambda r: known(r["src_user"].split("@")[0]),
    "domain": lambda r: known(r["src_user"].split("@")[1]),
    "target_user": lambda r: known(r["dst_user"].split("@")[0]),
    "target_domain": lambda r: known(r["dst_user"].split("@")[1]),
    "src_host": lambda r: known(r["src"]),
    "dest_host": lambda r: known(r["dst"]),
    "auth_package": lambda r: known(r["auth"]),
    "logon_type": lambda r: known(r["logon"]),
    "action": lambda r: r["action"].lower(),
    "outcome": lambda r: {"Success": "accepted", "Fail": "failed"}[r["outcome"]],
}


@pytest.mark.parametrize("day", [0, 1])
def test_lanl_authentications_have_the_values_of_the_csv_file(real_data: Path, day: int) -> None:
    path = real_data / "lanl" / f"auth_day{day}_first5000.txt.gz"
    names = ["time", "src_user", "dst_user", "src", "dst", "auth", "logon", "action", "outcome"]
    records: list[Record] = list(csv.DictReader(lines_of(path), names))
    assert_equal("lanl_auth", path, LANL_FIELDS, records)


# Windows


def windows_records(path: Path) -> Iterator[Record]:
    for line in lines_of(path):
        yield {name: None if value == "-" else value for name, value in json.loads(line).items()}


def is_security(record: Record) -> bool:
    return record["Channel"].lower() == "security"


def is_sysmon(record: Record) -> bool:
    return record["SourceName"] == SYSMON


def number(*names: str) -> Callable[[Record], int | None]:
    """A number that may be written in hexadecimal."""

    def read(record: Record) -> int | None:
        value = next((record[name] for name in names if record.get(name) is not None), None)
        return None if value is None else int(str(value), 0)

    return read


def plain_address(*names: str) -> Callable[[Record], str | None]:
    def read(record: Record) -> str | None:
        value = next((record[name] for name in names if record.get(name)), None)
        address = (value or "").removeprefix("::ffff:")
        return address if re.fullmatch(r"[0-9a-fA-F:.]+", address) else None

    return read


def first(*names: str) -> Callable[[Record], Any]:
    return lambda r: next((r[name] for name in names if r.get(name) is not None), None)


def audit(record: Record) -> str | None:
    keywords = int(str(record["Keywords"]), 0) % (1 << 64) if "Keywords" in record else 0
    if keywords & 0x20000000000000:
        return "accepted"
    return "failed" if keywords & 0x10000000000000 else None


def hashed(kind: str) -> Callable[[Record], str | None]:
    def read(record: Record) -> str | None:
        pairs = [pair.split("=") for pair in (record.get("Hashes") or "").split(",")]
        return next((value.lower() for key, *rest in pairs if key == kind for value in rest), None)

    return read


SECURITY_FIELDS: Expected = {
    "host": raw("Hostname"),
    "event_id": raw("EventID"),
    "provider": raw("SourceName"),
    "record_id": raw("RecordNumber"),
    "outcome": audit,
    "subject_user": raw("SubjectUserName"),
    "subject_sid": raw("SubjectUserSid"),
    "target_sid": first("TargetUserSid", "TargetSid"),
    "logon_type": number("LogonType"),
    "src_ip": plain_address("IpAddress", "SourceAddress"),
    "src_port": number("IpPort", "SourcePort"),
    "dest_ip": plain_address("DestAddress"),
    "dest_port": number("DestPort"),
    "pid": number("NewProcessId", "ProcessId", "ProcessID"),
    "process": first("NewProcessName", "ProcessName", "Application", "CallerProcessName"),
    "privileges": raw("PrivilegeList"),
    "object_name": raw("ObjectName"),
    "message": raw("Message"),
}
SYSMON_FIELDS: Expected = {
    "host": raw("Hostname"),
    "event_id": raw("EventID"),
    "record_id": raw("RecordNumber"),
    "user": lambda r: r["User"].rpartition("\\")[2] if r.get("User") else None,
    "domain": lambda r: r["User"].partition("\\")[0] if r.get("User") else None,
    "process": first("Image", "SourceImage"),
    "pid": number("ProcessId", "SourceProcessId"),
    "command_line": raw("CommandLine"),
    "parent_process": raw("ParentImage"),
    "parent_pid": number("ParentProcessId"),
    "target_process": raw("TargetImage"),
    "target_pid": number("TargetProcessId"),
    "granted_access": text("GrantedAccess", str.lower),
    "module": raw("ImageLoaded"),
    "filename": raw("TargetFilename"),
    "registry_key": raw("TargetObject"),
    "registry_value": raw("Details"),
    "md5": hashed("MD5"),
    "sha256": hashed("SHA256"),
    "imphash": hashed("IMPHASH"),
    "src_ip": plain_address("SourceIp"),
    "dest_ip": plain_address("DestinationIp"),
    "dest_port": number("DestinationPort"),
    "proto": text("Protocol", str.upper),
    "initiated": lambda r: {"true": True, "false": False, None: None}[r.get("Initiated")],
    "query": raw("QueryName"),
    "message": raw("Message"),
}


def sysmon_time(record: Record) -> datetime:
    if record.get("UtcTime"):
        return datetime.fromisoformat(record["UtcTime"])
    return nxlog_time(record) if "EventTime" in record else utc(record["TimeCreated"])


def nxlog_time(record: Record) -> datetime:
    return datetime.fromisoformat(record["EventTime"]) + NEW_YORK


def time_created(record: Record) -> datetime:
    return utc(record["TimeCreated"])


@pytest.mark.parametrize("name", [*NXLOG, *ZONED_TIME_CREATED])
def test_windows_security_events_have_the_values_of_the_capture(real_data: Path, name: str) -> None:
    path = real_data / "otrf" / f"{name}.jsonl.gz"
    records = list(windows_records(path))
    expected = {"event_time": nxlog_time if name in NXLOG else time_created, **SECURITY_FIELDS}
    own = list(filter(is_security, records))
    assert {record["SourceName"] for record in own} >= {AUDITING}
    assert_equal("windows_security", path, expected, own, total=len(records))


def test_windows_times_without_any_zone_are_those_of_the_environments_zone(
    real_data: Path,
) -> None:
    path = real_data / "otrf" / f"{LOCAL_TIME_CREATED}.jsonl.gz"
    records = list(windows_records(path))
    own = list(filter(is_security, records))
    in_shanghai = {
        "event_time": lambda r: datetime.fromisoformat(r["TimeCreated"]) - timedelta(hours=8),
        **SECURITY_FIELDS,
    }
    total = len(records)
    assert_equal("windows_security", path, in_shanghai, own, total, time_zone="Asia/Shanghai")


@pytest.mark.parametrize("name", [*NXLOG, *ZONED_TIME_CREATED, LOCAL_TIME_CREATED])
def test_sysmon_events_have_the_values_of_the_capture(real_data: Path, name: str) -> None:
    path = real_data / "otrf" / f"{name}.jsonl.gz"
    records = list(windows_records(path))
    expected = {"event_time": sysmon_time, **SYSMON_FIELDS}
    own = list(filter(is_sysmon, records))
    assert_equal("sysmon", path, expected, own, total=len(records))


def test_the_zone_that_nxlogs_times_are_given_is_the_one_that_sysmon_tells(
    real_data: Path,
) -> None:
    path = real_data / "otrf" / f"{NXLOG[0]}.jsonl.gz"
    for record in filter(is_sysmon, windows_records(path)):
        late = nxlog_time(record) - datetime.fromisoformat(record["UtcTime"])
        assert abs(late) < timedelta(seconds=10)


# Documents


WAZUH_FIELDS: Expected = {
    "event_time": lambda r: utc(r["timestamp"]),
    "alert_id": raw("id"),
    "host": raw("agent.name"),
    "signature_id": raw("rule.id"),
    "signature": raw("rule.description"),
    "severity": raw("rule.level"),
    "times": raw("rule.firedtimes"),
    "groups": lambda r: ",".join(r["rule"]["groups"]),
    "decoder": raw("decoder.name"),
    "location": raw("location"),
    "src_ip": lambda r: at(r, "data.src_ip") or at(r, "data.srcip"),
    "src_port": lambda r: int(r["data"]["src_port"]) if "src_port" in r["data"] else None,
    "dest_ip": lambda r: at(r, "data.dest_ip") or at(r, "data.dstip").split(":")[0],
    "dest_port": lambda r: int(at(r, "data.dest_port") or at(r, "data.dstip").split(":")[1]),
    "proto": raw("data.proto"),
    "url": raw("data.http.url"),
    "action": raw("data.alert.action"),
    "inner_signature": raw("data.alert.signature"),
    "message": raw("full_log"),
}


def test_wazuh_alerts_have_the_values_of_the_file(real_data: Path) -> None:
    path = real_data / "elk_export" / "wazuh_first60pct.jsonl.gz"
    assert_equal("wazuh", path, WAZUH_FIELDS, json_records(path))


def test_documents_of_scroll_responses_have_the_values_of_their_source(real_data: Path) -> None:
    path = real_data / "elk_export" / "elastic_first60pct.jsonl.gz"
    documents = [hit["_source"] for page in json_records(path) for hit in page["hits"]["hits"]]
    expected: Expected = {"event_time": lambda r: utc(r["timestamp"]), "host": lambda _: None}
    assert_equal("elasticsearch", path, expected, documents)
