"""The platform's HTTP server, running for tests."""

import http.client
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI

from triage import CaseStore
from triage.access import Tokens
from triage.app import triage_app
from triage.desk import Desk
from whetstone.settings import Settings

PATIENCE = 60.0
File = tuple[str, str]
"""Name and content."""


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread or process will do; fails after `PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


class Answer:
    """What a server said."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self) -> Any:
        """The body; it must say that it is JSON."""
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.text)

    @property
    def cookies(self) -> list[str]:
        """The cookies that it sets, `name=value` each."""
        return [line.partition(";")[0] for line in self.headers.get_all("Set-Cookie", [])]

    @property
    def error(self) -> str:
        """The message of a request that was not served."""
        return self.json["error"]


class Served:
    """A client of a server on this machine."""

    def __init__(self, port: int, cases: CaseStore, home: Path, app: FastAPI) -> None:
        self.app = app
        self.port = port
        self.cases = cases
        self.home = home
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a page."""
        return self.send("GET", path, None, headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Send JSON."""
        return self.send("POST", path, json.dumps(body).encode(), headers)

    def form(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send a form, as the pages do: with the token of a page that was looked at before."""
        csrf, sent = self.seen(headers)
        body = urlencode({"csrf": csrf, **fields}).encode()
        return self.send(
            "POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", **sent}
        )

    def upload(
        self, path: str, fields: Mapping[str, str], files: Mapping[str, File], **headers: str
    ) -> Answer:
        """Send a form with files."""
        csrf, sent = self.seen(headers)
        border = uuid.uuid4().hex
        parts = [(f'name="{name}"', value) for name, value in {"csrf": csrf, **fields}.items()]
        parts += [(f'name="{name}"; filename="{file[0]}"', file[1]) for name, file in files.items()]
        body = "".join(
            f"--{border}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n"
            for head, value in parts
        )
        kind = f"multipart/form-data; boundary={border}"
        whole = f"{body}--{border}--\r\n".encode()
        return self.send("POST", path, whole, {"Content-Type": kind, **sent})

    def seen(self, headers: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """The token of a page, and headers that a browser sends with a form of it."""
        page = self.get("/login", **headers)
        csrf = re.search(r'"x-csrf": "(\w+)"', page.text)
        cookies = filter(None, [headers.get("Cookie", ""), *page.cookies])
        sent = {"Origin": self.url, **headers, "Cookie": "; ".join(cookies)}
        return csrf[1] if csrf else "", sent

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        """Send bytes, or pieces of them."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as peer:
            sent = {"Content-Type": "application/json"} if body is not None else {}
            sent |= {name.replace("_", "-"): value for name, value in headers.items()}
            peer.request(method, path, body, sent)
            return Answer(peer.getresponse())


@contextmanager
def serving(
    directory: Path, tokens: Tokens | None = None, workers: bool = True, **chosen: Any
) -> Iterator[Served]:
    """The application over a new case store, on a free port; `chosen` are settings.

    Args:
        workers: whether its threads do what takes long; else that waits.
    """
    installation = Settings(home=directory, **chosen)
    with closing(CaseStore(f"sqlite:///{directory}/cases.db")) as cases:
        app = triage_app(Desk(cases, installation), tokens)
        if not workers:
            app.state.workers = []
        config = uvicorn.Config(
            app,
            port=0,
            log_level="error",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        deadline = time.monotonic() + PATIENCE
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            port = server.servers[0].sockets[0].getsockname()[1]
            yield Served(port, cases, directory, app)
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
