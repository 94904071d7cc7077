"""The platform's HTTP server, running for tests."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from triage import CaseStore
from triage.access import Tokens
from triage.app import triage_app
from triage.desk import Desk
from whetstone.settings import Settings

PATIENCE = 60.0


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
    def error(self) -> str:
        """The message of a request that was not served."""
        return self.json["error"]


class Served:
    """A client of a server on this machine."""

    def __init__(self, port: int, cases: CaseStore) -> None:
        self.port = port
        self.cases = cases
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a page."""
        return self.send("GET", path, None, headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Send JSON."""
        return self.send("POST", path, json.dumps(body).encode(), headers)

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        """Send bytes, or pieces of them."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as peer:
            sent = {"Content-Type": "application/json"} if body is not None else {}
            sent |= {name.replace("_", "-"): value for name, value in headers.items()}
            peer.request(method, path, body, sent)
            return Answer(peer.getresponse())


@contextmanager
def serving(directory: Path, tokens: Tokens | None = None, **chosen: Any) -> Iterator[Served]:
    """The application over a new case store, on a free port; `chosen` are settings."""
    installation = Settings(home=directory, **chosen)
    with closing(CaseStore(f"sqlite:///{directory}/cases.db")) as cases:
        config = uvicorn.Config(
            triage_app(Desk(cases, installation), tokens),
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
            yield Served(port, cases)
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
