"""The shapes of Suricata's EVE JSON events, field by field as Suricata 6 writes them.

Every function returns one line. References: the public EVE files of the AIT log data sets and of
Stratosphere (field order, TCP flag bytes, flow states).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_FLAGS = {"syn": 0x02, "fin": 0x01, "rst": 0x04, "psh": 0x08, "ack": 0x10}


@dataclass(frozen=True)
class Flow:
    """One flow as the sensor saw it.

    Attributes:
        app_proto: Empty if Suricata did not even try (too few packets).
        packets: To the server, to the client; `octets` likewise, headers included.
        flags: TCP flag bytes seen from the client and from the server.
        tcp_state: Suricata's word for the TCP session; empty if there was none.
        reason: Why the flow ended in the flow table.
    """

    id: int
    src_ip: str
    src_port: int
    dest_ip: str
    dest_port: int
    proto: str
    app_proto: str
    packets: tuple[int, int]
    octets: tuple[int, int]
    start: datetime
    end: datetime
    state: str
    flags: tuple[int, int] = (0, 0)
    tcp_state: str = ""
    alerted: bool = False
    reason: str = "timeout"


def timestamp(at: datetime) -> str:
    """An instant as Suricata prints it."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}+0000"


def _line(event: dict[str, Any]) -> str:
    return json.dumps(event, separators=(",", ":"))


def _head(at: datetime, kind: str, flow: Flow, *, iface: bool = True) -> dict[str, Any]:
    head: dict[str, Any] = {"timestamp": timestamp(at), "flow_id": flow.id}
    if iface:
        head["in_iface"] = "eth0"
    head |= {"event_type": kind, "src_ip": flow.src_ip}
    if flow.proto == "ICMP":
        return head | {"dest_ip": flow.dest_ip, "proto": "ICMP"}
    return head | {
        "src_port": flow.src_port,
        "dest_ip": flow.dest_ip,
        "dest_port": flow.dest_port,
        "proto": flow.proto,
    }


def flow_event(at: datetime, flow: Flow) -> str:
    """The end of a flow, logged when the flow table lets go of it."""
    event = _head(at, "flow", flow, iface=False)
    if flow.proto == "ICMP":
        event |= {"icmp_type": 8, "icmp_code": 0, "response_icmp_type": 0, "response_icmp_code": 0}
    if flow.app_proto:
        event["app_proto"] = flow.app_proto
    event["flow"] = {
        "pkts_toserver": flow.packets[0],
        "pkts_toclient": flow.packets[1],
        "bytes_toserver": flow.octets[0],
        "bytes_toclient": flow.octets[1],
        "start": timestamp(flow.start),
        "end": timestamp(flow.end),
        "age": round((flow.end - flow.start).total_seconds()),
        "state": flow.state,
        "reason": flow.reason,
        "alerted": flow.alerted,
    }
    if flow.proto == "TCP":
        to_server, to_client = flow.flags
        both = to_server | to_client
        event["tcp"] = {
            "tcp_flags": f"{both:02x}",
            "tcp_flags_ts": f"{to_server:02x}",
            "tcp_flags_tc": f"{to_client:02x}",
            **{name: True for name, bit in _FLAGS.items() if both & bit},
            "state": flow.tcp_state,
        }
    return _line(event)


def dns_query(at: datetime, flow: Flow, query_id: int, name: str) -> str:
    """A question to a name server."""
    query = {"type": "query", "id": query_id, "rrname": name, "rrtype": "A", "tx_id": 0}
    return _line(_head(at, "dns", flow) | {"dns": query})


def dns_answer(at: datetime, flow: Flow, query_id: int, name: str, address: str) -> str:
    """Its answer; NXDOMAIN if there is no address."""
    answer: dict[str, Any] = {
        "version": 2,
        "type": "answer",
        "id": query_id,
        "flags": "8180" if address else "8183",
        "qr": True,
        "rd": True,
        "ra": True,
        "rrname": name,
        "rrtype": "A",
        "rcode": "NOERROR" if address else "NXDOMAIN",
    }
    if address:
        answer["answers"] = [{"rrname": name, "rrtype": "A", "ttl": 300, "rdata": address}]
        answer["grouped"] = {"A": [address]}
    return _line(_head(at, "dns", flow) | {"dns": answer})


def http(at: datetime, flow: Flow, host: str, url: str, agent: str, status: int, size: int) -> str:
    """A request and its response."""
    request = {
        "hostname": host,
        "url": url,
        "http_user_agent": agent,
        "http_content_type": "text/html",
        "http_method": "GET",
        "protocol": "HTTP/1.1",
        "status": status,
        "length": size,
    }
    return _line(_head(at, "http", flow) | {"tx_id": 0, "http": request})


def tls(at: datetime, flow: Flow, host: str, version: str) -> str:
    """A handshake."""
    return _line(_head(at, "tls", flow) | {"tls": {"sni": host, "version": version}})


def alert(at: datetime, flow: Flow, signature: tuple[int, str, str, int]) -> str:
    """A rule that fired: id, text, category and severity."""
    number, text, category, severity = signature
    rule = {
        "action": "allowed",
        "gid": 1,
        "signature_id": number,
        "rev": 7,
        "signature": text,
        "category": category,
        "severity": severity,
    }
    seen = {
        "pkts_toserver": 1,
        "pkts_toclient": 0,
        "bytes_toserver": flow.octets[0] // max(1, flow.packets[0]),
        "bytes_toclient": 0,
        "start": timestamp(flow.start),
    }
    return _line(_head(at, "alert", flow) | {"alert": rule, "flow": seen})


def stats(at: datetime, uptime: int, packets: int, octets: int, flows: Sequence[int]) -> str:
    """Counters since the start; `flows`: TCP sessions, DNS, TLS and HTTP flows so far."""
    tcp, dns, tls_flows, http_flows = flows
    counters = {
        "uptime": uptime,
        "capture": {"kernel_packets": packets, "kernel_drops": 0},
        "decoder": {
            "pkts": packets,
            "bytes": octets,
            "invalid": 0,
            "ipv4": packets,
            "ipv6": 0,
            "ethernet": packets,
            "avg_pkt_size": octets // max(1, packets),
            "max_pkt_size": 1514,
        },
        "flow": {"memcap": 0, "spare": 10000, "emerg_mode_entered": 0, "memuse": 7096768},
        "tcp": {"sessions": tcp, "ssn_memcap_drop": 0, "reassembly_gap": 0, "memuse": 819200},
        "app_layer": {"flow": {"http": http_flows, "tls": tls_flows, "dns_udp": dns}},
    }
    return _line({"timestamp": timestamp(at), "event_type": "stats", "stats": counters})
