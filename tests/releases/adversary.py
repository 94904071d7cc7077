"""A release repository whose keys the test holds, served by a web server that misbehaves at will.

It lives in memory, signs whatever it is told to, and takes nothing from the publisher's code but
the form of bundles, indexes and definitions.
"""

# tuf and securesystemslib document these names, but do not mark them as exported.
# pyright: reportPrivateImportUsage=false

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from whetstone.catalog.catalog_pb2 import PSEUDONYM, Environment
from whetstone.releases import Bundle, pack
from whetstone.releases.channel import Channel, environment_path, index_path
from whetstone.releases.environments import write_environment
from whetstone.releases.release import target_path

ENVIRONMENT = "berlin"
DETECTOR = "ssh_bruteforce"
ROLES = (Root.type, Targets.type, Snapshot.type, Timestamp.type)


class Platform:
    """What a platform publishes, file by file.

    Attributes:
        keys: role to the keys that sign it.
        files: path to content, as it is to be served; an attacker changes them.
    """

    def __init__(self) -> None:
        self.keys = {role: [CryptoSigner.generate_ed25519()] for role in ROLES}
        self.files: dict[str, bytes] = {}
        self.root = Root(consistent_snapshot=True)
        for role, signers in self.keys.items():
            self.root.add_key(signers[0].public_key, role)
        self.root.expires = self._in_days(700)
        self.targets, self.snapshot, self.timestamp = Targets(), Snapshot(), Timestamp()
        self.targets.version = self.snapshot.version = self.timestamp.version = 0
        self._channel = Channel.empty()
        self.sign(self.root)
        site = Environment(name=ENVIRONMENT, detectors=[DETECTOR], sources=["sshd"])
        site.privacy.users = PSEUDONYM
        self.add(environment_path(ENVIRONMENT), write_environment(site))

    @property
    def trusted_root(self) -> bytes:
        """The first root."""
        return self.files["metadata/1.root.json"]

    def publish(self, bundle: Bundle) -> str:
        """Makes a bundle the champion; returns its version."""
        version = bundle.manifest["version"]
        self._channel = self._channel.published(DETECTOR, version, datetime.now(UTC))
        self.add(target_path(DETECTOR, version), pack(bundle))
        self.add(index_path("stable"), self._channel.to_bytes())
        self.commit()
        return version

    def add(self, path: str, content: bytes) -> str:
        """Signs a file in with the next commit; returns where it is served."""
        target = TargetFile.from_data(path, content, ["sha256"])
        self.targets.targets[path] = target
        served = f"targets/{target.get_prefixed_paths()[0]}"
        self.files[served] = content
        return served

    def commit(self) -> None:
        """Signs the next targets, snapshot and timestamp."""
        self.targets.version += 1
        signed = self.sign(self.targets)
        self.snapshot.meta["targets.json"] = MetaFile.from_data(
            self.targets.version, signed, ["sha256"]
        )
        self.commit_snapshot()

    def commit_snapshot(self) -> None:
        """Signs the next snapshot and timestamp over the targets that stand."""
        self.snapshot.version += 1
        self.timestamp.snapshot_meta = MetaFile.from_data(
            self.snapshot.version, self.sign(self.snapshot), ["sha256"]
        )
        self.commit_timestamp()

    def commit_timestamp(self) -> None:
        """Signs the next timestamp over the snapshot that stands."""
        self.timestamp.version += 1
        self.sign(self.timestamp)

    def sign(
        self,
        signed: Root | Targets | Snapshot | Timestamp,
        days: int | None = None,
        by: int | None = None,
    ) -> bytes:
        """Signs with the role's keys, the first `by` of them, and serves it; returns the file."""
        if not isinstance(signed, Root):
            usual = 7 if isinstance(signed, Timestamp) else 30
            signed.expires = self._in_days(usual if days is None else days)
        metadata = Metadata[Any](signed)
        for signer in self.keys[signed.type][:by]:
            metadata.sign(signer, append=True)
        content = metadata.to_bytes(JSONSerializer(compact=True))
        versioned = f"{signed.version}.{signed.type}.json"
        name = "timestamp.json" if isinstance(signed, Timestamp) else versioned
        self.files[f"metadata/{name}"] = content
        return content

    def rotate(self, *roles: str) -> None:
        """Gives each of these roles a new key, the old one counts no more: the next root."""
        for role in roles:
            for signer in self.keys[role]:
                self.root.revoke_key(signer.public_key.keyid, role)
            self.keys[role] = [CryptoSigner.generate_ed25519()]
            self.root.add_key(self.keys[role][0].public_key, role)
        self.next_root()

    def require_two(self, role: str) -> None:
        """From the next root on, two keys have to sign for a role."""
        self.keys[role].append(CryptoSigner.generate_ed25519())
        self.root.add_key(self.keys[role][1].public_key, role)
        self.root.roles[role].threshold = 2
        self.next_root()

    def next_root(self) -> None:
        self.root.version += 1
        self.sign(self.root)

    def _in_days(self, days: int) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


class Server:
    """Serves a platform's files over HTTP.

    Attributes:
        files: path to content.
        behaviour: path to what is done instead of serving it properly.
        sent: bytes of bodies that went out, by path.
    """

    def __init__(self, files: dict[str, bytes]):
        self.files = files
        self.behaviour: dict[str, Callable[[BaseHTTPRequestHandler, bytes], None]] = {}
        self.sent: dict[str, int] = {}
        self.url = ""

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.lstrip("/")
        content = self.files.get(path)
        if content is None:
            handler.send_error(404)
            return
        try:
            self.behaviour.get(path, honest)(handler, content)
        except OSError:  # the client hung up
            handler.close_connection = True


def honest(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """What a web server does."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@contextmanager
def served(platform: Platform) -> Iterator[Server]:
    """A server of the platform's files, on a free port of 127.0.0.1, until the end."""
    server = Server(platform.files)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.respond(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.daemon_threads = True
    thread = threading.Thread(target=web.serve_forever, args=(0.01,))
    thread.start()
    server.url = f"http://127.0.0.1:{web.server_port}"
    try:
        yield server
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


def endless(server: Server, path: str, most: int) -> None:
    """Has a file be followed by blanks without an end; `most` bytes are enough for a test."""

    def respond(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        server.sent[path] = 0
        chunk = content + b" " * (1 << 16)
        while server.sent[path] < most:
            handler.wfile.write(chunk)
            server.sent[path] += len(chunk)
            chunk = b" " * (1 << 16)

    server.behaviour[path] = respond


def trickling(server: Server, path: str, where: str, pause: float) -> None:
    """Has a file arrive whole and honest, but byte by byte with a pause after each.

    Args:
        where: "headers", "body", or "chunks": a body in chunks whose sizes are told slowly.
        pause: seconds.
    """

    def respond(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        handler.close_connection = True
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
        if where == "chunks":
            slow = b"%x;%s\r\n" % (len(content), b"x" * 300)
            fast, last = head + b"Transfer-Encoding: chunked\r\n\r\n", content + b"\r\n0\r\n\r\n"
        elif where == "body":
            fast, slow, last = head + b"Content-Length: %d\r\n\r\n" % len(content), content, b""
        else:
            length = b"Content-Length: %d\r\n\r\n" % len(content)
            fast, slow, last = b"", head + b"X-Wait: %s\r\n" % (b"x" * 200) + length, content
        handler.wfile.write(fast)
        for byte in slow:
            handler.wfile.write(bytes([byte]))
            time.sleep(pause)
        handler.wfile.write(last)

    server.behaviour[path] = respond
