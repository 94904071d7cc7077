"""Quarantine: what somebody contributed is kept, and nothing is trained on it.

    quarantine(root, "ssh", VERDICTS, "mallory", reason="core recall 0.98 to 0.61", by=GUARD)
    quarantined_contributors(root, "ssh")       # {"mallory"}
    release(root, "ssh", VERDICTS, "mallory", reason="asked her", by="ada")

`contributions/<dataset>/quarantine.json` holds every mark ever set and lifted, the oldest first; it
is replaced whole, so a reader sees the marks before or after a change and a power cut loses none
that was acknowledged. A mark names a contribution by its id, or a contributor, whose verdicts then
count for nothing in this dataset; they stay in the case store.
"""

import fcntl
import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from whetstone.durable import flush
from whetstone.errors import InputError

CONTRIBUTION, VERDICTS = "contribution", "verdicts"
"""Kinds of marks: of a contribution, by its id; of a contributor's verdicts, by the name."""
GUARD = "poison guard"
"""Who sets a mark when no person does."""

_QUARANTINED, _RELEASED = "quarantined", "released"
_FILE = "quarantine.json"


@dataclass(frozen=True)
class Mark:
    """Something was put into quarantine, or released from it.

    Attributes:
        kind: `CONTRIBUTION` or `VERDICTS`.
        name: id of the contribution, or name of the contributor.
        state: `quarantined` or `released`.
        reason: why, for people.
        by: the person, or `GUARD`.
        at: UTC, ISO 8601.
        numbers: what the reason rests on; JSON.
    """

    kind: str
    name: str
    state: str
    reason: str
    by: str
    at: str
    numbers: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def origin(self) -> str:
        """The two together, such as `verdicts:mallory`."""
        return f"{self.kind}:{self.name}"


def quarantine(
    root: Path,
    dataset: str,
    kind: str,
    name: str,
    *,
    reason: str,
    by: str,
    numbers: Mapping[str, Any] | None = None,
) -> tuple[Mark, bool]:
    """Train on it no more; returns the mark, and whether it is new.

    What is in quarantine already keeps its first mark.

    Raises:
        InputError: no such kind, an empty name, or the mark cannot be written.
    """
    _check(kind, name, by)
    mark = Mark(kind, name, _QUARANTINED, reason, by, _now(), numbers or {})
    return _set(root, dataset, mark)


def release(
    root: Path, dataset: str, kind: str, name: str, *, reason: str, by: str
) -> tuple[Mark, bool]:
    """Train on it again; returns the mark, and whether it is new.

    The guard does not quarantine again what a person released.

    Raises:
        InputError: it was never in quarantine, or the mark cannot be written.
    """
    _check(kind, name, by)
    if (kind, name) not in _latest(history(root, dataset)):
        held = ", ".join(mark.origin for mark in quarantined(root, dataset)) or "nothing"
        raise InputError(f"{kind}:{name} was never in quarantine in {dataset}; now in it: {held}")
    return _set(root, dataset, Mark(kind, name, _RELEASED, reason, by, _now()))


def quarantined(root: Path, dataset: str) -> list[Mark]:
    """What is in quarantine now, the latest mark last."""
    latest = _latest(history(root, dataset)).values()
    return [mark for mark in latest if mark.state == _QUARANTINED]


def quarantined_contributors(root: Path, dataset: str) -> frozenset[str]:
    """Names whose verdicts nothing is trained on."""
    return frozenset(m.name for m in quarantined(root, dataset) if m.kind == VERDICTS)


def vouched_for(root: Path, dataset: str) -> frozenset[str]:
    """Origins (`kind:name`) that a person released from quarantine."""
    latest = _latest(history(root, dataset)).values()
    return frozenset(mark.origin for mark in latest if mark.state == _RELEASED)


def history(root: Path, dataset: str) -> list[Mark]:
    """All marks ever, the oldest first.

    Raises:
        InputError: the file holds something else.
    """
    path = root / dataset / _FILE
    try:
        return [Mark(**mark) for mark in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path}: holds no marks ({error}); restore it from a backup: without it everything in"
            " quarantine would be trained on"
        ) from error


def _set(root: Path, dataset: str, mark: Mark) -> tuple[Mark, bool]:
    path = root / dataset / _FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            marks = history(root, dataset)
            before = _latest(marks).get((mark.kind, mark.name))
            if before is not None and before.state == mark.state:
                return before, False
            _write(path, [*marks, mark])
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error}); free space and repeat") from error
    return mark, True


def _latest(marks: list[Mark]) -> dict[tuple[str, str], Mark]:
    """The last word on each, in the order of time."""
    latest: dict[tuple[str, str], Mark] = {}
    for mark in marks:
        latest.pop((mark.kind, mark.name), None)
        latest[mark.kind, mark.name] = mark
    return latest


def _write(path: Path, marks: list[Mark]) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    text = json.dumps([asdict(mark) for mark in marks], indent=1)
    aside.write_text(text, encoding="utf-8")
    flush(aside)
    aside.replace(path)
    flush(path.parent)


@contextmanager
def _locked(directory: Path) -> Generator[None]:
    with (directory / ".quarantine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check(kind: str, name: str, by: str) -> None:
    if kind not in (CONTRIBUTION, VERDICTS):
        raise InputError(f"{kind}: write {CONTRIBUTION} or {VERDICTS}")
    if not name.strip() or not by.strip():
        raise InputError("quarantine: name what is marked and who marks it")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
