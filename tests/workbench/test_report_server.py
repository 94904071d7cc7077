"""The report files over HTTP."""

import http.client
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest

from workbench.report_server import report_server


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    (tmp_path / "outside.txt").write_text("secret")
    directory = tmp_path / "reports"
    (directory / "sshd").mkdir(parents=True)
    (directory / "sshd" / "drift.html").write_text("<p>drift</p>")
    (directory / "way_out.txt").symlink_to(tmp_path / "outside.txt")
    (directory / "latest.html").symlink_to(directory / "sshd" / "drift.html")
    return directory


@pytest.fixture
def port(reports: Path) -> Iterator[int]:
    with report_server(reports, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def get(port: int, path: str, **headers: str) -> tuple[int, bytes, Message]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", path, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.read(), response.headers


@pytest.mark.parametrize("path", ["/sshd/drift.html", "/latest.html", "/sshd/drift.html?run=1"])
def test_a_report_is_served(port: int, path: str) -> None:
    status, body, headers = get(port, path)

    assert (status, body) == (200, b"<p>drift</p>")
    assert headers["Content-Type"] == "text/html"


@pytest.mark.parametrize(
    "path",
    [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/sshd/..%2f..%2foutside.txt",
        "//etc/passwd",
        "/way_out.txt",
        "/missing.html",
        "/%00",
    ],
)
def test_nothing_outside_the_directory_is_served(port: int, path: str) -> None:
    status, body, _ = get(port, path)

    assert status == 404
    assert b"secret" not in body


def test_a_report_written_again_is_seen_at_once(port: int, reports: Path) -> None:
    _, _, headers = get(port, "/sshd/drift.html")
    (reports / "sshd" / "drift.html").write_text("<p>news</p>")

    status, body, _ = get(port, "/sshd/drift.html", If_Modified_Since=headers["Last-Modified"])

    assert (status, body) == (200, b"<p>news</p>")
    assert headers["Cache-Control"] == "no-store"


def test_the_server_answers_this_machine_only(reports: Path) -> None:
    with report_server(reports, 0) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_the_overview_stands_at_the_root_as_soon_as_there_is_one(port: int, reports: Path) -> None:
    assert b"sshd/" in get(port, "/")[1], "until then, what there is"
    (reports / "overview.html").write_text("<p>overview</p>")
    assert get(port, "/")[1] == b"<p>overview</p>"
    assert get(port, "/overview.html")[1] == b"<p>overview</p>"
