"""Syslog: `syslog+udp://127.0.0.1:514`, `syslog+tcp://siem:601`, `syslog+tls://siem:6514`.

A record is one message of RFC 5424; over TCP it is framed by its length (RFC 6587, section 3.4.1),
over TLS likewise (RFC 5425). `?format=` says what the message holds: `cef` or the record as `json`.

Syslog knows no acknowledgement: what the peer's system took and the peer did not read is lost with
the peer, and nobody can tell. Where no alert may be lost, use another output.
"""

import re
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from whetstone.streaming.outputs.cef import cef, field
from whetstone.streaming.outputs.entries import Entry, delivered, to_json
from whetstone.streaming.outputs.fitting import fitting
from whetstone.streaming.outputs.output import Output, Refused
from whetstone.streaming.outputs.sockets import Link, to_datagrams, to_host, to_host_by_tls
from whetstone.streaming.urls import Url

OPTIONS = ("format", "facility", "authority")
_PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
_FACILITIES = {
    **{"kern": 0, "user": 1, "daemon": 3, "auth": 4, "syslog": 5, "authpriv": 10},
    **{f"local{number}": 16 + number for number in range(8)},
}
_WARNING, _NOTICE = 4, 5
_LONGEST_DATAGRAM = 65_000
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
_MOST_SEQUENCE = 2_147_483_647


class Syslog(Output):
    """Sends messages to a collector.

    Args:
        url: of the collector, without options.
        link: connects to it.
        message: what a record looks like in the message.
        facility: number of the syslog facility.
        datagrams: whether a message is a datagram.
    """

    batch: int = 1
    """What failed half-way comes again whole, and nobody there would notice."""

    def __init__(
        self,
        url: str,
        link: Link,
        message: Callable[[Mapping[str, Any]], bytes],
        facility: int = 16,
        datagrams: bool = False,
    ) -> None:
        self._url = url
        self._link = link
        self._message = message
        self._facility = facility
        self._datagrams = datagrams

    @classmethod
    def at(cls, url: Url) -> "Syslog":
        """The output of a URL."""
        transport = url.scheme.removeprefix("syslog+")
        if not url.host:
            raise url.wrong("host", f"name the collector: {url.scheme}://127.0.0.1")
        port = url.port or _PORTS[transport]
        authority = url.text("authority")
        connect = {
            "udp": to_datagrams(url.host, port),
            "tcp": to_host(url.host, port),
            "tls": to_host_by_tls(url.host, port, authority),
        }[transport]
        return cls(
            url.address,
            Link(url.address, connect),
            _as_json if url.choice("format", ("cef", "json"), "cef") == "json" else _as_cef,
            _FACILITIES[url.choice("facility", _FACILITIES, "local0")],
            transport == "udp",
        )

    @property
    def name(self) -> str:
        """The collector's URL."""
        return self._url

    def send(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Send a message an entry."""
        messages = [self._of(delivered(*entry)) for entry in entries]
        if self._datagrams:
            self._link.send(*messages)
        else:
            framed = (b"%d %s" % (len(message), message) for message in messages)
            self._link.send(b"".join(framed))

    def close(self) -> None:
        """Disconnect."""
        self._link.close()

    def _of(self, record: dict[str, Any]) -> bytes:
        header = _header(record, self._facility)
        if not self._datagrams:
            return header + self._message(record)
        message = header + fitting(record, _LONGEST_DATAGRAM - len(header), self._message)
        if len(message) > _LONGEST_DATAGRAM:
            raise Refused(
                f"{self._url}: a record of {len(message)} bytes fits no datagram: use TCP"
            )
        return message


def _header(record: Mapping[str, Any], facility: int) -> bytes:
    """Priority, version, time, host, program, process, kind, structured data (RFC 5424, 6)."""
    kind = _printable(field(record, "event.kind"), 32)
    severity = _WARNING if kind == "alert" else _NOTICE
    time = field(record, "@timestamp")
    when = time if _TIME.fullmatch(time) else "-"
    host = _printable(socket.gethostname(), 255)
    sequence = int(field(record, "event.sequence")) % _MOST_SEQUENCE or _MOST_SEQUENCE
    start = f"<{facility * 8 + severity}>1 {when} {host} whetstone - {kind}"
    return f'{start} [meta sequenceId="{sequence}"] '.encode()


def _printable(text: str, most: int) -> str:
    return re.sub(r"[^!-~]", "_", text)[:most] or "-"


def _as_cef(record: Mapping[str, Any]) -> bytes:
    return cef(record).encode("utf-8", "replace")


def _as_json(record: Mapping[str, Any]) -> bytes:
    return to_json(record)
