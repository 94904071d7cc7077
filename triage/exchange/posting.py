"""One request to a webhook's receiver, and what its answer means."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from triage.exchange.targets import Target
from whetstone.streaming.outputs.web import REFUSALS, SECONDS, pause_asked, reason, signed

MOST_SECONDS = 30.0
"""How long a request may take in all."""
_MOST_ANSWER_BYTES = 1 << 12
_SLOW = "it takes too long to answer"


class RefusalError(Exception):
    """The receiver will never take this; the text says why."""


class DeliveryError(Exception):
    """The receiver could not be reached or did not take it; the text says why."""

    def __init__(self, why: str, pause: timedelta = timedelta()) -> None:
        super().__init__(why)
        self.pause = pause
        """How long the receiver asks to be left alone."""


@dataclass(frozen=True)
class Letter:
    """What is sent.

    Attributes:
        key: the same whenever the same is sent again.
        body: JSON.
    """

    key: str
    body: bytes


def post(target: Target, secret: str, letter: Letter) -> None:
    """Send a letter; to return means that the receiver has it.

    Raises:
        RefusalError: it answered that it will never take it.
        DeliveryError: anything else went wrong.
    """
    headers = {
        "Host": target.authority,
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "User-Agent": "whetstone",
        "Idempotency-Key": f'"{letter.key}"',
        **signed(secret.encode(), int(time.time()), letter.body),
    }
    with _pool(target) as pool, _cut_off(pool) as line:
        try:
            # Redirects are not followed: they could lead where webhooks may not.
            response = pool.urlopen(
                "POST",
                target.path,
                letter.body,
                headers,
                redirect=False,
                preload_content=False,
            )
            # What is there: nobody gets to hold us up by saying the rest slowly.
            said = response.read1(_MOST_ANSWER_BYTES)
            response.close()
        except HTTPError as error:
            why = _SLOW if line.is_cut else reason(error)
            raise DeliveryError(f"{target.host}: {why}") from error
        if line.is_cut:
            raise DeliveryError(f"{target.host}: {_SLOW}")
    _judge(target.host, response, said)


def _pool(target: Target) -> HTTPConnectionPool:
    timeout = Timeout(connect=SECONDS, read=SECONDS)
    if target.scheme == "http":
        return HTTPConnectionPool(target.address, target.port, timeout=timeout, retries=False)
    # The certificate has to be the name's, not the address's to which the connection goes.
    return HTTPSConnectionPool(
        target.address,
        target.port,
        timeout=timeout,
        retries=False,
        server_hostname=target.host,
        assert_hostname=target.host,
    )


@dataclass
class _Line:
    """The connection of a request; it can be cut whatever goes on on it, also by another thread."""

    is_cut: bool = False
    ends: list[socket.socket] = field(default_factory=list[socket.socket])

    def cut(self) -> None:
        self.is_cut = True
        for end in self.ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def _cut_off(pool: HTTPConnectionPool) -> Iterator[_Line]:
    """Cut the pool's connection after `MOST_SECONDS`.

    Timeouts of sockets count from each byte anew: who answers a byte at a time would hold up all
    others for as long as he likes.
    """
    line, kind = _Line(), HTTPSConnection if pool.scheme == "https" else HTTPConnection

    class Cuttable(kind):  # pyright: ignore[reportGeneralTypeIssues]
        def _new_conn(self) -> socket.socket:
            made = super()._new_conn()
            # TLS takes the socket over; what is done to its duplicate is done to both.
            line.ends.append(made.dup())
            return made

    pool.ConnectionCls = Cuttable
    timer = threading.Timer(MOST_SECONDS, line.cut)
    timer.start()
    try:
        yield line
    finally:
        timer.cancel()
        for end in line.ends:
            end.close()


def _judge(host: str, response: Any, said: bytes) -> None:
    if 200 <= response.status < 300:
        return
    text = " ".join(said[:200].decode("utf-8", "replace").split())
    answer = f"{host} answers {response.status} {response.reason or ''} {text}".strip()
    if response.status in REFUSALS:
        raise RefusalError(answer)
    if response.status < HTTPStatus.BAD_REQUEST:
        raise DeliveryError(f"{answer}: redirects are not followed, register where it leads")
    asked = pause_asked(response.headers.get("Retry-After", ""))
    raise DeliveryError(answer, timedelta(seconds=asked))
