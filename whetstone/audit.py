"""Audit logs: who looked at what is guarded, or erased, when and why.

JSON lines that are only ever appended to. Each carries the hash of the one before it, so that
nobody can change, remove or insert one unseen, unless he rewrites all that follow; whoever keeps
the last hash elsewhere sees that, too. An entry is on disk before what it tells of is shown.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from whetstone.durable import flush
from whetstone.errors import InputError, StorageError

_FIRST = "0" * 64
_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True)
class Entry:
    """What somebody did.

    Attributes:
        at: UTC time, ISO 8601.
        who: the name given, and the account on the machine.
        what: such as `reidentify`, `forget`, `rotate`; `gate` where a test set was opened.
        why: the reason given.
        details: what it was done to; nothing personal.
        previous: hash of the entry before.
    """

    at: str
    who: str
    what: str
    why: str
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    previous: str = _FIRST

    @property
    def line(self) -> str:
        """Its line in the file."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @property
    def hash(self) -> str:
        """SHA-256 of its line."""
        return hashlib.sha256(self.line.encode()).hexdigest()


@dataclass(frozen=True)
class Audit:
    """The log as it is: entries, and what is wrong with it by line; `head` is the last hash."""

    entries: list[Entry]
    problems: list[str]
    head: str


class AuditLog:
    """The log in a file."""

    def __init__(self, path: Path):
        self._path = path

    def append(self, who: str, what: str, why: str, details: Mapping[str, Any]) -> Entry:
        """Write an entry durably.

        Raises:
            InputError: nobody, or no reason, is named.
            StorageError: the log cannot be written.
        """
        if not who.strip() or not why.strip():
            raise InputError("say who asks and why; it goes into the audit log")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                last, end = _last_line(file)
                entry = Entry(
                    at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    who=who.strip(),
                    what=what,
                    why=why.strip(),
                    details=details,
                    previous=hashlib.sha256(last).hexdigest() if last else _FIRST,
                )
                # What a crash left of an entry tells of nothing that was done.
                file.seek(end)
                file.truncate()
                file.write(entry.line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            flush(self._path.parent)
        except OSError as error:
            raise StorageError(
                f"{self._path}: cannot be written ({error}); without an audit entry nothing is done"
            ) from error
        return entry

    def read(self) -> Audit:
        """All entries, and whether the chain holds."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            lines = []
        entries: list[Entry] = []
        problems: list[str] = []
        previous = _FIRST
        for number, line in enumerate(lines, start=1):
            try:
                entry = Entry(**json.loads(line))
            except (ValueError, TypeError):
                problems.append(f"line {number} is no entry")
            else:
                entries.append(entry)
                if entry.previous != previous:
                    problems.append(f"line {number} does not follow the line before it")
            previous = hashlib.sha256(line).hexdigest()
        return Audit(entries, problems, previous)


def _last_line(file: BinaryIO) -> tuple[bytes, int]:
    """The last whole line, without its end, and where the next one begins; reads little more."""
    place, tail = file.seek(0, os.SEEK_END), b""
    while place > 0 and tail.count(b"\n") < 2:
        step = min(_BLOCK_BYTES, place)
        place -= step
        file.seek(place)
        tail = file.read(step) + tail
    end = tail.rfind(b"\n") + 1
    return tail[: max(end - 1, 0)].rpartition(b"\n")[2], place + end
