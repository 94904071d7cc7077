"""Bundles, repositories and what it takes to attack them."""

import hashlib
import json
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from google.protobuf import text_format

from whetstone.catalog.catalog_pb2 import Definitions
from whetstone.releases import Bundle, Client, Repository, archive, pack, stamp

DEFINITIONS = """
sources {
  name: "sshd" format: LINE pattern: "(?P<time>\\\\S+) (?P<message>.*)"
  tags { key: "tier" value: "1" } tags { key: "owner" value: "ids" } tags { key: "é" value: "☃" }
  fields { name: "event_time" data_type: "TIMESTAMP" index: "time" definition: "$1::TIMESTAMP" }
  event_time: "event_time" max_reject_rate: 0.1
}
feature_views { name: "sshd_5m" source: "sshd" window { entity: "src_ip" every: "5m" } }
golden_datasets { name: "ssh_bruteforce" feature_view: "sshd_5m" technique: "T1110" }
detectors { name: "ssh_bruteforce" golden_dataset: "ssh_bruteforce" features: "failures" }
"""


def example(detector: str = "ssh_bruteforce", seed: int = 1, size: int = 2_000) -> Bundle:
    """A stamped bundle; another seed is another version."""
    return stamp(
        Bundle(
            graph=bytes((seed + 7 * i) % 251 for i in range(size)),
            threshold=0.25 + seed,
            definitions=text_format.Parse(DEFINITIONS, Definitions()),
            feature_names=("failures", "users"),
            manifest={"detector": detector, "family": "gradient_boosting", "seed": seed},
            model_card=f"# {detector}\n\nGefällt: ja ☃\n",
        )
    )


def publish(repository: Repository, bundle: Bundle, channel: str = "stable") -> str:
    """Publishes under the bundle's own name and version, which it returns."""
    name, version = bundle.manifest["detector"], bundle.manifest["version"]
    repository.publish(pack(bundle), name, version, channel)
    return version


def new_repository(directory: Path) -> Repository:
    repository = Repository(directory)
    repository.init()
    return repository


def client_of(repository: Repository, cache: Path) -> Client:
    return Client(repository.url, cache, repository.root())


def members_of(bundle: Bundle) -> dict[str, bytes]:
    """The files of a packed bundle, for an attacker to change."""
    data = pack(bundle)
    members: dict[str, bytes] = {}
    offset = 0
    while data[offset]:
        name = data[offset : offset + 100].rstrip(b"\0").decode()
        size = int(data[offset + 124 : offset + 135], 8)
        members[name] = data[offset + 512 : offset + 512 + size]
        offset += 512 + size + -size % 512
    return members


def forged(**changes: bytes) -> bytes:
    """A bundle with changed members and the version that fits them: the hash is no secret.

    Keywords are member names with `_` for `.`; the manifest is resealed unless it is changed.
    """
    members = members_of(example())
    for keyword, content in changes.items():
        stem, _, suffix = keyword.rpartition("_")
        members[f"{stem}.{suffix}"] = content
    if "manifest_json" not in changes:
        manifest = json.loads(members["manifest.json"])
        del manifest["version"]
        bare = archive.write({**members, "manifest.json": as_json(manifest)})
        manifest["version"] = hashlib.sha256(bare).hexdigest()[:12]
        members["manifest.json"] = as_json(manifest)
    return archive.write(members)


def as_json(value: object) -> bytes:
    return f"{json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False)}\n".encode()


@contextmanager
def web_server(
    directory: Path, handler: type[SimpleHTTPRequestHandler] = SimpleHTTPRequestHandler
) -> Iterator[str]:
    """Serves `directory` on a free port of 127.0.0.1; yields the URL."""
    quiet = type("Quiet", (handler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def in_a_process(action: Callable[[], object]) -> int:
    """Starts `action` in a forked process; returns its pid. Exit status 0: it returned."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        action()
        status = 0
    finally:
        os._exit(status)


def status_of(pid: int) -> int:
    """Waits; the exit status, negative for the signal that ended the process."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(step: int, action: Callable[[], object]) -> bool:
    """Runs `action` in a process that is killed (-9) at its n-th flush or rename; whether it was.

    Before a flush the file is written; between flush and rename, and after the rename.
    """

    def doomed() -> None:
        steps = 0

        def dying(call: Callable[..., object]) -> Callable[..., object]:
            def counted(*args: object) -> object:
                nonlocal steps
                steps += 1
                if steps == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args)

            return counted

        os.replace, os.fsync = dying(os.replace), dying(os.fsync)
        action()

    status = status_of(in_a_process(doomed))
    assert status in (0, -signal.SIGKILL)
    return status != 0


def with_file_size_limit(limit: int, action: Callable[[], object]) -> int:
    """Runs `action` in a process that cannot write files beyond `limit` bytes: a full disk."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        action()

    return status_of(in_a_process(limited))
