"""Any static web server will do: nginx, with a configuration of the documentation's few lines."""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.releases.builders import example, new_repository, publish
from whetstone.errors import ReleaseError
from whetstone.releases import Client, Repository
from whetstone.releases.ceremony import Ceremony
from whetstone.releases.export import export
from whetstone.releases.mirror import import_releases

DOCS = Path(__file__).resolve().parents[2] / "docs" / "releases.md"
DETECTOR = "ssh_bruteforce"
_READY_SECONDS = 20.0


class Nginx:
    """A running server."""

    def __init__(self, port: int, directory: Path):
        self.url = f"http://127.0.0.1:{port}"
        self._log = directory / "access.log"

    def requests(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [line.split('"')[1].split(" ")[1] for line in self._log.read_text().splitlines()]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "releases")


@pytest.fixture
def served(repository: Repository, tmp_path: Path) -> Iterator[Nginx]:
    yield from serve(repository.public, tmp_path / "nginx")


def serve(public: Path, directory: Path) -> Iterator[Nginx]:
    """nginx as docs/releases.md configures it, but for port and path."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert nginx, "the test serves releases with nginx: install it (Debian: nginx-light)"
    directory.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    documented = DOCS.read_text().split("```nginx\n")[1].split("```")[0]
    server = documented.replace("listen 80;", f"listen 127.0.0.1:{port};")
    server = server.replace("/var/lib/whetstone/releases/public", str(public))
    assert str(public) in server
    assert str(port) in server
    (directory / "nginx.conf").write_text(
        f"user root; worker_processes 1; daemon off; pid {directory}/pid;\n"
        f"error_log {directory}/error.log; events {{}}\n"
        f"http {{ access_log {directory}/access.log; client_body_temp_path {directory}/body;\n"
        f"proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;\n"
        f"uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;\n{server} }}\n"
    )
    command = [nginx, "-p", str(directory), "-c", str(directory / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(port, process)
            yield Nginx(port, directory)
        finally:
            process.terminate()


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            assert process.stderr is not None
            pytest.fail(f"nginx ended: {process.stderr.read()}")
        time.sleep(0.02)
    pytest.fail("nginx does not answer")


def test_an_environment_pulls_and_follows(repository: Repository, served: Nginx, tmp_path: Path):
    publish(repository, example(seed=1))
    client = Client(served.url, tmp_path / "cache", repository.root())
    assert client.pull("stable")[0].changed
    assert client.load(DETECTOR) == example(seed=1)
    publish(repository, example(seed=2))
    Ceremony(repository).rotate(["root", "timestamp"])
    assert client.pull("stable")[0].changed
    assert client.load(DETECTOR) == example(seed=2)
    asked = len(served.requests())
    assert not client.pull("stable")[0].changed
    # Root's successor, which is not there, and the timestamp.
    assert [path.rpartition("/")[2] for path in served.requests()[asked:]] == [
        "3.root.json",
        "timestamp.json",
    ]


def test_a_bundle_changed_on_the_server_is_refused(
    repository: Repository, served: Nginx, tmp_path: Path
):
    publish(repository, example())
    (bundle,) = repository.public.rglob("*.tar")
    bundle.write_bytes(bundle.read_bytes()[:-100] + b"\1" * 100)
    client = Client(served.url, tmp_path / "cache", repository.root())
    with pytest.raises(ReleaseError, match="content check failed"):
        client.pull("stable")


def test_nothing_but_the_public_directory_is_served(served: Nginx):
    for path in ("keys/timestamp.pem", "../keys/timestamp.pem", "%2e%2e/keys/timestamp.pem"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{served.url}/{path}", timeout=5)  # noqa: S310
        assert refused.value.code in (400, 404)


def test_timestamps_are_not_kept_by_caches_on_the_way(repository: Repository, served: Nginx):
    publish(repository, example())
    with urllib.request.urlopen(f"{served.url}/metadata/timestamp.json", timeout=5) as answer:  # noqa: S310
        assert answer.headers["Cache-Control"] == "no-cache"


def test_a_mirror_behind_an_air_gap_is_served_the_same(repository: Repository, tmp_path: Path):
    version = publish(repository, example())
    export(repository, tmp_path / "disk.tar")
    import_releases(tmp_path / "disk.tar", tmp_path / "mirror", repository.root())
    for served in serve(tmp_path / "mirror" / "public", tmp_path / "nginx"):
        client = Client(served.url, tmp_path / "cache", repository.root())
        assert client.pull("stable")[0].version == version
