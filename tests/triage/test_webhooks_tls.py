"""Webhooks over TLS: the connection goes to an address, the certificate has to be the name's."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.addresses import Hooks, running
from triage.exchange.posting import DeliveryError, Letter, post
from triage.exchange.targets import networks, target

HERE = networks(["127.0.0.0/8", "::1/128"])
LETTER = Letter("verdict.given/v1", b'{"data": {}}')


def certificate(path: Path, name: str) -> Path:
    """A key and a certificate of a name that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(params=["localhost", "other.test"])
def receiver(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Hooks]]:
    """A receiver on localhost, and the name of its certificate, which the system trusts."""
    pem = certificate(tmp_path / "receiver.pem", request.param)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    server = Hooks()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    with running(server):
        yield request.param, server


def test_a_receiver_is_told_only_if_its_certificate_is_that_of_its_name(
    receiver: tuple[str, Hooks],
) -> None:
    name, server = receiver
    where = target(f"https://localhost:{server.server_port}/hook", HERE)
    # Both addresses of the name were judged; the receiver listens on one of them.
    where = type(where)(**{**vars(where), "address": "127.0.0.1"})
    if name == "localhost":
        post(where, "secret", LETTER)
        assert server.posted == [LETTER.body.decode()]
    else:
        with pytest.raises(DeliveryError, match="localhost"):
            post(where, "secret", LETTER)
        assert server.posted == []
