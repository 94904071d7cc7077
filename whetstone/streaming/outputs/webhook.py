"""A webhook: `https://soar.example/hooks/whetstone#secret=/etc/whetstone/hook.key&batch=1`.

What stands behind `?` belongs to the receiver; options stand behind `#`, which no server sees.

A record is one POST of a JSON object; with `batch` above 1, of an array of up to so many. The
request can be told from others and trusted:

    Idempotency-Key: <id>/<revision>           the same whenever the same is sent again
    Whetstone-Timestamp: 1767225600            seconds since 1970
    Whetstone-Signature: sha256=<hex>          HMAC of timestamp, a point, and the body

200 to 299 means that the receiver has it. It refuses for good with 400, 413, 415 or 422; all else
is tried again, when `Retry-After` says so or with ever longer pauses.
"""

import hashlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from whetstone.streaming.outputs.entries import Entry, delivered, to_json
from whetstone.streaming.outputs.output import Output, OutputError, Refused
from whetstone.streaming.outputs.web import REFUSALS, SECONDS, pause_asked, reason, signed
from whetstone.streaming.urls import Url

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

OPTIONS = ("secret", "batch", "authority", "token")
_MOST_ANSWER_BYTES = 1 << 16


class Webhook(Output):
    """Posts records to a receiver.

    Args:
        url: of the receiver, whole.
        name: the URL without what only sender and receiver know.
        secret: key of the signature; empty: unsigned.
        token: for `Authorization: Bearer`; empty: none.
        batch: most records of a request.
        authority: file of the certificates that may vouch for the receiver; empty: the system's.
    """

    def __init__(
        self,
        url: str,
        name: str,
        secret: bytes = b"",
        token: bytes = b"",
        batch: int = 1,
        authority: str = "",
    ) -> None:
        from urllib3 import PoolManager, Timeout

        self._url = url
        self._name = name
        self._secret = secret
        self._token = token
        self.batch = batch
        self._pool = PoolManager(
            timeout=Timeout(connect=SECONDS, read=SECONDS),
            retries=False,
            ca_certs=authority or None,
        )

    @classmethod
    def at(cls, text: str) -> "Webhook":
        """The output of a URL."""
        address, _, options = text.partition("#")
        place = Url.parse(address.partition("?")[0], ())
        if not place.host:
            raise place.wrong("host", "name the receiver: https://soar.example/hooks/whetstone")
        # The path of a hook is often its password: the digest tells hooks of one host apart.
        digest = hashlib.sha256(address.encode()).hexdigest()[:8]
        host = f"[{place.host}]" if ":" in place.host else place.host
        port = f":{place.port}" if place.port else ""
        name = f"{place.scheme}://{host}{port}/…{digest}"
        url = Url.parse(f"{name}?{options}", OPTIONS)
        return cls(
            address,
            name,
            url.secret("secret"),
            url.secret("token"),
            url.number("batch", 1, 1),
            url.text("authority"),
        )

    @property
    def name(self) -> str:
        """Scheme and host of the receiver, and a digest of the rest."""
        return self._name

    def send(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Post them in one request."""
        from urllib3.exceptions import HTTPError

        objects = [to_json(delivered(*entry)) for entry in entries]
        body = objects[0] if self.batch == 1 else b"[" + b",".join(objects) + b"]"
        try:
            # Redirects are not followed: a POST would come out of them as a GET.
            response = self._pool.request(
                "POST",
                self._url,
                body=body,
                headers=self._headers(entries, body),
                redirect=False,
                preload_content=False,
            )
            answer = response.read(_MOST_ANSWER_BYTES)
            # Whoever says more than that does not get to hold us up with it.
            if response.read(1):
                response.close()
            response.release_conn()
        except HTTPError as error:
            raise OutputError(
                f"{self._name}: {reason(error)}: check that the receiver runs and can be reached"
            ) from error
        self._judge(response, answer)

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()

    def _headers(self, entries: Sequence[tuple[int, Entry]], body: bytes) -> dict[str, str]:
        now = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "whetstone",
            "Idempotency-Key": _idempotency_key([entry for _, entry in entries]),
            "Whetstone-Timestamp": str(now),
        }
        if self._secret:
            headers |= signed(self._secret, now, body)
        if self._token:
            headers["Authorization"] = f"Bearer {self._token.decode()}"
        return headers

    def _judge(self, response: "BaseHTTPResponse", body: bytes) -> None:
        status = response.status
        if 200 <= status < 300:
            return
        said = " ".join(body[:200].decode("utf-8", "replace").split())
        answer = f"{self._name}: the receiver answers {status} {response.reason or ''} {said}"
        if status in REFUSALS:
            raise Refused(f"{answer.strip()}: it does not take this record")
        raise OutputError(
            f"{answer.strip()}: check address, token and the receiver's log",
            pause_asked(response.headers.get("Retry-After", "")),
        )


def _idempotency_key(entries: Sequence[Entry]) -> str:
    if len(entries) == 1:
        return f"{entries[0].id}/{entries[0].revision}"
    keys = "\n".join(f"{entry.id}/{entry.revision}" for entry in entries)
    return hashlib.sha256(keys.encode()).hexdigest()
