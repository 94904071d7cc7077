"""How files come over the network: encrypted, redirected, through a proxy, and never too slowly."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError

from whetstone.releases.fetcher import WebFetcher

CONTENT = b"signed " * 20_000


class Handler(BaseHTTPRequestHandler):
    """Has one file, `/file`, and an address that it moved from."""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/file")
            self.end_headers()
        elif self.path == "/local":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
        elif self.path.endswith("/file"):
            self.send_response(200)
            self.send_header("X-Asked-For", self.path)
            self.end_headers()
            self.wfile.write(CONTENT)
        elif self.path == "/steady":
            self.send_response(200)
            self.end_headers()
            part = len(CONTENT) // 24 + 1
            for start in range(0, len(CONTENT), part):
                self.wfile.write(CONTENT[start : start + part])
                time.sleep(0.05)
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def web(tls: ssl.SSLContext | None = None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate of 127.0.0.1 that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "platform")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "platform.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def fetched(url: str, **settings: float) -> bytes:
    return WebFetcher(**settings).download_bytes(url, 1 << 20)


def test_a_file_arrives_whole():
    with web() as address:
        assert fetched(f"http://{address}/file") == CONTENT


def test_a_file_that_is_not_there_is_told_by_its_status():
    with web() as address, pytest.raises(DownloadHTTPError) as refused:
        fetched(f"http://{address}/none")
    assert refused.value.status_code == 404


def test_a_redirect_is_followed_on_the_web_only():
    with web() as address:
        assert fetched(f"http://{address}/moved") == CONTENT
        with pytest.raises(DownloadError):
            fetched(f"http://{address}/local")


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch):
    with web() as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert fetched("http://platform.invalid/file") == CONTENT


def test_an_encrypted_server_is_read_if_its_certificate_is_trusted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with web(context) as address:
        with pytest.raises(DownloadError, match="certificate"):
            fetched(f"https://{address}/file")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert fetched(f"https://{address}/file") == CONTENT
        name = address.replace("127.0.0.1", "localhost")
        with pytest.raises(DownloadError, match="Hostname mismatch"):
            fetched(f"https://{name}/file")


def test_a_handshake_that_trickles_is_hung_up():
    """Each byte of the server's hello comes in time; all 16 KiB would take minutes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        told: list[int] = []

        def trickle() -> None:
            connection, _ = listening.accept()
            with connection:
                try:
                    for byte in b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + bytes(16_000):
                        connection.sendall(bytes([byte]))
                        told.append(byte)
                        time.sleep(0.01)
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        with pytest.raises(SlowRetrievalError):
            fetched(f"https://127.0.0.1:{listening.getsockname()[1]}/file", patience=0.3)
        thread.join()
    assert len(told) < 16_000


def test_a_steady_download_may_take_longer_than_the_patience():
    """In all it takes at least 1.2 seconds; it is never a second behind the least rate."""
    with web() as address:
        steady = fetched(f"http://{address}/steady", patience=1.0, least_rate=len(CONTENT) / 12)
    assert steady == CONTENT
