"""A Redis server of a test's own."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

_STARTING_SECONDS = 30


@contextmanager
def redis_server(directory: Path, port: int | None = None) -> Iterator[int]:
    """A real server that keeps what it is told in `directory`, also for the next one there.

    Args:
        directory: its own.
        port: where it listens; None: at any free one.

    Yields:
        The port.
    """
    program = shutil.which("redis-server")
    assert program, "the tests talk to a real Redis: install redis-server (`make servers`)"
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
    with subprocess.Popen(
        [*command, "--save", "", "--appendonly", "yes"], stdout=subprocess.DEVNULL
    ) as server:
        try:
            _wait_for(port)
            yield port
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _STARTING_SECONDS
    while True:
        try:
            with Redis(port=port) as client:
                client.ping()
            return
        except RedisConnectionError:
            assert time.monotonic() < deadline, f"redis-server does not answer on {port}"
            time.sleep(0.02)
