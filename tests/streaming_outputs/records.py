"""Entries as a scorer makes them, destinations, and waiting for what threads do."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from whetstone.streaming.outputs.journal import Entry, Journal, Reader
from whetstone.streaming.outputs.output import Output

PATIENCE = 20.0


def alert(number: int, revision: int = 1, **whetstone: Any) -> Entry:
    """An alert record, small but of the real shape."""
    return Entry(
        f"alert-{number}",
        revision,
        {
            "@timestamp": "2026-01-05T10:00:00.250000Z",
            "event": {"kind": "alert", "id": f"alert-{number}"},
            "rule": {"name": "Port scan"},
            "source": {"ip": "10.0.0.7"},
            "whetstone": {
                "detector": "port_scan",
                "environment": "berlin",
                "revision": revision,
                "status": "closed",
                "score": 0.5 + number,
                **whetstone,
            },
        },
    )


def alerts(*numbers: int) -> list[Entry]:
    return [alert(number) for number in numbers]


def numbered(*numbers: int) -> list[tuple[int, Entry]]:
    """Alerts with their sequence numbers, as an output is sent them."""
    return [(number, alert(number)) for number in numbers]


def told(journal: Journal) -> list[tuple[int, str, int]]:
    """All that a new reader gets."""
    return [(at, entry.id, entry.revision) for at, entry in drained(journal.reader(None))]


def drained(reader: Reader) -> list[tuple[int, Entry]]:
    """All that a reader has still to give."""
    read: list[tuple[int, Entry]] = []
    while entries := reader.next(7, 0.0):
        read += entries
    return read


def ids(lines: Iterable[bytes]) -> list[str]:
    return [json.loads(line)["event"]["id"] for line in lines]


def names(*numbers: int) -> list[str]:
    return [f"alert-{number}" for number in numbers]


def until(condition: Callable[[], object]) -> None:
    """Wait for it, and fail if it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


class Shelf(Output):
    """Keeps what it is sent; refuses, breaks and blocks on demand."""

    def __init__(self, name: str = "shelf:") -> None:
        self._name = name
        self.held: list[int] = []
        self.sends: list[list[int]] = []
        self.failure: Callable[[Sequence[tuple[int, Entry]]], Exception | None] = lambda _: None
        self.open = threading.Event()
        self.open.set()

    @property
    def name(self) -> str:
        return self._name

    def send(self, entries: Sequence[tuple[int, Entry]]) -> None:
        self.sends.append([at for at, _ in entries])
        assert self.open.wait(PATIENCE)
        if failure := self.failure(entries):
            raise failure
        self.held += [at for at, _ in entries]

    def close(self) -> None:
        pass


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()
