"""The platform: `platform+https://whetstone.example?token=/etc/whetstone/token`.

Takes every record: alerts for the queue, what challengers say, canaries, notices. It may be sent
the same again as often as one likes; of each record the highest revision counts. A scorer tells of
itself over the same connection, see `whetstone.streaming.health.heartbeat`.
"""

import ipaddress
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whetstone.streaming.outputs.entries import Entry, delivered, to_json
from whetstone.streaming.outputs.fitting import fitting
from whetstone.streaming.outputs.output import Output, OutputError, Refused
from whetstone.streaming.outputs.web import REFUSALS, SECONDS, pause_asked, reason
from whetstone.streaming.urls import Url

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

OPTIONS = ("token", "authority")
MOST_REQUEST_BYTES = 4 << 20
MOST_RECORD_BYTES = 512 << 10


def open_platform(url: str, _directory: Path) -> "Platform":
    """The output of a URL; it needs no directory, for the platform knows what it holds.

    Raises:
        InputError: the URL names no host, an option is wrong, or the token would go over the
            network in the clear.
    """
    parsed = Url.parse(url, OPTIONS)
    if not parsed.host:
        raise parsed.wrong("host", "name the platform: platform+https://whetstone.example")
    token = parsed.secret("token")
    if token and parsed.scheme == "platform+http" and not _is_here(parsed.host):
        raise parsed.wrong("token", "would be read by the network: write platform+https://")
    if token and not re.fullmatch(rb"[!-~]+", token):
        raise parsed.wrong("token", "the file holds more than one word: put only the token into it")
    return Platform(parsed.address, token.decode(), parsed.text("authority"))


class Platform(Output):
    """Sends records to the platform's API.

    Args:
        address: `platform+http://…` or `platform+https://…`, without options.
        token: that speaks for the environment; empty: none.
        authority: file of the certificates that may vouch for the platform; empty: the system's.
    """

    def __init__(self, address: str, token: str = "", authority: str = "") -> None:
        from urllib3 import PoolManager, Timeout

        self._name = address.rstrip("/")
        self._base = self._name.removeprefix("platform+")
        self._headers = {"Content-Type": "application/json", "User-Agent": "whetstone"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self.batch = 200
        self._pool = PoolManager(
            timeout=Timeout(connect=SECONDS, read=SECONDS),
            retries=False,
            ca_certs=authority or None,
        )

    @property
    def name(self) -> str:
        """The URL without options."""
        return self._name

    def wants(self, entry: Entry) -> bool:
        """All of them: the platform keeps apart what analysts shall not see."""
        return True

    def send(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Hand over records, in as many requests as their size asks for."""
        request: list[bytes] = []
        size = 0
        for entry in entries:
            record = fitting(delivered(*entry), MOST_RECORD_BYTES)
            if request and size + len(record) > MOST_REQUEST_BYTES:
                self._post_records(request)
                request, size = [], 0
            request.append(record)
            size += len(record)
        if request:
            self._post_records(request)

    def tell(self, scorer: str, environment: str, digest: dict[str, Any]) -> None:
        """Tell the platform how the scorer is; safe beside a send of another thread.

        Raises:
            OutputError: the platform did not take it.
        """
        told = {"scorer": scorer, "environment": environment, "digest": digest}
        self._post("/api/scorers", to_json(told))

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _post_records(self, records: Sequence[bytes]) -> None:
        self._post("/api/alerts", b'{"records":[' + b",".join(records) + b"]}")

    def _post(self, path: str, body: bytes) -> None:
        from urllib3.exceptions import HTTPError

        try:
            response = self._pool.request(
                "POST", self._base + path, body=body, headers=self._headers, redirect=False
            )
        except HTTPError as error:
            raise OutputError(
                f"{self._name}: {reason(error)}: check that the platform runs and can be reached"
            ) from error
        if not 200 <= response.status < 300:
            raise self._error(response)

    def _error(self, response: "BaseHTTPResponse") -> OutputError:
        answer = f"{self._name}: the platform answers {response.status}: {_said(response.data)}"
        if response.status in REFUSALS:
            return Refused(answer)
        if response.status in (401, 403):
            answer = f"{answer}: name the file of this environment's token with ?token="
        return OutputError(answer, pause_asked(response.headers.get("Retry-After", "")))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _said(body: bytes) -> str:
    """What the platform gives as the reason; whatever answers instead of it may say anything."""
    try:
        answer: Any = json.loads(body[: 64 << 10])
        said = str(answer["error"])
    except (ValueError, TypeError, KeyError):
        said = body[:200].decode("utf-8", "replace")
    return " ".join(said[:300].split())
