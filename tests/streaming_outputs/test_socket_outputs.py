"""Streams and datagrams to receivers on this machine and to syslog collectors."""

import json
import re
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.conftest import ROOT
from tests.streaming_outputs.receivers import Collector, datagrams_at
from tests.streaming_outputs.records import alert, ids, names, numbered, until
from whetstone.streaming.outputs import OutputError, Refused, open_output

HEADER = re.compile(
    rb'<132>1 2026-01-05T10:00:00\.250000Z \S+ whetstone - alert \[meta sequenceId="(\d+)"\] (.*)',
    re.DOTALL,
)


def test_a_unix_stream_gets_lines(tmp_path: Path) -> None:
    collector = Collector(str(tmp_path / "socket"))
    output = open_output(f"unix://{tmp_path}/socket", tmp_path)
    output.send(numbered(1, 2))
    output.send(numbered(3))
    output.close()
    until(lambda: collector.data.count(b"\n") == 3)
    assert ids(collector.data.splitlines()) == names(1, 2, 3)
    collector.stop()


def test_a_unix_datagram_is_a_record(tmp_path: Path) -> None:
    with datagrams_at(tmp_path / "socket") as receiver:
        output = open_output(f"unix://{tmp_path}/socket?type=datagram", tmp_path)
        assert output.batch == 1
        output.send(numbered(1))
        output.send(numbered(2))
        assert ids([receiver.recv(65536), receiver.recv(65536)]) == names(1, 2)
        output.close()


def test_a_receiver_that_comes_back_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    output = open_output(f"unix://{path}", tmp_path)
    with pytest.raises(OutputError, match="is the receiver running"):
        output.send(numbered(1))
    for number in (1, 2, 3):
        collector = Collector(str(path))
        output.send(numbered(number))
        until(lambda: collector.data.endswith(b"\n"))  # noqa: B023
        assert ids(collector.data.splitlines()) == names(number)
        collector.stop()
        path.unlink()
    with pytest.raises(OutputError):
        output.send(numbered(4))
    output.close()


def test_syslog_over_tcp_is_framed_by_length() -> None:
    collector = Collector(("127.0.0.1", 0))
    port = collector.address[1]
    output = open_output(f"syslog+tcp://127.0.0.1:{port}?format=json", Path())
    output.send(numbered(1))
    output.send(numbered(2))
    output.close()
    until(lambda: len(_frames(collector.data)) == 2)
    messages = [HEADER.fullmatch(frame) for frame in _frames(collector.data)]
    assert [message and message[1] for message in messages] == [b"1", b"2"]
    assert [json.loads(message[2])["event"]["id"] for message in messages if message] == names(1, 2)
    collector.stop()


def test_syslog_over_udp_is_a_datagram_of_cef() -> None:
    with datagrams_at(("127.0.0.1", 0)) as receiver:
        port = receiver.getsockname()[1]
        open_output(f"syslog+udp://127.0.0.1:{port}", Path()).send(numbered(5))
        message = HEADER.fullmatch(receiver.recv(65536))
    assert message is not None
    assert message[2].startswith(b"CEF:0|Whetstone|scorer|")
    assert b"externalId=alert-5" in message[2]


def test_what_is_too_long_for_a_datagram_goes_without_its_bulk() -> None:
    entry = alert(1, context=["x" * 70_000], lines=["kept"])
    with datagrams_at(("127.0.0.1", 0)) as receiver:
        port = receiver.getsockname()[1]
        output = open_output(f"syslog+udp://127.0.0.1:{port}?format=json", Path())
        output.send([(1, entry)])
        message = HEADER.fullmatch(receiver.recv(1 << 17))
        assert message is not None
        sent = json.loads(message[2])["whetstone"]
        assert (sent["lines"], sent["context"], sent["left_out"]) == (["kept"], [], ["context"])
        with pytest.raises(Refused, match="use TCP"):
            output.send([(2, alert(2, group="x" * 70_000))])


def test_a_numbered_kind_of_facility_is_the_priority() -> None:
    with datagrams_at(("127.0.0.1", 0)) as receiver:
        port = receiver.getsockname()[1]
        open_output(f"syslog+udp://127.0.0.1:{port}?facility=auth", Path()).send(numbered(1))
        assert receiver.recv(65536).startswith(b"<36>1 ")


def test_syslog_over_tls_trusts_only_the_given_authority(tmp_path: Path) -> None:
    context, certificate = _certified(tmp_path)
    collector = Collector(("127.0.0.1", 0), context)
    url = f"syslog+tls://127.0.0.1:{collector.address[1]}"
    with pytest.raises(OutputError, match="certificate verify failed"):
        open_output(url, tmp_path).send(numbered(1))
    output = open_output(f"{url}?authority={certificate}", tmp_path)
    output.send(numbered(2))
    output.send(numbered(3))
    until(lambda: len(_frames(collector.data)) == 2)
    output.close()
    collector.stop()


def test_standard_output_gets_lines() -> None:
    script = (
        "from tests.streaming_outputs.records import numbered\n"
        "from whetstone.streaming.outputs import open_output\n"
        "open_output('stdout:', None).send(numbered(1, 2))"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True)
    assert ids(ran.stdout.splitlines()) == names(1, 2)


def _frames(data: bytes) -> list[bytes]:
    frames: list[bytes] = []
    while data:
        length, _, rest = data.partition(b" ")
        frames.append(rest[: int(length)])
        data = rest[int(length) :]
    return frames


def _certified(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server on 127.0.0.1 needs, and the certificate that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "collector")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    path, key_path = directory / "certificate.pem", directory / "key.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return context, path
